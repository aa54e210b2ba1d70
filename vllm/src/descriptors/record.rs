//! Records payloads by a descriptor.

use serde_json::{Map, Number, Value};
use tachometer::{Counter, DynamicSeries, Gauge, Histogram, SharedRecorder, State, Step};

use super::{
    declare::{DescriptorFamilies, Sample},
    error::DescriptorError,
    group::FamilyHandle,
    read::SampleKind,
};

/// Records one engine's payloads by a descriptor.
#[derive(Debug)]
pub struct DescriptorMetrics {
    families: DescriptorFamilies,
    /// One list per family.
    series: Vec<Vec<Series>>,
}

#[derive(Debug)]
enum Series {
    Counter(Counter<u64>),
    FloatCounter(Counter<f64>),
    Gauge(State<f64>),
    Histogram(Histogram<f64>),
    LabelledCounter(DynamicSeries<Counter<u64>>),
    LabelledFloatCounter(DynamicSeries<Counter<f64>>),
    LabelledGauge(DynamicSeries<Gauge<f64>>),
    LabelledHistogram(DynamicSeries<Histogram<f64>>),
}

impl DescriptorFamilies {
    /// Starts recording for one engine. `recorder` must be of the engine's part in the joined
    /// schema. Creates the series with constant labels: counters and gauges show a 0 at once,
    /// histograms with their first observation.
    ///
    /// # Panics
    /// If `recorder` is of another schema.
    #[must_use]
    pub fn metrics(&self, recorder: &SharedRecorder) -> DescriptorMetrics {
        let families = self.families.iter();
        let series = families.map(|family| {
            let labels = family.series.iter();
            labels.map(|values| Series::new(family.handle, values, recorder)).collect()
        });
        DescriptorMetrics { series: series.collect(), families: self.clone() }
    }
}

impl DescriptorMetrics {
    /// Records a payload in JSON, as the proposal does. What is absent or isn't a number is
    /// skipped. Floats lose their fraction where an integer is expected; negative additions are
    /// skipped. A number counts as a list of one. A map whose keys are tuples of label values
    /// counts as its entry without labels, or as its only entry.
    ///
    /// # Errors
    /// If the payload isn't JSON. Then nothing is recorded.
    pub fn record_json(&self, step: &mut Step<'_>, payload: &[u8]) -> Result<(), DescriptorError> {
        let payload: Value = serde_json::from_slice(payload)?;
        for sample in &*self.families.samples {
            if let Some(value) = find(&payload, &sample.path) {
                self.series[sample.family][sample.series].record(step, sample, value);
            }
        }
        Ok(())
    }
}

/// The value at a path.
fn find<'v>(payload: &'v Value, path: &[String]) -> Option<&'v Value> {
    let value = path.iter().try_fold(payload, |value, key| value.as_object()?.get(key))?;
    match value {
        Value::Object(map) => unwrapped(map),
        value => Some(value),
    }
}

/// The entry without labels, or the only one. In JSON, a tuple is the text of a list.
fn unwrapped(map: &Map<String, Value>) -> Option<&Value> {
    if !map.keys().all(|key| serde_json::from_str::<Vec<Value>>(key).is_ok()) {
        return None;
    }
    map.get("[]").or_else(|| map.values().next().filter(|_| map.len() == 1))
}

impl Series {
    fn new(family: FamilyHandle, values: &[String], recorder: &SharedRecorder) -> Self {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        match family {
            FamilyHandle::Counter(counter) => Self::Counter(counter),
            FamilyHandle::FloatCounter(counter) => Self::FloatCounter(counter),
            FamilyHandle::Gauge(gauge) => Self::Gauge(gauge),
            FamilyHandle::Histogram(histogram) => Self::Histogram(histogram),
            FamilyHandle::LabelledCounter(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0);
                Self::LabelledCounter(series)
            }
            FamilyHandle::LabelledFloatCounter(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0.0);
                Self::LabelledFloatCounter(series)
            }
            FamilyHandle::LabelledGauge(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0.0);
                Self::LabelledGauge(series)
            }
            FamilyHandle::LabelledHistogram(family) => {
                Self::LabelledHistogram(recorder.with_label_values(family, &values))
            }
        }
    }

    fn record(&self, step: &mut Step<'_>, sample: &Sample, value: &Value) {
        match sample.kind {
            SampleKind::IncByU64 => self.add(step, value.as_number().and_then(integer).unwrap_or(0)),
            SampleKind::IncBySumU64 => {
                let sum = items(value).filter_map(|item| integer(item.as_number()?)).fold(0, u64::saturating_add);
                self.add(step, sum);
            }
            SampleKind::IncByF64 => self.add_float(step, value.as_f64().unwrap_or(0.0)),
            SampleKind::SetU64 => {
                if let Some(value) = value.as_number().and_then(integer) {
                    self.set(step, value as f64);
                }
            }
            SampleKind::SetF64 => {
                if let Some(value) = value.as_f64() {
                    self.set(step, value);
                }
            }
            SampleKind::ObserveEachF64 => {
                items(value).filter_map(Value::as_f64).for_each(|value| self.observe(step, value * sample.scale));
            }
            SampleKind::ObserveEachU64AsF64 => {
                let values = items(value).filter_map(|item| integer(item.as_number()?));
                values.for_each(|value| self.observe(step, value as f64 * sample.scale));
            }
        }
    }

    fn add(&self, step: &mut Step<'_>, n: u64) {
        match self {
            _ if n == 0 => {}
            Self::Counter(counter) => step.add(*counter, n),
            Self::LabelledCounter(series) => series.add(n),
            // Another entry of the family adds floats.
            _ => self.add_float(step, n as f64),
        }
    }

    fn add_float(&self, step: &mut Step<'_>, n: f64) {
        match self {
            _ if n <= 0.0 => {}
            Self::FloatCounter(counter) => step.add(*counter, n),
            Self::LabelledFloatCounter(series) => series.add(n),
            _ => {}
        }
    }

    fn set(&self, step: &mut Step<'_>, value: f64) {
        match self {
            Self::Gauge(gauge) => step.set_state(*gauge, value),
            Self::LabelledGauge(series) => series.set(value),
            _ => {}
        }
    }

    fn observe(&self, step: &mut Step<'_>, value: f64) {
        match self {
            Self::Histogram(histogram) => step.observe(*histogram, value),
            Self::LabelledHistogram(series) => series.observe(value),
            _ => {}
        }
    }
}

/// The items of a list. Anything else is a list of one.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().chain(Some(value).filter(|value| !value.is_array()))
}

/// The number without its fraction. `None` if it is negative.
fn integer(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| number.as_f64().filter(|float| *float >= 0.0).map(|float| float as u64))
}
