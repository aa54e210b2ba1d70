//! What the documentation promises, done in the simplest way: maps from label sets to numbers,
//! buckets found bound by bound, a step that is a copy of everything. Knows nothing of slabs.

use std::collections::BTreeMap;

use super::{
    dynamic::DynamicTwin,
    guards,
    joined::TwinParts,
    op::{Call, Series, Way},
    plan::{Kind, LabelSet, Plan},
    states::{Settable, StateOp, StateRow},
    sums::{Sum, sum_of_floats},
};

/// What was recorded, by family and label set.
pub(crate) type Numbers = BTreeMap<(usize, LabelSet), Cell>;

#[derive(Clone, Debug)]
pub(crate) enum Cell {
    U64(u64),
    I64(i64),
    F64(f64),
    /// Observations in each bucket, not cumulative; the overflow bucket last.
    HistogramU64 {
        buckets: Vec<u64>,
        sum: u64,
    },
    HistogramF64 {
        buckets: Vec<u64>,
        sum: Sum,
    },
}

/// From here on an integer is a negative one that wrapped around.
pub(crate) const WRAPPED: u64 = 1 << 63;

/// What a word takes, at most.
#[derive(Clone, Copy)]
struct Limits {
    /// A counter or a sum of integers.
    total: u64,
    /// From `observe_n` at a time.
    observations: u64,
}

impl Limits {
    const OF_A_STEP: Self = Self { total: u64::MAX, observations: u64::MAX };
    const OF_A_SHARD: Self = Self { total: 1 << 63, observations: 1 << 32 };
    /// One bucket takes no more from `observe_n`.
    const BUCKET: u64 = 1 << 62;
}

pub(crate) struct TwinEngine {
    /// Values of the engine labels.
    pub(crate) values: Vec<String>,
    pub(crate) attached: bool,
    pub(crate) slabs: Vec<TwinSlab>,
    /// What shared recorders recorded, once there is one: all in one shard, as there is one thread.
    shared: Option<Numbers>,
    /// From the first shared recorder on.
    pub(crate) dynamic: Option<DynamicTwin>,
    pub(crate) settable: Settable,
    pub(crate) guards: guards::Twin,
    /// How often a state was set, in any step.
    states_set: u64,
    /// In the schema that joined.
    pub(crate) parts: TwinParts,
    pub(crate) rejected: u64,
    pub(crate) discarded: u64,
    /// Nothing recorded.
    zeros: Numbers,
}

#[derive(Default)]
pub(crate) struct TwinSlab {
    /// Its recorder is in use.
    pub(crate) leased: bool,
    /// Steps committed.
    step: u64,
    committed: Numbers,
    committed_states: StateRow,
    /// A step was leaked, which shows as discarded when the next one opens, or the recorder is
    /// dropped.
    leaked: bool,
    /// A step is open, or was leaked.
    is_open: bool,
    open: Numbers,
    open_states: StateRow,
}

impl TwinEngine {
    pub(crate) fn new(values: Vec<String>, plan: &Plan) -> Self {
        let zero = |kind, bounds: &[f64]| match kind {
            Kind::CounterU64 => Cell::U64(0),
            Kind::GaugeI64 => Cell::I64(0),
            Kind::CounterF64 | Kind::GaugeF64 => Cell::F64(0.0),
            Kind::HistogramU64 => Cell::HistogramU64 { buckets: vec![0; bounds.len() + 1], sum: 0 },
            Kind::HistogramF64 => {
                Cell::HistogramF64 { buckets: vec![0; bounds.len() + 1], sum: Sum { value: 0.0, slack: 0.0 } }
            }
        };
        let mut zeros = Numbers::new();
        for (index, family) in plan.families.iter().enumerate() {
            let cells = family.series().into_iter().map(|set| ((index, set), zero(family.kind, &family.bounds)));
            zeros.extend(cells);
        }
        let slab = TwinSlab { committed: zeros.clone(), ..TwinSlab::default() };
        Self {
            values,
            attached: true,
            slabs: vec![slab],
            shared: None,
            dynamic: None,
            settable: Settable::default(),
            guards: guards::Twin::default(),
            states_set: 0,
            parts: TwinParts::default(),
            rejected: 0,
            discarded: 0,
            zeros,
        }
    }

    /// Takes a slab that nobody has, or one more. `None` if there are as many as there may be.
    pub(crate) fn lease(&mut self, limit: usize) -> Option<usize> {
        let free = self.slabs.iter().position(|slab| !slab.leased);
        let slab = free.or((self.slabs.len() < limit).then_some(self.slabs.len()))?;
        if slab == self.slabs.len() {
            self.slabs.push(TwinSlab { committed: self.zeros.clone(), ..TwinSlab::default() });
        }
        self.slabs[slab].leased = true;
        Some(slab)
    }

    /// Now there is a shared recorder.
    pub(crate) fn share(&mut self) {
        (self.shared, self.dynamic) = (Some(self.zeros.clone()), Some(DynamicTwin::new()));
    }

