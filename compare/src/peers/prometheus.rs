//! `prometheus`: children of vectors, stored; `Local` has their thread-local copies, flushed in
//! each step (in the works of single operations at the end of a repetition).

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
    core::Collector,
    local::{LocalHistogram, LocalIntCounter},
};

use super::{
    Lookup, Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::shape::{
    COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME, counter_series, engine_name,
};

pub(crate) struct Prometheus {
    registry: Registry,
    gauges: Vec<GaugeVec>,
    counters: Vec<IntCounterVec>,
    histograms: Vec<HistogramVec>,
}

fn registered<F: Collector + Clone + 'static>(registry: &Registry, family: prometheus::Result<F>) -> F {
    let family = family.expect("a valid family");
    registry.register(Box::new(family.clone())).expect("a name of its own");
    family
}

fn write_page(registry: &Registry, page: &mut String) {
    page.clear();
    TextEncoder::new().encode_utf8(&registry.gather(), page).expect("valid families");
}

impl Peer for Prometheus {
    const NAME: &'static str = "prometheus";
    type Writer = Handles<Gauge, IntCounter, Histogram>;
    type Page = String;

    fn new(engines: usize) -> Self {
        let registry = Registry::new();
        let labels = [ENGINE, MODEL_NAME];
        let gauge = |name: &&str| registered(&registry, GaugeVec::new(Opts::new(*name, HELP), &labels));
        let gauges = GAUGES.iter().map(gauge).collect();
        let counters = COUNTERS.map(|(name, extra)| {
            let labels: Vec<_> = labels.into_iter().chain(extra.label().map(|(label, _)| label)).collect();
            registered(&registry, IntCounterVec::new(Opts::new(format!("{name}_total"), HELP), &labels))
        });
        let histograms = HISTOGRAMS.map(|family| {
            let options = HistogramOpts::new(family.name, HELP).buckets(family.bounds.to_vec());
            registered(&registry, HistogramVec::new(options, &labels))
        });
        let peer = Self { gauges, counters: counters.into(), histograms: histograms.into(), registry };
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let labels = [engine_name(engine), MODEL];
        let counter = |series: crate::shape::CounterSeries| {
            let labels: Vec<_> = labels.into_iter().chain(series.label.map(|(_, value)| value)).collect();
            self.counters[series.family].with_label_values(&labels)
        };
        Handles::new(
            self.gauges.iter().map(|family| family.with_label_values(&labels)),
            counter_series().map(counter),
            self.histograms.iter().map(|family| family.with_label_values(&labels)),
            (),
        )
    }

    fn render(&self, page: &mut String) {
        write_page(&self.registry, page);
    }
}

impl SharedPeer for Prometheus {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for Gauge {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.set(value);
    }
}

impl AddCounter for IntCounter {
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

/// `prometheus::local`.
pub(crate) struct Local(Prometheus);

impl Peer for Local {
    const NAME: &'static str = "prometheus::local";
    type Writer = Handles<Gauge, LocalIntCounter, LocalHistogram>;
    type Page = String;

    fn new(engines: usize) -> Self {
        Self(Prometheus::new(engines))
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        self.0.writer(engine).map(IntCounter::local, Histogram::local)
    }

    fn render(&self, page: &mut String) {
        self.0.render(page);
    }
}

impl AddCounter for LocalIntCounter {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.inc_by(n);
    }

    #[inline(always)]
    fn show(&self) {
        self.flush();
    }
}

impl ObserveValue for LocalHistogram {
    #[inline(always)]
    fn observe_one(&self, (value, _): (f64, u64)) {
        self.observe(value);
    }

    #[inline(always)]
    fn show(&self) {
        self.flush();
    }
}

/// A registry with the family that is looked up in.
fn lookup() -> (Registry, IntCounterVec) {
    let registry = Registry::new();
    let options = Opts::new(format!("{LOOKUP}_total"), HELP);
    let family = registered(&registry, IntCounterVec::new(options, &LOOKUP_LABELS));
    (registry, family)
}

pub(crate) struct PrometheusLookup(Registry, IntCounterVec);

impl Lookup for PrometheusLookup {
    const NAME: &'static str = Prometheus::NAME;

    fn new() -> Self {
        let (registry, family) = lookup();
        Self(registry, family)
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |values| self.1.with_label_values(&values).inc()
    }

    fn page(&self) -> Vec<u8> {
        let mut page = String::new();
        write_page(&self.0, &mut page);
        page.into_bytes()
    }
}

/// Flushed after every 1,024 additions.
pub(crate) struct LocalLookup(PrometheusLookup);

impl Lookup for LocalLookup {
    const NAME: &'static str = Local::NAME;

    fn new() -> Self {
        Self(PrometheusLookup::new())
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        let (mut local, mut added) = (self.0.1.local(), 0_u32);
        move |values| {
            local.with_label_values(&values).inc();
            added += 1;
            if added.is_multiple_of(1_024) {
                local.flush();
            }
        }
    }

    fn page(&self) -> Vec<u8> {
        self.0.page()
    }
}
