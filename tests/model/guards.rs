//! Guards and timers, done with plain numbers. Nobody knows beforehand what a timer observes; but
//! how often it does is known, and that it isn't more than went by. Each plan with states has the
//! same families of them.

use std::time::Instant;

use tachometer::{
    DynamicFamily, EngineView, Exactly, Gauge, Histogram, HistogramView, InFlight, SchemaBuilder, SettableGauge,
    SharedRecorder, Timer,
};

use super::{bytes::Bytes, op::f64_near};

/// The families of gauges, then those of timers. In each, the first has no label.
const GAUGES: [&str; 3] = ["guarded", "guarded_i64", "guarded_f64"];
const TIMERS: [&str; 2] = ["timed", "timed_by"];
pub(crate) const LABEL: &str = "of";
const VALUE: &str = "a";
const OTHER: &str = "other";
/// Longer than any timer runs.
const BOUND: f64 = 1e9;

#[derive(Clone, Copy)]
pub(crate) struct Families {
    level: SettableGauge<f64>,
    integers: DynamicFamily<Gauge<i64>, Exactly<1>>,
    floats: DynamicFamily<Gauge<f64>, Exactly<1>>,
    seconds: Histogram<f64>,
    seconds_by: DynamicFamily<Histogram<f64>, Exactly<1>>,
}

pub(crate) fn declare(builder: &mut SchemaBuilder) -> Families {
    let ([level, integers, floats], [seconds, seconds_by]) = (GAUGES, TIMERS);
    let level = builder.gauge(level, "").settable().declare().expect("a valid family");
    let integers = builder.gauge(integers, "").dynamic_labels([LABEL], 1).declare().expect("a valid family");
    let floats = builder.gauge(floats, "").dynamic_labels([LABEL], 1).declare().expect("a valid family");
    let seconds = builder.histogram(seconds, "", &[BOUND]).declare().expect("a valid family");
    let seconds_by = builder.histogram(seconds_by, "", &[BOUND]).dynamic_labels([LABEL], 1);
    Families { level, integers, floats, seconds, seconds_by: seconds_by.declare().expect("a valid family") }
}

/// Families and guards are named by their index, modulo how many guards there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GuardOp {
    Enter(usize),
    Leave(usize),
    Start(usize),
    Stop(usize),
    Discard(usize),
    /// Removes the series with a label of a family of gauges, or that of timers.
    Remove(usize),
    /// The gauge without a label.
    Set(f64),
}

impl GuardOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(16) {
            0..=2 => Self::Enter(bytes.below(GAUGES.len())),
            3..=5 => Self::Leave(bytes.below(8)),
            6..=8 => Self::Start(bytes.below(TIMERS.len())),
            9 | 10 => Self::Stop(bytes.below(8)),
            11 | 12 => Self::Discard(bytes.below(8)),
            13 | 14 => Self::Remove(bytes.below(3)),
            _ => Self::Set(f64_near(bytes, &[])),
        }
    }
}

/// The guards of an engine. Each with its family, and how often that family's series had been
/// removed when it began; a timer with when that was.
#[derive(Default)]
pub(crate) struct Held {
    in_flight: Vec<(InFlight, usize, usize)>,
    timers: Vec<(Timer, usize, usize, Instant)>,
}

/// A gauge's level; or how often timers observed, and at most how many seconds.
#[derive(Clone, Copy, Default)]
struct Total {
    value: f64,
    seconds: f64,
}

/// A family's series, if the family has no label or the series was looked up.
#[derive(Default)]
struct TwinFamily {
    total: Option<Total>,
    removed: usize,
}

impl TwinFamily {
    /// Changes the series, unless it was removed since. Returns how many changes were rejected.
    fn change(&mut self, removed: usize, value: f64, seconds: f64) -> u64 {
        let Some(total) = self.total.as_mut().filter(|_| self.removed == removed) else { return 0 };
        let sum = total.value + value;
        if sum.is_finite() {
            *total = Total { value: sum, seconds: total.seconds + seconds };
        }
        u64::from(!sum.is_finite())
    }

    fn look_up(&mut self) -> usize {
        self.total.get_or_insert_default();
        self.removed
    }

    fn remove(&mut self) -> bool {
        let was_there = self.total.take().is_some();
        self.removed += usize::from(was_there);
        was_there
    }
}

#[derive(Default)]
pub(crate) struct Twin {
    gauges: [TwinFamily; GAUGES.len()],
    timers: [TwinFamily; TIMERS.len()],
}

/// Applies an operation to both. Returns how many changes were rejected.
pub(crate) fn apply(
    op: GuardOp,
    (recorder, families): (&SharedRecorder, Families),
    held: &mut Held,
    twin: &mut Twin,
) -> u64 {
    match op {
        GuardOp::Enter(family) => {
            let removed = twin.gauges[family].look_up();
            held.in_flight.push((enter(family, recorder, families), family, removed));
            return twin.gauges[family].change(removed, 1.0, 0.0);
        }
        GuardOp::Leave(guard) if !held.in_flight.is_empty() => {
            let (guard, family, removed) = held.in_flight.swap_remove(guard % held.in_flight.len());
            drop(guard);
            return twin.gauges[family].change(removed, -1.0, 0.0);
        }
        GuardOp::Start(family) => {
            let (removed, begun) = (twin.timers[family].look_up(), Instant::now()); // before the timer's own
            held.timers.push((start(family, recorder, families), family, removed, begun));
        }
        GuardOp::Stop(timer) if !held.timers.is_empty() => {
            let (timer, family, removed, begun) = held.timers.swap_remove(timer % held.timers.len());
            drop(timer);
            return twin.timers[family].change(removed, 1.0, begun.elapsed().as_secs_f64());
        }
        GuardOp::Discard(timer) if !held.timers.is_empty() => {
            held.timers.swap_remove(timer % held.timers.len()).0.discard();
        }
        GuardOp::Leave(_) | GuardOp::Stop(_) | GuardOp::Discard(_) => {}
        GuardOp::Remove(0) => assert_eq!(recorder.remove(families.seconds_by, [VALUE]), twin.timers[1].remove()),
        GuardOp::Remove(1) => assert_eq!(recorder.remove(families.integers, [VALUE]), twin.gauges[1].remove()),
        GuardOp::Remove(_) => assert_eq!(recorder.remove(families.floats, [VALUE]), twin.gauges[2].remove()),
        GuardOp::Set(value) => {
            recorder.set_gauge(families.level, value);
            twin.gauges[0].total = Some(Total { value, seconds: 0.0 });
        }
    }
    0
}