    /// Recorders in use, that of a part included, and open steps.
    pub(crate) fn recorders_and_open_steps(&self) -> [usize; 2] {
        let count = |is: fn(&TwinSlab) -> bool| self.slabs.iter().filter(|slab| is(slab)).count();
        [count(|slab| slab.leased) + usize::from(self.parts.part.is_some()), count(|slab| slab.is_open)]
    }

    pub(crate) fn steps(&self) -> u64 {
        self.slabs.iter().map(|slab| slab.step).sum()
    }

    /// What a snapshot shows: the sum.
    pub(crate) fn total(&self) -> Numbers {
        let mut total = self.slabs[0].committed.clone();
        for part in self.slabs[1..].iter().map(|slab| &slab.committed).chain(&self.shared) {
            total.iter_mut().for_each(|(series, cell)| cell.add(&part[series]));
        }
        total
    }

    pub(crate) fn open(&mut self, slab: usize) {
        self.count_leaked(slab);
        let slab = &mut self.slabs[slab];
        slab.is_open = true;
        (slab.open, slab.open_states) = (slab.committed.clone(), slab.committed_states);
    }

    pub(crate) fn commit(&mut self, slab: usize) {
        let slab = &mut self.slabs[slab];
        slab.is_open = false;
        (slab.committed, slab.committed_states) = (std::mem::take(&mut slab.open), slab.open_states);
        slab.step += 1;
    }

    pub(crate) fn discard(&mut self, slab: usize) {
        self.slabs[slab].is_open = false;
        self.discarded += 1;
    }

    pub(crate) fn leak(&mut self, slab: usize) {
        self.slabs[slab].leaked = true;
    }

    /// Gives up the gauges in a last step, if there are any.
    pub(crate) fn drop_recorder(&mut self, slab: usize, plan: &Plan) {
        self.count_leaked(slab);
        let slab = &mut self.slabs[slab];
        (slab.leased, slab.is_open) = (false, false);
        slab.step +=
            u64::from(plan.families.iter().any(|family| family.kind.is_gauge() && !family.series().is_empty()));
        for ((family, _), cell) in &mut slab.committed {
            match cell {
                Cell::I64(level) if plan.families[*family].kind.is_gauge() => *level = 0,
                Cell::F64(level) if plan.families[*family].kind.is_gauge() => *level = 0.0,
                _ => {}
            }
        }
    }

    fn count_leaked(&mut self, slab: usize) {
        self.discarded += u64::from(std::mem::take(&mut self.slabs[slab].leaked));
    }

    /// What a snapshot shows of states: what was set last.
    pub(crate) fn states(&self) -> StateRow {
        let rows = self.slabs.iter().map(|slab| &slab.committed_states);
        rows.fold(StateRow::default(), |newest, row| newest.newest(row))
    }

    /// Sets a state in the open step of a slab.
    pub(crate) fn set_state(&mut self, slab: usize, op: &StateOp) {
        self.states_set += 1;
        self.rejected = self.rejected.saturating_add(self.slabs[slab].open_states.apply(op, self.states_set));
    }

    /// Records into the open step of a slab; or without a slab, into the shard.
    pub(crate) fn record(&mut self, plan: &Plan, slab: Option<usize>, series: Series, call: &Call) {
        let bounds = &plan.families[series.family].bounds;
        let limits = if slab.is_some() { Limits::OF_A_STEP } else { Limits::OF_A_SHARD };
        let rejected = match (self.cell(plan, slab, series), call) {
            (Cell::U64(total), Call::AddU64(n)) => add_u64(total, *n, limits),
            (Cell::U64(total), Call::Inc) => add_u64(total, 1, limits),
            (Cell::F64(total), Call::AddF64(n)) => add_f64(total, *n, *n >= 0.0),
            (Cell::F64(total), Call::Inc) => add_f64(total, 1.0, true),
            (Cell::I64(level), Call::SetI64(value)) => {
                *level = *value;
                0
            }
            (Cell::F64(level), Call::SetF64(value)) => {
                *level = *value;
                0
            }
            (Cell::HistogramU64 { buckets, sum }, Call::ObserveU64(way)) => {
                way.each(|value, n| observe_u64(bounds, buckets, sum, value, n, limits))
            }
            (Cell::HistogramF64 { buckets, sum }, Call::ObserveF64(way)) => {
                let slack = sum.slack_of(way);
                let rejected = way.each(|value, n| observe_f64(bounds, buckets, &mut sum.value, value, n, limits));
                sum.slack += slack;
                rejected
            }
            (_, Call::Reject(n)) => rejections(*n),
            (cell, call) => panic!("{call:?} doesn't fit {cell:?}"),
        };
        self.rejected = self.rejected.saturating_add(rejected);
    }

    fn cell(&mut self, plan: &Plan, slab: Option<usize>, series: Series) -> &mut Cell {
        let set = plan.families[series.family].series().swap_remove(series.label_set);
        let numbers = match slab {
            Some(slab) => &mut self.slabs[slab].open,
            None => self.shared.as_mut().expect("there is a shared recorder"),
        };
        numbers.get_mut(&(series.family, set)).expect("the family was declared")
    }

