//! A family with dynamic labels, done with a map: a counter that each plan has, with room for two
//! tenants per engine.

use std::collections::BTreeMap;

use tachometer::{Counter, DynamicFamily, DynamicSeries, EngineView, Exactly, SchemaBuilder, SharedRecorder};

use super::{bytes::Bytes, op::u64_near, twin::WRAPPED};

pub(crate) const NAME: &str = "dynamic_total";
pub(crate) const LABEL: &str = "tenant";
const CAPACITY: usize = 2;
const OTHER: &str = "other";

pub(crate) type Family = DynamicFamily<Counter<u64>, Exactly<1>>;

pub(crate) fn declare(builder: &mut SchemaBuilder) -> Family {
    builder.counter("dynamic", "").dynamic_labels([LABEL], CAPACITY).declare().expect("a valid family")
}

#[derive(Clone, Debug)]
pub(crate) enum DynamicOp {
    LookUp(&'static str),
    Remove(&'static str),
    /// Through a series that was looked up, whether or not it was removed since.
    Add(usize, u64),
}

impl DynamicOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        let tenant = *bytes.choose(&["a", "b", "c\"\\\n", OTHER]);
        match bytes.below(8) {
            0..=2 => Self::LookUp(tenant),
            3 => Self::Remove(tenant),
            _ => Self::Add(bytes.below(8), u64_near(bytes, &[])),
        }
    }
}

/// What an engine with a shared recorder has of it.
pub(crate) struct DynamicTwin {
    /// Each tenant's index in `totals`.
    pub(crate) tenants: BTreeMap<&'static str, usize>,
    /// Also of those that were removed.
    pub(crate) totals: Vec<u64>,
    /// Indices in `totals`, one per handle.
    handles: Vec<usize>,
    pub(crate) overflowed: u64,
}

impl DynamicTwin {
    pub(crate) fn new() -> Self {
        Self { tenants: BTreeMap::from([(OTHER, 0)]), totals: vec![0], handles: Vec::new(), overflowed: 0 }
    }

    fn look_up(&mut self, tenant: &'static str) {
        let full = self.tenants.len() > CAPACITY && !self.tenants.contains_key(tenant);
        self.overflowed += u64::from(full);
        let index = *self.tenants.entry(if full { OTHER } else { tenant }).or_insert(self.totals.len());
        self.totals.resize(self.totals.len().max(index + 1), 0);
        self.handles.push(index);
    }

    fn remove(&mut self, tenant: &str) -> bool {
        tenant != OTHER && self.tenants.remove(tenant).is_some()
    }

    /// Whether it could be counted.
    fn add(&mut self, handle: usize, n: u64) -> bool {
        let total = &mut self.totals[self.handles[handle]];
        let sum = total.checked_add(n).filter(|sum| *sum <= 1 << 63 && n < WRAPPED);
        *total = sum.unwrap_or(*total);
        sum.is_some()
    }
}

/// Applies an operation to both. Returns how many additions were rejected.
pub(crate) fn apply(
    op: &DynamicOp,
    (recorder, family): (&SharedRecorder, Family),
    series: &mut Vec<DynamicSeries<Counter<u64>>>,
    twin: &mut DynamicTwin,
) -> u64 {
    match *op {
        DynamicOp::LookUp(tenant) => {
            series.push(recorder.with_label_values(family, [tenant]));
            twin.look_up(tenant);
        }
        DynamicOp::Remove(tenant) => assert_eq!(recorder.remove(family, [tenant]), twin.remove(tenant), "{tenant}"),
        DynamicOp::Add(_, _) if series.is_empty() => {}
        DynamicOp::Add(handle, n) => {
            let handle = handle % series.len();
            series[handle].add(n);
            return u64::from(!twin.add(handle, n));
        }
    }
    0
}

/// Compares the family in a snapshot.
pub(crate) fn check(seen: EngineView<'_>, family: Family, twin: Option<&DynamicTwin>) {
    let expected = twin.iter().flat_map(|twin| twin.tenants.iter().map(|(tenant, at)| ([*tenant], twin.totals[*at])));
    assert!(seen.counters(family).eq(expected), "{:?}", seen.counters(family).collect::<Vec<_>>());
}
