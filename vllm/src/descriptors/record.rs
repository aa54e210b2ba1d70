//! Records payloads by a descriptor.

use tachometer::{Counter, DynamicSeries, Engine, Gauge, Histogram, SharedRecorder, State, Step};

use super::{
    declare::{DescriptorFamilies, Sample},
    read::{DESCRIPTOR, STEPS, SampleKind},
};
use crate::connectors::{Key, Payload, Value, declare::Series, value::Number};

/// Records one engine's payloads by a descriptor.
#[derive(Debug)]
pub struct DescriptorMetrics {
    families: DescriptorFamilies,
    /// One list per family.
    series: Vec<Vec<BoundSeries>>,
}

/// A series with all its labels.
#[derive(Debug)]
enum BoundSeries {
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
    /// Starts recording for one engine: its part in the joined schema. Creates the series with
    /// constant labels: counters and gauges show a 0 at once, histograms with their first
    /// observation.
    ///
    /// # Panics
    /// If `engine` is of another schema.
    #[must_use]
    pub fn metrics(&self, engine: &Engine) -> DescriptorMetrics {
        let (families, recorder) = (self.families.iter(), engine.shared_recorder());
        let series = families.map(|family| {
            let labels = family.series.iter();
            labels.map(|values| BoundSeries::new(family.handle, values, &recorder)).collect()
        });
        DescriptorMetrics { series: series.collect(), families: self.clone() }
    }
}

impl DescriptorMetrics {
    /// Records a payload, as the proposal does. What is absent or isn't a number is skipped. Floats
    /// lose their fraction where an integer is expected; negative additions are skipped. A number
    /// counts as a list of one. A map whose keys are tuples of label values counts as its entry
    /// without labels, or as its only entry.
    ///
    /// # Progress
    /// As the step: wait-free, and nothing is allocated. Series with constant labels aren't part of
    /// the step: they show at once.
    pub fn record(&self, step: &mut Step<'_>, payload: &impl Payload) {
        payload.with_value(|payload| {
            for sample in &*self.families.samples {
                if let Some(value) = find(payload, &sample.path) {
                    self.series[sample.family][sample.series].record(step, sample, value);
                }
            }
        });
    }
}

/// The value at a path.
fn find<'v, 'a>(payload: &'v Value<'a>, path: &[String]) -> Option<&'v Value<'a>> {
    let is_sample = |key: &String| ![DESCRIPTOR, STEPS].contains(&key.as_str());
    if !mutant!(path.first().is_some_and(is_sample), "descriptor: its own key is a sample" => true) {
        return None;
    }
    let value = path.iter().try_fold(payload, |value, key| value.get(key))?;
    match value {
        Value::Map(map) => unwrapped(map),
        value => Some(value),
    }
}

/// The entry without labels, or the only one.
fn unwrapped<'v, 'a>(map: &'v [(Key<'a>, Value<'a>)]) -> Option<&'v Value<'a>> {
    let labels = map.iter().all(|(key, _)| matches!(key, Key::Labels(_)));
    if !mutant!(labels, "descriptor: any map is unwrapped" => true) {
        return None;
    }
    let without_labels = map.iter().find(|(key, _)| matches!(key, Key::Labels(values) if values.is_empty()));
    without_labels
        .or_else(|| {
            map.first().filter(|_| mutant!(map.len() == 1, "descriptor: the first of several labels counts" => true))
        })
        .map(|(_, value)| value)
}

impl BoundSeries {
    fn new(family: Series, values: &[String], recorder: &SharedRecorder) -> Self {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        match family {
            Series::Counter(counter) => Self::Counter(counter),
            Series::FloatCounter(counter) => Self::FloatCounter(counter),
            Series::Gauge(gauge) => Self::Gauge(gauge),
            Series::Histogram(histogram) => Self::Histogram(histogram),
            Series::DynamicCounter(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0);
                Self::LabelledCounter(series)
            }
            Series::DynamicFloatCounter(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0.0);
                Self::LabelledFloatCounter(series)
            }
            Series::DynamicGauge(family) => {
                let series = recorder.with_label_values(family, &values);
                series.add(0.0);
                Self::LabelledGauge(series)
            }
            Series::DynamicHistogram(family) => Self::LabelledHistogram(recorder.with_label_values(family, &values)),
        }
    }

    fn record(&self, step: &mut Step<'_>, sample: &Sample, value: &Value<'_>) {
        let number = value.number();
        match sample.kind {
            SampleKind::IncByU64 => self.add(step, number.and_then(integer).unwrap_or(0)),
            SampleKind::IncBySumU64 => {
                let mut sum = 0_u64;
                value.numbers_if_any(|number| sum = sum.saturating_add(integer(number).unwrap_or(0)));
                self.add(step, sum);
            }
            SampleKind::IncByF64 => self.add_float(step, number.map_or(0.0, Number::as_f64)),
            SampleKind::SetU64 => {
                number.and_then(integer).into_iter().for_each(|number| self.set(step, number as f64));
            }
            SampleKind::SetF64 => number.into_iter().for_each(|number| self.set(step, number.as_f64())),
            SampleKind::ObserveEachF64 => {
                value.numbers_if_any(|number| self.observe(step, number.as_f64() * sample.scale));
            }
            SampleKind::ObserveEachU64AsF64 => value.numbers_if_any(|number| {
                integer(number).into_iter().for_each(|number| self.observe(step, number as f64 * sample.scale));
            }),
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
            _ if mutant!(n <= 0.0, "descriptor: negative additions aren't skipped" => false) => {}
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

/// The number without its fraction. `None` if it is negative.
fn integer(number: Number) -> Option<u64> {
    match number {
        Number::Integer(number) => u64::try_from(number).ok(),
        Number::Float(number) => {
            mutant!(number >= 0.0, "descriptor: negative numbers are 0" => true).then_some(number as u64)
        }
    }
}