    /// The calls to make for `call`, whose outcome the documentation leaves open where a float's
    /// sum is about to overflow: it depends on the order of additions. Then a batch goes value by
    /// value; and what meets a sum that isn't known to the last digit is left out.
    pub(crate) fn settled(&mut self, plan: &Plan, slab: Option<usize>, series: Series, call: &Call) -> Vec<Call> {
        let (Cell::HistogramF64 { sum, .. }, Call::ObserveF64(way)) = (self.cell(plan, slab, series), call) else {
            return vec![call.clone()];
        };
        match way {
            _ if sum.value.abs() + way.magnitude() < 1e300 => vec![call.clone()],
            _ if sum.slack > 0.0 => Vec::new(),
            Way::All(values) => values.iter().map(|value| Call::ObserveF64(Way::One(*value))).collect(),
            Way::One(_) | Way::Times(..) => vec![call.clone()],
        }
    }
}

impl Cell {
    /// The sum of two parts of a series.
    fn add(&mut self, other: &Self) {
        let add_counts = |counts: &mut [u64], others: &[u64]| {
            counts.iter_mut().zip(others).for_each(|(count, other)| *count = count.saturating_add(*other));
        };
        match (self, other) {
            (Self::U64(total), Self::U64(other)) => *total = total.saturating_add(*other),
            (Self::I64(level), Self::I64(other)) => *level = level.wrapping_add(*other),
            (Self::F64(total), Self::F64(other)) => *total = sum_of_floats(*total, *other),
            (Self::HistogramU64 { buckets, sum }, Self::HistogramU64 { buckets: others, sum: other }) => {
                add_counts(buckets, others);
                *sum = sum.saturating_add(*other);
            }
            (Self::HistogramF64 { buckets, sum }, Self::HistogramF64 { buckets: others, sum: other }) => {
                add_counts(buckets, others);
                let value = sum_of_floats(sum.value, other.value);
                let rounded = if sum.slack + other.slack > 0.0 { 2.0 * f64::EPSILON * value.abs() } else { 0.0 };
                *sum = Sum { value, slack: sum.slack + other.slack + rounded };
            }
            (cell, other) => panic!("{cell:?} and {other:?} are of one series"),
        }
    }
}

impl<T: Copy> Way<T> {
    /// Observes each value, once or several times, with `observe`, which says whether it could be
    /// counted. Returns how many couldn't.
    fn each(&self, mut observe: impl FnMut(T, u64) -> Option<()>) -> u64 {
        let mut rejected_of = |value, n| if observe(value, n).is_some() { 0 } else { rejections(n) };
        match self {
            Self::One(value) => rejected_of(*value, 1),
            Self::Times(value, n) => rejected_of(*value, *n),
            Self::All(values) => values.iter().map(|value| rejected_of(*value, 1)).sum(),
        }
    }
}

/// Observations that can't be counted, as they are counted: a number that wrapped around is one.
fn rejections(n: u64) -> u64 {
    if n < WRAPPED { n } else { 1 }
}

fn add_u64(total: &mut u64, n: u64, limits: Limits) -> u64 {
    let sum = total.checked_add(n).filter(|sum| *sum <= limits.total && n < WRAPPED);
    *total = sum.unwrap_or(*total);
    u64::from(sum.is_none())
}

fn add_f64(total: &mut f64, n: f64, may_change_by: bool) -> u64 {
    let countable = may_change_by && (*total + n).is_finite();
    *total += if countable { n } else { 0.0 };
    u64::from(!countable)
}

fn observe_u64(bounds: &[f64], buckets: &mut [u64], sum: &mut u64, value: u64, n: u64, limits: Limits) -> Option<()> {
    // Exact: a bound beyond the integers is cut off at their ends, which are beyond any u64.
    let at_most = |bound: &f64| i128::from(value) <= bound.floor() as i128;
    let bucket = bounds.iter().position(at_most).unwrap_or(bounds.len());
    let new_sum = sum.checked_add(value.checked_mul(n).filter(|n| *n < WRAPPED)?);
    let new_sum = new_sum.filter(|sum| *sum <= limits.total)?;
    buckets[bucket] = new_count(buckets[bucket], n, limits)?;
    *sum = new_sum;
    Some(())
}

fn observe_f64(bounds: &[f64], buckets: &mut [u64], sum: &mut f64, value: f64, n: u64, limits: Limits) -> Option<()> {
    let any_negative = bounds.iter().any(|bound| *bound < 0.0);
    let countable = value.is_finite() && (value >= 0.0 || any_negative);
    let new_sum = Some(*sum + value * n as f64).filter(|sum| countable && sum.is_finite())?;
    let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
    buckets[bucket] = new_count(buckets[bucket], n, limits)?;
    *sum = new_sum;
    Some(())
}

fn new_count(count: u64, n: u64, limits: Limits) -> Option<u64> {
    count.checked_add(n).filter(|count| n == 1 || n <= limits.observations && *count <= Limits::BUCKET)
}
