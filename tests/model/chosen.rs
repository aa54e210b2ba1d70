//! Views of two series each, compared with the twin.

use tachometer::{Choice, Counter, Gauge, Histogram, HistogramView, ObservationValue, Registry, View};

use super::{
    page::cumulative,
    plan::{Handles, LabelSet, Plan},
    twin::{Cell, Numbers, TwinEngine},
};

/// What the value of a handle can be compared with.
pub(crate) trait Comparable: Choice {
    /// Fails unless they are the same, floats to the bit, unless they are no numbers.
    fn compare(seen: Self::Values<'_>, bounds: &[f64], expected: &Cell);
}

impl Comparable for Counter<u64> {
    fn compare(seen: u64, _: &[f64], expected: &Cell) {
        let Cell::U64(total) = expected else { panic!("{expected:?} doesn't fit") };
        assert_eq!(seen, *total);
    }
}

impl Comparable for Counter<f64> {
    fn compare(seen: f64, _: &[f64], expected: &Cell) {
        let Cell::F64(total) = expected else { panic!("{expected:?} doesn't fit") };
        same_bits(seen, *total);
    }
}

impl Comparable for Gauge<i64> {
    fn compare(seen: i64, _: &[f64], expected: &Cell) {
        let Cell::I64(level) = expected else { panic!("{expected:?} doesn't fit") };
        assert_eq!(seen, *level);
    }
}

impl Comparable for Gauge<f64> {
    fn compare(seen: f64, _: &[f64], expected: &Cell) {
        let Cell::F64(level) = expected else { panic!("{expected:?} doesn't fit") };
        same_bits(seen, *level);
    }
}

impl Comparable for Histogram<u64> {
    fn compare(seen: HistogramView<'_, u64>, bounds: &[f64], expected: &Cell) {
        let Cell::HistogramU64 { buckets, sum } = expected else { panic!("{expected:?} doesn't fit") };
        same_buckets(seen, bounds, buckets);
        assert_eq!(seen.sum(), *sum);
    }
}

impl Comparable for Histogram<f64> {
    fn compare(seen: HistogramView<'_, f64>, bounds: &[f64], expected: &Cell) {
        let Cell::HistogramF64 { buckets, sum } = expected else { panic!("{expected:?} doesn't fit") };
        same_buckets(seen, bounds, buckets);
        let seen = seen.sum();
        if sum.slack == 0.0 {
            return same_bits(seen, sum.value);
        }
        let off = (seen - sum.value).abs();
        assert!(seen == sum.value || off <= sum.slack, "{seen:e} is too far from {:e}, by {:e}", sum.value, sum.slack);
    }
}

#[track_caller]
fn same_bits(seen: f64, expected: f64) {
    let both_nan = seen.is_nan() && expected.is_nan();
    assert!(seen.to_bits() == expected.to_bits() || both_nan, "{seen:e} isn't {expected:e}");
}

fn same_buckets<T: ObservationValue>(seen: HistogramView<'_, T>, bounds: &[f64], buckets: &[u64]) {
    let counts = cumulative(buckets);
    assert_eq!(seen.count(), *counts.last().expect("the overflow bucket"));
    let expected: Vec<_> = bounds.iter().copied().chain([f64::INFINITY]).zip(counts).collect();
    assert_eq!(seen.cumulative_buckets().collect::<Vec<_>>(), expected);
}

/// A view, whatever was chosen.
pub(crate) trait Chosen {
    /// Uses the view, and compares it with these engines and their totals.
    fn check(&mut self, registry: &Registry, attached: &[(&TwinEngine, Numbers)]);
}

/// A series of the plan: what the twin knows it by, and its bounds.
#[derive(Clone)]
struct Key {
    series: (usize, LabelSet),
    bounds: Vec<f64>,
}

/// A view of one series, and of another one twice.
struct Pair<A, B> {
    keys: [Key; 2],
    view: View<(A, [B; 2])>,
}

impl<A: Comparable, B: Comparable> Chosen for Pair<A, B> {
    fn check(&mut self, registry: &Registry, attached: &[(&TwinEngine, Numbers)]) {
        registry.view(&mut self.view);
        assert_eq!(self.view.engines().len(), attached.len(), "engines");
        let [one, other] = &self.keys;
        for (seen, (twin, total)) in self.view.engines().zip(attached) {
            assert_eq!((seen.label_values(), seen.step(), seen.retries()), (&twin.values[..], twin.steps(), 0));
            let (value, values) = seen.get();
            A::compare(value, &one.bounds, &total[&one.series]);
            values.into_iter().for_each(|value| B::compare(value, &other.bounds, &total[&other.series]));
        }
    }
}

/// A view of each series and the one that is as far from the end, so half of them aren't in the
/// order of the slab.
pub(crate) fn views(plan: &Plan, handles: &[Handles]) -> Vec<Box<dyn Chosen>> {
    let keys = (0..handles.len()).flat_map(|family| {
        let sets = plan.families[family].series().into_iter().enumerate();
        let bounds = &plan.families[family].bounds;
        sets.map(move |(series, set)| (series, Key { series: (family, set), bounds: bounds.clone() }))
    });
    let keys: Vec<(usize, Key)> = keys.collect();
    keys.iter().zip(keys.iter().rev()).map(|(one, other)| pair(handles, one, other)).collect()
}

/// Runs `$then` with the handle of a series, whatever its type.
macro_rules! with_handle {
    ($handles:expr, $key:expr, $handle:ident => $then:expr) => {{
        let (series, key) = $key;
        match &$handles[key.series.0] {
            Handles::CounterU64(of) => {
                let $handle = of[*series];
                $then
            }
            Handles::CounterF64(of) => {
                let $handle = of[*series];
                $then
            }
            Handles::GaugeI64(of) => {
                let $handle = of[*series];
                $then
            }
            Handles::GaugeF64(of) => {
                let $handle = of[*series];
                $then
            }
            Handles::HistogramU64(of) => {
                let $handle = of[*series];
                $then
            }
            Handles::HistogramF64(of) => {
                let $handle = of[*series];
                $then
            }
        }
    }};
}

fn pair(handles: &[Handles], one: &(usize, Key), other: &(usize, Key)) -> Box<dyn Chosen> {
    let keys = [&one.1, &other.1].map(Key::clone);
    with_handle!(handles, one, a => with_handle!(handles, other, b => {
        Box::new(Pair { keys, view: View::new((a, [b, b])) })
    }))
}
