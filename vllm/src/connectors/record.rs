//! Checks a payload, and records it.

use tachometer::{SharedRecorder, Step};

use super::{
    declare::{Compiled, Series},
    error::Problem,
    python,
    table::Take,
    value::{Number, Value, entry},
    walk::Sink,
};

/// Finds out whether each number of a payload can be recorded.
pub(super) struct Check<'d>(pub(super) &'d [Compiled]);

impl Sink for Check<'_> {
    fn take(&mut self, sample: usize, value: Option<&Value<'_>>, _: &[&str]) -> Result<(), Problem> {
        let Some(value) = value else { return Ok(()) };
        match self.0[sample].take {
            Take::Count => value.number().ok_or(Problem::NotANumber)?.as_count().map(drop),
            Take::Float => is_amount(value.number().ok_or(Problem::NotANumber)?),
            Take::Set => value.number().map(drop).ok_or(Problem::NotANumber),
            Take::SumOfList => value.each_number(|number| number.as_count().map(drop)),
            Take::SetLast => value.each_number(|_| Ok(())),
            Take::ObserveEach => observations(value, is_observation),
            Take::One => {
                if matches!(value, Value::Map(_)) {
                    Ok(())
                } else {
                    Err(Problem::NotAMap)
                }
            }
            Take::Info => infos(value, |_| ()),
        }
    }
}

fn is_amount(number: Number) -> Result<(), Problem> {
    let number = number.as_f64();
    if number < 0.0 { Err(Problem::Negative) } else { is_observation(Number::Float(number)) }
}

#[inline]
fn is_observation(number: Number) -> Result<(), Problem> {
    if number.as_f64().is_finite() { Ok(()) } else { Err(Problem::NotFinite) }
}

#[inline]
fn observations(value: &Value<'_>, mut f: impl FnMut(Number) -> Result<(), Problem>) -> Result<(), Problem> {
    match value.number() {
        Some(number) => f(number),
        None => value.each_number(f),
    }
}

#[inline]
fn each_observation(value: &Value<'_>, mut observe: impl FnMut(f64)) -> Result<(), Problem> {
    observations(value, |number| {
        observe(number.as_f64());
        Ok(())
    })
}

/// Calls `f` with each map of a list, or of none.
fn infos<'v, 'a>(value: &'v Value<'a>, mut f: impl FnMut(&'v Value<'a>)) -> Result<(), Problem> {
    match value {
        Value::None => Ok(()),
        Value::List(maps) if maps.iter().all(|map| matches!(map, Value::Map(_))) => {
            maps.iter().for_each(&mut f);
            Ok(())
        }
        Value::List(_) => Err(Problem::NotAMap),
        _ => Err(Problem::NotAList),
    }
}

/// Records a payload that was checked.
pub(super) struct Record<'r, 's> {
    pub(super) samples: &'r [Compiled],
    pub(super) step: &'r mut Step<'s>,
    pub(super) shared: &'r SharedRecorder,
}

impl Sink for Record<'_, '_> {
    fn take(&mut self, sample: usize, value: Option<&Value<'_>>, labels: &[&str]) -> Result<(), Problem> {
        let sample = &self.samples[sample];
        let zero = Value::Integer(0);
        let value = value.unwrap_or(&zero);
        let number = || value.number().map_or(0.0, Number::as_f64);
        match sample.take {
            Take::Count => self.add(sample.series, value.number().map_or(Ok(0), Number::as_count)?, labels),
            Take::One => self.add(sample.series, 1, labels),
            Take::SumOfList => {
                let mut sum = 0_u64;
                value.each_number(|number| {
                    sum = sum.saturating_add(number.as_count()?);
                    Ok(())
                })?;
                self.add(sample.series, sum, labels);
            }
            Take::Float => self.add_float(sample.series, number(), labels),
            Take::Set => self.set(sample.series, number(), labels),
            Take::SetLast => {
                let mut last = None;
                value.each_number(|number| {
                    last = Some(number.as_f64());
                    Ok(())
                })?;
                last.into_iter().for_each(|last| self.set(sample.series, last, labels));
            }
            Take::ObserveEach => self.observe(sample.series, value, labels)?,
            Take::Info => infos(value, |info| self.info(sample, info))?,
        }
        Ok(())
    }
}

/// A family has the handles that fit how its samples are taken: declaring it checked that.
impl Record<'_, '_> {
    fn add(&mut self, series: Series, n: u64, labels: &[&str]) {
        match series {
            Series::Counter(counter) => self.step.add(counter, n),
            Series::DynamicCounter(family) => self.shared.with_label_values(family, labels).add(n),
            _ => {}
        }
    }

    fn add_float(&mut self, series: Series, n: f64, labels: &[&str]) {
        match series {
            Series::FloatCounter(counter) => self.step.add(counter, n),
            Series::DynamicFloatCounter(family) => self.shared.with_label_values(family, labels).add(n),
            _ => {}
        }
    }

    fn set(&mut self, series: Series, value: f64, labels: &[&str]) {
        match series {
            Series::Gauge(state) => self.step.set_state(state, value),
            Series::DynamicGauge(family) => self.shared.with_label_values(family, labels).set(value),
            _ => {}
        }
    }

    /// One by one, so that the sum is vLLM's to the last digit.
    fn observe(&mut self, series: Series, value: &Value<'_>, labels: &[&str]) -> Result<(), Problem> {
        match series {
            Series::Histogram(histogram) => each_observation(value, |number| self.step.observe(histogram, number)),
            Series::DynamicHistogram(family) => {
                let series = self.shared.with_label_values(family, labels);
                each_observation(value, |number| series.observe(number))
            }
            _ => Ok(()),
        }
    }

    fn info(&mut self, sample: &Compiled, info: &Value<'_>) {
        let Value::Map(entries) = info else { return };
        let text = |label: &str| entry(entries, label).map(python::str).unwrap_or_default();
        let values: Vec<String> = sample.labels.iter().map(|label| text(label)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.set(sample.series, 1.0, &values);
    }
}
