//! `opentelemetry_sdk` with bound instruments (an experimental feature), and
//! `opentelemetry-prometheus-text-exporter` for pages.

use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter, BoundGauge, BoundHistogram, Counter, Gauge, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_prometheus_text_exporter::PrometheusExporter;
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};

use super::{
    Lookup, Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::shape::{
    COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME, counter_series, engine_name,
};

pub(crate) struct OpenTelemetry {
    gauges: Vec<Gauge<f64>>,
    counters: Vec<Counter<u64>>,
    histograms: Vec<Histogram<f64>>,
    exporter: PrometheusExporter,
    _provider: SdkMeterProvider,
}

fn provider() -> (PrometheusExporter, SdkMeterProvider, Meter) {
    let exporter = PrometheusExporter::builder().without_target_info().without_scope_info().build();
    let resource = Resource::builder_empty().build();
    let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(exporter.clone()).build();
    let meter = provider.meter("compare");
    (exporter, provider, meter)
}

fn write_page(exporter: &PrometheusExporter, page: &mut Vec<u8>) {
    page.clear();
    exporter.export(page).expect("a Vec takes everything");
}

impl Peer for OpenTelemetry {
    const NAME: &'static str = "opentelemetry_sdk";
    type Writer = Handles<BoundGauge<f64>, BoundCounter<u64>, BoundHistogram<f64>>;
    type Page = Vec<u8>;

    fn new(engines: usize) -> Self {
        let (exporter, provider, meter) = provider();
        let peer = Self {
            gauges: GAUGES.map(|name| meter.f64_gauge(name).with_description(HELP).build()).into(),
            counters: COUNTERS.map(|(name, _)| meter.u64_counter(name).with_description(HELP).build()).into(),
            histograms: HISTOGRAMS
                .map(|family| {
                    let histogram = meter.f64_histogram(family.name).with_description(HELP);
                    histogram.with_boundaries(family.bounds.to_vec()).build()
                })
                .into(),
            exporter,
            _provider: provider,
        };
        // What no handle was bound for isn't printed, and a bound series only after its first use.
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let labels = [KeyValue::new(ENGINE, engine_name(engine)), KeyValue::new(MODEL_NAME, MODEL)];
        let counter = |series: crate::shape::CounterSeries| {
            let extra = series.label.map(|(label, value)| KeyValue::new(label, value));
            let labels: Vec<_> = labels.iter().cloned().chain(extra).collect();
            self.counters[series.family].bind(&labels)
        };
        Handles::new(
            self.gauges.iter().map(|family| family.bind(&labels)),
            counter_series().map(counter),
            self.histograms.iter().map(|family| family.bind(&labels)),
            (),
        )
    }

    fn render(&self, page: &mut Vec<u8>) {
        write_page(&self.exporter, page);
    }
}

impl SharedPeer for OpenTelemetry {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for BoundGauge<f64> {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.record(value);
    }
}

impl AddCounter for BoundCounter<u64> {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.add(n);
    }
}

impl ObserveValue for BoundHistogram<f64> {
    #[inline(always)]
    fn observe_one(&self, (value, _): (f64, u64)) {
        self.record(value);
    }
}

pub(crate) struct OpenTelemetryLookup {
    counter: Counter<u64>,
    exporter: PrometheusExporter,
    _provider: SdkMeterProvider,
}

impl Lookup for OpenTelemetryLookup {
    const NAME: &'static str = OpenTelemetry::NAME;

    fn new() -> Self {
        let (exporter, _provider, meter) = provider();
        let counter = meter.u64_counter(LOOKUP).with_description(HELP).build();
        Self { counter, exporter, _provider }
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |[tenant, adapter, region]| {
            let [first, second, third] = LOOKUP_LABELS;
            let labels = [KeyValue::new(first, tenant), KeyValue::new(second, adapter), KeyValue::new(third, region)];
            self.counter.add(1, &labels);
        }
    }

    fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        write_page(&self.exporter, &mut page);
        page
    }
}
