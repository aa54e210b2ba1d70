//! `metrics` with `metrics-exporter-prometheus`: registered handles. Recording fills buffers, which
//! an upkeep drains. That is part of the price, so it runs after a fixed number of observations.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{
    Lookup, Peer, Shared, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge, Upkeep},
};
use crate::shape::{
    COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, INTER_TOKEN_LATENCY, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME,
    counter_series, engine_name,
};

static METADATA: Metadata<'static> = Metadata::new("compare", Level::INFO, None);
/// Observations until a drain: the buffers then still fit the second-level cache.
const UNTIL_DRAIN: usize = 16_384;

pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

/// Drains once enough was observed.
pub(crate) struct Drain {
    handle: PrometheusHandle,
    observed: usize,
}

impl Upkeep for Drain {
    #[inline(always)]
    fn observed(&mut self, observations: usize) {
        self.observed += observations;
        if self.observed >= UNTIL_DRAIN {
            self.handle.run_upkeep();
            self.observed = 0;
        }
    }
}

fn key(name: &str, engine: usize, extra: Option<(&'static str, &'static str)>) -> Key {
    let labels = [(ENGINE, engine_name(engine)), (MODEL_NAME, MODEL)].into_iter().chain(extra);
    Key::from_parts(name.to_owned(), labels.map(|(name, value)| Label::new(name, value)).collect::<Vec<_>>())
}

fn total(name: &str) -> String {
    format!("{name}_total")
}

impl Peer for Metrics {
    const NAME: &'static str = "metrics-exporter-prometheus";
    type Writer = Handles<Gauge, Counter, Histogram, Drain>;
    type Page = Vec<u8>;

    fn new(engines: usize) -> Self {
        let mut builder = PrometheusBuilder::new();
        for family in HISTOGRAMS {
            let name = Matcher::Full(family.name.to_owned());
            builder = builder.set_buckets_for_metric(name, family.bounds).expect("there are bounds");
        }
        let recorder = builder.build_recorder();
        GAUGES.iter().for_each(|name| recorder.describe_gauge((*name).into(), None, HELP.into()));
        COUNTERS.iter().for_each(|(name, _)| recorder.describe_counter(total(name).into(), None, HELP.into()));
        HISTOGRAMS.iter().for_each(|family| recorder.describe_histogram(family.name.into(), None, HELP.into()));
        let peer = Self { handle: recorder.handle(), recorder };
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let recorder = &self.recorder;
        Handles::new(
            GAUGES.iter().map(|name| recorder.register_gauge(&key(name, engine, None), &METADATA)),
            counter_series()
                .map(|series| recorder.register_counter(&key(&total(series.name), engine, series.label), &METADATA)),
            HISTOGRAMS.iter().map(|family| recorder.register_histogram(&key(family.name, engine, None), &METADATA)),
            Drain { handle: self.handle.clone(), observed: 0 },
        )
    }

    fn render(&self, page: &mut Vec<u8>) {
        page.clear();
        self.handle.render_to_write(page).expect("a Vec takes everything");
    }
}

impl SetGauge for Gauge {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.set(value);
    }
}

impl AddCounter for Counter {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.increment(n);
    }
}

impl ObserveValue for Histogram {
    #[inline(always)]
    fn observe_one(&self, (value, _): (f64, u64)) {
        self.record(value);
    }
}

pub(crate) struct SharedMetrics {
    counter: Counter,
    histogram: Histogram,
    handle: PrometheusHandle,
}

impl SharedPeer for Metrics {
    type Shared = SharedMetrics;

    fn shared(&self) -> Self::Shared {
        let counter = key(&total(COUNTERS[0].0), 0, None);
        let histogram = key(HISTOGRAMS[INTER_TOKEN_LATENCY].name, 0, None);
        SharedMetrics {
            counter: self.recorder.register_counter(&counter, &METADATA),
            histogram: self.recorder.register_histogram(&histogram, &METADATA),
            handle: self.handle.clone(),
        }
    }
}

impl Shared for SharedMetrics {
    #[inline]
    fn add(&self, n: u64) {
        self.counter.increment(n);
    }

    #[inline]
    fn observe(&self, (value, _): (f64, u64)) {
        self.histogram.record(value);
    }

    fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

pub(crate) struct MetricsLookup(Metrics);

impl Lookup for MetricsLookup {
    const NAME: &'static str = Metrics::NAME;

    fn new() -> Self {
        Self(Metrics::new(0))
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        let name = total(LOOKUP).leak();
        |values| {
            let labels = LOOKUP_LABELS.into_iter().zip(values);
            let labels: Vec<_> = labels.map(|(name, value)| Label::from_static_parts(name, value)).collect();
            self.0.recorder.register_counter(&Key::from_parts(&*name, labels), &METADATA).increment(1);
        }
    }

    fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        self.0.render(&mut page);
        page
    }
}
