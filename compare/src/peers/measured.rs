//! `measured`: dense vectors of fixed label sets, and resolved ids.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexSet;
use measured::{
    CounterVec, HistogramVec, LabelGroup,
    metric::{
        LabelId, MetricFamilyEncoding, MetricVec, gauge::FloatGaugeState, group::Encoding as _, histogram::Thresholds,
        name::MetricName,
    },
    text::BufferedTextEncoder,
};

use super::{Lookup, PAIR, Peer, Shared, SharedPeer, Writer};
use crate::{
    shape::{
        ALL_COUNTERS, COUNTERS, GAUGES, HELP, HISTOGRAMS, LOOKUP, MODEL, PER_TOKEN, REASONS, SOURCES, STEP_COUNTERS,
        STEP_TOKENS, engine_name,
    },
    values::{Finished, Step, Window},
    works::lookup,
};

type Names = IndexSet<&'static str>;

#[derive(Clone, Copy, LabelGroup)]
#[label(set = EngineSet)]
struct EngineLabels {
    #[label(fixed_with = Names)]
    engine: &'static str,
    #[label(fixed_with = Names)]
    model_name: &'static str,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = SourceSet)]
struct SourceLabels {
    #[label(fixed_with = Names)]
    engine: &'static str,
    #[label(fixed_with = Names)]
    model_name: &'static str,
    #[label(fixed_with = Names)]
    source: &'static str,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = ReasonSet)]
struct ReasonLabels {
    #[label(fixed_with = Names)]
    engine: &'static str,
    #[label(fixed_with = Names)]
    model_name: &'static str,
    #[label(fixed_with = Names)]
    finished_reason: &'static str,
}

type Buckets<const N: usize> = HistogramVec<EngineSet, N>;

struct Families {
    gauges: [MetricVec<FloatGaugeState, EngineSet>; 3],
    counters: [CounterVec<EngineSet>; 9],
    by_source: CounterVec<SourceSet>,
    by_reason: CounterVec<ReasonSet>,
    iteration_tokens: Buckets<13>,
    latency: Buckets<19>,
    first_token: Buckets<22>,
    phases: [Buckets<21>; 5],
    per_token: Buckets<19>,
    tokens: [Buckets<16>; 5],
}

fn names(names: &[&'static str]) -> Names {
    names.iter().copied().collect()
}

fn histogram<const N: usize>(set: EngineSet, bounds: &[f64]) -> Buckets<N> {
    let bounds: [f64; N] = bounds.try_into().expect("as many as the shape has");
    HistogramVec::with_label_set_and_metadata(set, Thresholds::with_buckets(bounds))
}

impl Families {
    fn new(engines: usize) -> Self {
        // It computes with the size of a set minus one.
        let engines: Vec<_> = (0..engines.max(2)).map(engine_name).collect();
        let (engines, models) = (|| names(&engines), || names(&[MODEL]));
        let set = || EngineSet::new(engines(), models());
        let [_, _, first_token, phase, .., tokens] = HISTOGRAMS;
        Self {
            gauges: std::array::from_fn(|_| MetricVec::with_label_set(set())),
            counters: std::array::from_fn(|_| CounterVec::with_label_set(set())),
            by_source: CounterVec::with_label_set(SourceSet::new(engines(), models(), names(&SOURCES))),
            by_reason: CounterVec::with_label_set(ReasonSet::new(engines(), models(), names(&REASONS))),
            iteration_tokens: histogram(set(), &STEP_TOKENS),
            latency: histogram(set(), &PER_TOKEN),
            first_token: histogram(set(), first_token.bounds),
            phases: std::array::from_fn(|_| histogram(set(), phase.bounds)),
            per_token: histogram(set(), &PER_TOKEN),
            tokens: std::array::from_fn(|_| histogram(set(), tokens.bounds)),
        }
    }

    fn render(&self, encoder: &mut BufferedTextEncoder, counter_names: &[&'static str]) {
        GAUGES.iter().zip(&self.gauges).for_each(|(name, family)| collect(encoder, name, family));
        collect(encoder, counter_names[0], &self.counters[0]);
        collect(encoder, counter_names[1], &self.by_source);
        let others = counter_names[2..].iter().zip(&self.counters[1..]);
        others.for_each(|(name, family)| collect(encoder, name, family));
        collect(encoder, counter_names[10], &self.by_reason);
        let name = |index: usize| HISTOGRAMS[index].name;
        collect(encoder, name(0), &self.iteration_tokens);
        collect(encoder, name(1), &self.latency);
        collect(encoder, name(2), &self.first_token);
        (3..).zip(&self.phases).for_each(|(index, family)| collect(encoder, name(index), family));
        collect(encoder, name(8), &self.per_token);
        (9..).zip(&self.tokens).for_each(|(index, family)| collect(encoder, name(index), family));
    }
}

fn collect<F: MetricFamilyEncoding<BufferedTextEncoder>>(
    encoder: &mut BufferedTextEncoder,
    name: &'static str,
    family: &F,
) {
    let name = MetricName::from_str(name);
    let Ok(()) = encoder.write_help(name, HELP);
    let Ok(()) = family.collect_family_into(name, encoder);
}

/// Its encoder, and the page that it gave.
#[derive(Default)]
pub(crate) struct MeasuredPage {
    encoder: Option<BufferedTextEncoder>,
    bytes: Bytes,
}

impl AsRef<[u8]> for MeasuredPage {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

pub(crate) struct Measured {
    families: Arc<Families>,
    counter_names: Vec<&'static str>,
}

impl Peer for Measured {
    const NAME: &'static str = "measured";
    type Writer = MeasuredWriter;
    type Page = MeasuredPage;

    fn new(engines: usize) -> Self {
        let counter_names = COUNTERS.map(|(name, _)| &*format!("{name}_total").leak()).into();
        let peer = Self { families: Arc::new(Families::new(engines)), counter_names };
        (0..engines).for_each(|engine| peer.writer(engine).touch());
        peer
    }

    fn writer(&self, engine: usize) -> MeasuredWriter {
        let families = Arc::clone(&self.families);
        let (engine, model_name) = (engine_name(engine), MODEL);
        let source = |source| families.by_source.with_labels(SourceLabels { engine, model_name, source });
        let reason =
            |finished_reason| families.by_reason.with_labels(ReasonLabels { engine, model_name, finished_reason });
        MeasuredWriter {
            engine: families.latency.with_labels(EngineLabels { engine, model_name }),
            sources: SOURCES.map(source),
            reasons: REASONS.map(reason),
            families,
        }
    }

    fn render(&self, page: &mut MeasuredPage) {
        page.bytes = Bytes::new(); // or the encoder couldn't use its buffer again
        let encoder = page.encoder.get_or_insert_default();
        self.families.render(encoder, &self.counter_names);
        page.bytes = encoder.finish();
    }
}

pub(crate) struct MeasuredWriter {
    families: Arc<Families>,
    engine: LabelId<EngineSet>,
    sources: [LabelId<SourceSet>; SOURCES.len()],
    reasons: [LabelId<ReasonSet>; REASONS.len()],
}

/// Observes at a resolved id.
macro_rules! observe {
    ($family:expr, $id:expr, $value:expr) => {
        $family.get_metric($id).observe($value)
    };
}

impl MeasuredWriter {
    /// Creates all series, so that they are printed.
    fn touch(&self) {
        self.families.gauges.iter().for_each(|family| drop(family.get_metric(self.engine)));
        (0..ALL_COUNTERS).for_each(|counter| self.add(counter, 0));
        let families = &*self.families;
        drop(families.iteration_tokens.get_metric(self.engine));
        drop(families.latency.get_metric(self.engine));
        drop(families.first_token.get_metric(self.engine));
        drop(families.per_token.get_metric(self.engine));
        families.phases.iter().for_each(|family| drop(family.get_metric(self.engine)));
        families.tokens.iter().for_each(|family| drop(family.get_metric(self.engine)));
    }

    #[inline(always)]
    fn add(&self, counter: usize, n: u64) {
        let families = &*self.families;
        match counter {
            0 => families.counters[0].get_metric(self.engine).inc_by(n),
            1..=3 => families.by_source.get_metric(self.sources[counter - 1]).inc_by(n),
            4..STEP_COUNTERS => families.counters[counter - 3].get_metric(self.engine).inc_by(n),
            _ => families.by_reason.get_metric(self.reasons[counter - STEP_COUNTERS]).inc_by(n),
        }
    }

    #[inline(always)]
    fn finished(&self, finished: &Finished) {
        let (families, id, values) = (&*self.families, self.engine, &finished.floats);
        observe!(families.first_token, id, values[0]);
        families.phases.iter().zip(&values[1..]).for_each(|(family, value)| observe!(family, id, *value));
        observe!(families.per_token, id, values[6]);
        families.tokens.iter().zip(&values[7..]).for_each(|(family, value)| observe!(family, id, *value));
        families.by_reason.get_metric(self.reasons[finished.reason]).inc();
    }

    /// Unrolled, so that which family has a counter is known when this is compiled.
    #[inline(always)]
    fn round(&self, round: &[u64; STEP_COUNTERS]) {
        let families = &*self.families;
        families.counters[0].get_metric(self.engine).inc_by(round[0]);
        for (id, n) in self.sources.iter().zip(&round[1..4]) {
            families.by_source.get_metric(*id).inc_by(*n);
        }
        for (family, n) in families.counters[1..].iter().zip(&round[4..]) {
            family.get_metric(self.engine).inc_by(*n);
        }
    }
}

impl Writer for MeasuredWriter {
    #[inline]
    fn adds(&mut self, rounds: &[[u64; STEP_COUNTERS]]) {
        rounds.iter().for_each(|round| self.round(round));
    }

    #[inline]
    fn observe_tokens(&mut self, values: Window<'_>) {
        values.floats.iter().for_each(|value| observe!(self.families.iteration_tokens, self.engine, *value));
    }

    #[inline]
    fn observe_latencies(&mut self, values: Window<'_>) {
        values.floats.iter().for_each(|value| observe!(self.families.latency, self.engine, *value));
    }

    #[inline]
    fn add_alone(&mut self, n: u64) {
        self.add(0, n);
    }

    #[inline]
    fn observe_alone(&mut self, value: (f64, u64)) {
        Shared::observe(self, value);
    }

    #[inline]
    fn step(&mut self, step: &Step<'_>) {
        let gauges = self.families.gauges.iter().zip(step.gauges);
        gauges.for_each(|(family, value)| family.get_metric(self.engine).set(value));
        self.round(step.counters);
        observe!(self.families.iteration_tokens, self.engine, step.tokens.0);
        self.observe_latencies(step.latencies);
        step.finished.iter().for_each(|finished| self.finished(finished));
    }

    #[inline]
    fn pair(&mut self, between: impl FnOnce()) {
        observe!(self.families.iteration_tokens, self.engine, 1.0);
        between();
        PAIR.into_iter().for_each(|counter| self.add(counter, 1));
    }
}

impl SharedPeer for Measured {
    type Shared = MeasuredWriter;

    fn shared(&self) -> MeasuredWriter {
        self.writer(0)
    }
}

impl Shared for MeasuredWriter {
    #[inline]
    fn add(&self, n: u64) {
        self.families.counters[0].get_metric(self.engine).inc_by(n);
    }

    #[inline]
    fn observe(&self, (value, _): (f64, u64)) {
        observe!(self.families.latency, self.engine, value);
    }
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = TenantSet)]
struct TenantLabels {
    #[label(fixed_with = Names)]
    tenant: &'static str,
    #[label(fixed_with = Names)]
    adapter: &'static str,
    #[label(fixed_with = Names)]
    region: &'static str,
}

pub(crate) struct MeasuredLookup(CounterVec<TenantSet>);

impl Lookup for MeasuredLookup {
    const NAME: &'static str = Measured::NAME;

    fn new() -> Self {
        let [tenants, adapters, regions] = lookup::values().map(|values| names(&values));
        Self(CounterVec::with_label_set(TenantSet::new(tenants, adapters, regions)))
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |[tenant, adapter, region]| self.0.inc(TenantLabels { tenant, adapter, region })
    }

    fn page(&self) -> Vec<u8> {
        let mut encoder = BufferedTextEncoder::new();
        collect(&mut encoder, format!("{LOOKUP}_total").leak(), &self.0);
        encoder.finish().into()
    }
}
