//! `fast-telemetry`: handles of series with dynamic labels, which it recommends for sets of series
//! that are known. Its histograms take integers only, so seconds are parts of a second here.

use fast_telemetry::{
    DynamicCounter, DynamicCounterSeries, DynamicGauge, DynamicGaugeSeries, DynamicHistogram, DynamicHistogramSeries,
    PrometheusExport as _,
};

use super::{
    Lookup, Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::{
    page::{self, Samples},
    shape::{
        COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, Histogram, LOOKUP, LOOKUP_LABELS, MODEL, MODEL_NAME,
        counter_series, engine_name,
    },
    values::PARTS,
};

pub(crate) struct FastTelemetry {
    gauges: Vec<DynamicGauge>,
    counters: Vec<DynamicCounter>,
    histograms: Vec<DynamicHistogram>,
    names: Vec<String>,
}

/// Its documentation counts one shard per processor.
fn shards() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What one unit of a histogram's integers stands for.
fn parts(family: &Histogram) -> f64 {
    if family.seconds { PARTS } else { 1.0 }
}

/// The greatest integer at or below a bound.
fn integer_bound(family: &Histogram, bound: f64) -> u64 {
    (bound * parts(family)).floor() as u64
}

fn histogram(family: &Histogram) -> DynamicHistogram {
    let bounds: Vec<_> = family.bounds.iter().map(|bound| integer_bound(family, *bound)).collect();
    DynamicHistogram::new(&bounds, shards())
}

impl Peer for FastTelemetry {
    const NAME: &'static str = "fast-telemetry";
    type Writer = Handles<DynamicGaugeSeries, DynamicCounterSeries, DynamicHistogramSeries>;
    type Page = String;

    fn new(engines: usize) -> Self {
        let peer = Self {
            gauges: GAUGES.map(|_| DynamicGauge::new(shards())).into(),
            counters: COUNTERS.map(|_| DynamicCounter::new(shards())).into(),
            histograms: HISTOGRAMS.map(|family| histogram(&family)).into(),
            names: COUNTERS.map(|(name, _)| format!("{name}_total")).into(),
        };
        (0..engines).for_each(|engine| _ = peer.writer(engine));
        peer
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let labels = [(ENGINE, engine_name(engine)), (MODEL_NAME, MODEL)];
        let counter = |series: crate::shape::CounterSeries| {
            let labels: Vec<_> = labels.into_iter().chain(series.label).collect();
            self.counters[series.family].series(&labels)
        };
        Handles::new(
            self.gauges.iter().map(|family| family.series(&labels)),
            counter_series().map(counter),
            self.histograms.iter().map(|family| family.series(&labels)),
            (),
        )
    }

    fn render(&self, page: &mut String) {
        page.clear();
        let gauges = GAUGES.iter().zip(&self.gauges);
        gauges.for_each(|(name, family)| family.export_prometheus(page, name, HELP));
        let counters = self.names.iter().zip(&self.counters);
        counters.for_each(|(name, family)| family.export_prometheus(page, name, HELP));
        let histograms = HISTOGRAMS.iter().zip(&self.histograms);
        histograms.for_each(|(declared, family)| family.export_prometheus(page, declared.name, HELP));
    }

    /// Turns integers back to seconds.
    fn samples(text: &[u8]) -> Samples {
        let samples = page::parse(text).into_iter();
        samples.map(|(sample, value)| in_seconds(sample, value)).collect()
    }
}

fn in_seconds(mut sample: page::Sample, value: f64) -> (page::Sample, f64) {
    let Some(family) = HISTOGRAMS.iter().find(|family| sample.name.starts_with(family.name)) else {
        return (sample, value);
    };
    let bound = |le: &str| family.bounds.iter().find(|bound| page::bound(integer_bound(family, **bound) as f64) == le);
    if let Some(bound) = sample.le.as_deref().and_then(bound) {
        sample.le = Some(page::bound(*bound));
    }
    let divisor = if sample.name.ends_with("_sum") { parts(family) } else { 1.0 };
    (sample, value / divisor)
}

impl SharedPeer for FastTelemetry {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for DynamicGaugeSeries {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.set(value);
    }
}

impl AddCounter for DynamicCounterSeries {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.add(n as isize);
    }
}

impl ObserveValue for DynamicHistogramSeries {
    #[inline(always)]
    fn observe_one(&self, (_, value): (f64, u64)) {
        self.record(value);
    }
}

pub(crate) struct FastTelemetryLookup(DynamicCounter);

impl Lookup for FastTelemetryLookup {
    const NAME: &'static str = FastTelemetry::NAME;

    fn new() -> Self {
        Self(DynamicCounter::new(shards()))
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        |[tenant, adapter, region]| {
            let [first, second, third] = LOOKUP_LABELS;
            self.0.inc(&[(first, tenant), (second, adapter), (third, region)]);
        }
    }

    fn page(&self) -> Vec<u8> {
        let mut page = String::new();
        self.0.export_prometheus(&mut page, &format!("{LOOKUP}_total"), HELP);
        page.into_bytes()
    }
}
