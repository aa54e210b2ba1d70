//! `fastmetrics`: clones of the metrics in its families, and its text 0.0.4.

use fastmetrics::{
    encoder::{EncodeLabelSet, LabelSetEncoder},
    error::Result,
    format::text::{self, TextProfile},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    raw::LabelSetSchema,
    registry::Registry,
};

use super::{
    Lookup, Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::shape::{
    COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME, counter_series, engine_name,
};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Labels {
    engine: &'static str,
    extra: Option<(&'static str, &'static str)>,
}

impl LabelSetSchema for Labels {
    fn names() -> Option<&'static [&'static str]> {
        None // the extra label differs from family to family
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut dyn LabelSetEncoder) -> Result<()> {
        encoder.encode(&(ENGINE, self.engine))?;
        encoder.encode(&(MODEL_NAME, MODEL))?;
        self.extra.map_or(Ok(()), |extra| encoder.encode(&extra))
    }
}

pub(crate) struct Fastmetrics {
    registry: Registry,
    gauges: Vec<Family<Labels, Gauge<f64>>>,
    counters: Vec<Family<Labels, Counter>>,
    histograms: Vec<Family<Labels, Histogram>>,
}

fn total(name: &str) -> String {
    format!("{name}_total")
}

fn write_page(registry: &Registry, page: &mut String) {
    page.clear();
    text::encode(page, registry, TextProfile::PrometheusV0_0_4).expect("valid families");
}

impl Peer for Fastmetrics {
    const NAME: &'static str = "fastmetrics";
    type Writer = Handles<Gauge<f64>, Counter, Histogram>;
    type Page = String;

    fn new(engines: usize) -> Self {
        let gauges = GAUGES.map(|_| Family::default()).into();
        let counters = COUNTERS.map(|_| Family::default()).into();
        let histograms = HISTOGRAMS.map(|family| Family::new(|| Histogram::new(family.bounds.iter().copied()))).into();
        let mut peer = Self { registry: Registry::default(), gauges, counters, histograms };
        let own = "a name of its own";
        for (name, family) in GAUGES.iter().zip(&peer.gauges) {
            peer.registry.register(*name, HELP, family.clone()).expect(own);
        }
        for ((name, _), family) in COUNTERS.iter().zip(&peer.counters) {
            peer.registry.register(total(name), HELP, family.clone()).expect(own);
        }
        for (declared, family) in HISTOGRAMS.iter().zip(&peer.histograms) {
            peer.registry.register(declared.name, HELP, family.clone()).expect(own);
        }
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let labels = Labels { engine: engine_name(engine), extra: None };
        Handles::new(
            self.gauges.iter().map(|family| family.with_or_new(&labels, Gauge::clone)),
            counter_series().map(|series| {
                self.counters[series.family].with_or_new(&Labels { extra: series.label, ..labels }, Counter::clone)
            }),
            self.histograms.iter().map(|family| family.with_or_new(&labels, Histogram::clone)),
            (),
        )
    }

    fn render(&self, page: &mut String) {
        write_page(&self.registry, page);
    }
}

impl SharedPeer for Fastmetrics {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for Gauge<f64> {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.set(value);
    }
}

impl AddCounter for Counter {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.inc_by(n);
    }
}

impl ObserveValue for Histogram {
    #[inline(always)]
    fn observe_one(&self, (value, _): (f64, u64)) {
        self.observe(value);
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Tenant([&'static str; 3]);

impl LabelSetSchema for Tenant {
    fn names() -> Option<&'static [&'static str]> {
        Some(&LOOKUP_LABELS)
    }
}

impl EncodeLabelSet for Tenant {
    fn encode(&self, encoder: &mut dyn LabelSetEncoder) -> Result<()> {
        LOOKUP_LABELS.into_iter().zip(self.0).try_for_each(|label| encoder.encode(&label))
    }
}

pub(crate) struct FastmetricsLookup(Registry, Family<Tenant, Counter>);

impl Lookup for FastmetricsLookup {
    const NAME: &'static str = Fastmetrics::NAME;

    fn new() -> Self {
        let (mut registry, family) = (Registry::default(), Family::default());
        registry.register(total(LOOKUP), HELP, Family::clone(&family)).expect("a name of its own");
        Self(registry, family)
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |values| self.1.with_or_new(&Tenant(values), Counter::inc)
    }

    fn page(&self) -> Vec<u8> {
        let mut page = String::new();
        write_page(&self.0, &mut page);
        page.into_bytes()
    }
}
