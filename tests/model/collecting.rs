//! A collector that is registered and dropped, succeeds or fails: a gauge, done with one number.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
};

use tachometer::{Collector, CollectorError, Registry, Schema};

use super::{bytes::Bytes, op::u64_near};

pub(crate) const NAME: &str = "collected";
/// With this one the closure records and fails.
const FAILS: i64 = 13;
/// With this one it panics.
const PANICS: i64 = 14;

#[derive(Clone, Debug)]
pub(crate) enum CollectOp {
    Register,
    Drop,
    /// What the closure records from now on.
    Set(i64),
}

impl CollectOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(8) {
            0..=3 => Self::Register,
            4 => Self::Drop,
            5 => Self::Set(*bytes.choose(&[FAILS, PANICS])),
            _ => Self::Set(u64_near(bytes, &[]) as i64),
        }
    }
}

/// What both share, and what a page must show.
#[derive(Default)]
pub(crate) struct Collecting {
    collector: Option<Collector>,
    value: Arc<AtomicI64>,
    calls: Arc<AtomicUsize>,
    /// Pages while it was registered.
    pages: usize,
    failures: u64,
}

impl Collecting {
    pub(crate) fn apply(&mut self, op: &CollectOp, registry: &Registry) {
        match op {
            CollectOp::Register => match self.register(registry) {
                Ok(collector) => {
                    assert!(self.collector.is_none(), "its name is exposed already");
                    self.collector = Some(collector);
                }
                Err(error) => assert!(matches!(error, CollectorError::Clash(_)) && self.collector.is_some(), "{error}"),
            },
            CollectOp::Drop => self.collector = None,
            CollectOp::Set(value) => self.value.store(*value, Relaxed),
        }
    }

    fn register(&self, registry: &Registry) -> Result<Collector, CollectorError> {
        let mut schema = Schema::builder(&[]);
        let gauge = schema.gauge::<i64>(NAME, "").settable().declare().expect("a valid family");
        let (value, calls) = (Arc::clone(&self.value), Arc::clone(&self.calls));
        registry.collector(schema.build().expect("a valid schema"), move |recorder| {
            calls.fetch_add(1, Relaxed);
            let value = value.load(Relaxed);
            recorder.set_gauge(gauge, value);
            match value {
                FAILS => Err("as it was told to".into()),
                // Without the message that a panic prints.
                PANICS => std::panic::resume_unwind(Box::new(())),
                _ => Ok(()),
            }
        })
    }

    /// The samples that the page which was just written must have: the failures, and the gauge.
    pub(crate) fn page(&mut self) -> Option<(u64, Option<i64>)> {
        let registered = self.collector.is_some();
        self.pages += usize::from(registered);
        assert_eq!(self.calls.load(Relaxed), self.pages, "one call for each page");
        let value = self.value.load(Relaxed);
        let fails = [FAILS, PANICS].contains(&value);
        self.failures += u64::from(registered && fails);
        registered.then_some((self.failures, (!fails).then_some(value)))
    }
}