fn enter(family: usize, recorder: &SharedRecorder, families: Families) -> InFlight {
    match family {
        0 => recorder.in_flight(families.level),
        1 => recorder.with_label_values(families.integers, [VALUE]).in_flight(),
        _ => recorder.with_label_values(families.floats, [VALUE]).in_flight(),
    }
}

fn start(family: usize, recorder: &SharedRecorder, families: Families) -> Timer {
    match family {
        0 => recorder.timer(families.seconds),
        _ => recorder.with_label_values(families.seconds_by, [VALUE]).timer(),
    }
}

/// What an engine shows of a family, by label value: a gauge's level, or a count and at most how
/// many seconds. Only a family with a label has label values, and shows nothing before there is a
/// shared recorder.
fn shown(family: &TwinFamily, has_label: bool, is_shared: bool) -> Vec<(Option<&'static str>, Total)> {
    match has_label {
        false => vec![(None, family.total.unwrap_or_default())],
        true if !is_shared => Vec::new(),
        true => {
            let series = family.total.map(|total| (Some(VALUE), total));
            series.into_iter().chain([(Some(OTHER), Total::default())]).collect()
        }
    }
}

impl Twin {
    fn gauges(&self, is_shared: bool) -> [Vec<(Option<&'static str>, Total)>; GAUGES.len()] {
        std::array::from_fn(|family| shown(&self.gauges[family], family > 0, is_shared))
    }

    fn timers(&self, is_shared: bool) -> [Vec<(Option<&'static str>, Total)>; TIMERS.len()] {
        std::array::from_fn(|family| shown(&self.timers[family], family > 0, is_shared))
    }
}

/// Compares one engine of a snapshot.
pub(crate) fn check(seen: EngineView<'_>, families: &Families, twin: &Twin, is_shared: bool) {
    let Families { level, integers, floats, seconds, seconds_by } = *families;
    let gauges = [
        vec![(None, seen.settable(level))],
        seen.gauges(integers).map(|([of], value)| (Some(of), value as f64)).collect(),
        seen.gauges(floats).map(|([of], value)| (Some(of), value)).collect(),
    ];
    for (seen, expected) in gauges.into_iter().zip(twin.gauges(is_shared)) {
        let expected = expected.into_iter().map(|(of, total)| (of, total.value));
        // As text, in which NaN is NaN.
        assert_eq!(format!("{seen:?}"), format!("{:?}", expected.collect::<Vec<_>>()));
    }
    let by = seen.histograms(seconds_by).map(|([of], view)| (Some(of), view)).collect();
    for (seen, expected) in [vec![(None, seen.histogram(seconds))], by].into_iter().zip(twin.timers(is_shared)) {
        assert_eq!(seen.len(), expected.len());
        seen.into_iter().zip(expected).for_each(|(seen, expected)| check_timed(seen, expected));
    }
}

fn check_timed((of, seen): (Option<&str>, HistogramView<'_, f64>), (expected, total): (Option<&str>, Total)) {
    let count = total.value as u64;
    assert_eq!((of, seen.count()), (expected, count));
    assert!(seen.cumulative_buckets().eq([(BOUND, count), (f64::INFINITY, count)]), "all are in the first bucket");
    assert!((0.0..=total.seconds).contains(&seen.sum()), "{} seconds, {} went by", seen.sum(), total.seconds);
}

/// A sample of a page: its name, its own labels, the number.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(&'static str, &'static str)>,
    pub(crate) number: Number,
}

pub(crate) enum Number {
    Integer(i128),
    Float(f64),
    /// From 0 to this.
    AtMost(f64),
}

pub(crate) fn samples(twin: &Twin, is_shared: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name: &str, of: Option<&'static str>, le: Option<&'static str>, number| {
        let labels = of.map(|of| (LABEL, of)).into_iter().chain(le.map(|le| ("le", le))).collect();
        samples.push(Sample { name: name.to_owned(), labels, number });
    };
    for (family, series) in twin.gauges(is_shared).into_iter().enumerate() {
        for (of, total) in series {
            let number = if family == 1 { Number::Integer(total.value as i128) } else { Number::Float(total.value) };
            add(GAUGES[family], of, None, number);
        }
    }
    for (name, series) in TIMERS.into_iter().zip(twin.timers(is_shared)) {
        for (of, total) in series {
            let count = || Number::Integer(total.value as i128);
            ["1000000000", "inf"].into_iter().for_each(|le| add(&format!("{name}_bucket"), of, Some(le), count()));
            add(&format!("{name}_sum"), of, None, Number::AtMost(total.seconds));
            add(&format!("{name}_count"), of, None, count());
        }
    }
    samples
}
