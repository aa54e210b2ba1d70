//! `prometheus-client`: clones of the metrics in its families, and its text 0.0.4.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder, prometheus_text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};

use super::{
    Lookup, Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::shape::{
    COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME, counter_series, engine_name,
};

type FloatGauge = Gauge<f64, AtomicU64>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Labels {
    engine: &'static str,
    extra: Option<(&'static str, &'static str)>,
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        (ENGINE, self.engine).encode(encoder.encode_label())?;
        (MODEL_NAME, MODEL).encode(encoder.encode_label())?;
        self.extra.map_or(Ok(()), |extra| extra.encode(encoder.encode_label()))
    }
}

#[derive(Clone)]
struct Bounds(&'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

pub(crate) struct PrometheusClient {
    registry: Registry,
    gauges: Vec<Family<Labels, FloatGauge>>,
    counters: Vec<Family<Labels, Counter>>,
    histograms: Vec<Family<Labels, Histogram, Bounds>>,
}

impl Peer for PrometheusClient {
    const NAME: &'static str = "prometheus-client";
    type Writer = Handles<FloatGauge, Counter, Histogram>;
    type Page = String;

    fn new(engines: usize) -> Self {
        let gauges = GAUGES.map(|_| Family::default()).into();
        let counters = COUNTERS.map(|_| Family::default()).into();
        let histograms = HISTOGRAMS.map(|family| Family::new_with_constructor(Bounds(family.bounds))).into();
        let mut peer = Self { registry: Registry::default(), gauges, counters, histograms };
        for (name, family) in GAUGES.iter().zip(&peer.gauges) {
            peer.registry.register(*name, HELP, family.clone());
        }
        for ((name, _), family) in COUNTERS.iter().zip(&peer.counters) {
            peer.registry.register(*name, HELP, family.clone());
        }
        for (declared, family) in HISTOGRAMS.iter().zip(&peer.histograms) {
            peer.registry.register(declared.name, HELP, family.clone());
        }
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let labels = Labels { engine: engine_name(engine), extra: None };
        Handles::new(
            self.gauges.iter().map(|family| family.get_or_create_owned(&labels)),
            counter_series().map(|series| {
                self.counters[series.family].get_or_create_owned(&Labels { extra: series.label, ..labels })
            }),
            self.histograms.iter().map(|family| family.get_or_create_owned(&labels)),
            (),
        )
    }

    fn render(&self, page: &mut String) {
        page.clear();
        prometheus_text::encode(page, &self.registry).expect("a String takes everything");
    }
}

impl SharedPeer for PrometheusClient {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for FloatGauge {
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

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Tenant([&'static str; 3]);

impl EncodeLabelSet for Tenant {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        LOOKUP_LABELS.into_iter().zip(self.0).try_for_each(|label| label.encode(encoder.encode_label()))
    }
}

pub(crate) struct PrometheusClientLookup(Registry, Family<Tenant, Counter>);

impl Lookup for PrometheusClientLookup {
    const NAME: &'static str = PrometheusClient::NAME;

    fn new() -> Self {
        let (mut registry, family) = (Registry::default(), Family::default());
        registry.register(LOOKUP, HELP, Family::clone(&family));
        Self(registry, family)
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |values| _ = self.1.get_or_create(&Tenant(values)).inc()
    }

    fn page(&self) -> Vec<u8> {
        let mut page = String::new();
        prometheus_text::encode(&mut page, &self.0).expect("a String takes everything");
        page.into_bytes()
    }
}
