//! `plain`: what Rust servers write themselves: an atomic word per counter, and a histogram of a
//! `fetch_add` on the bucket and a compare-and-swap loop on the sum. It prints with `write!`.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    Peer, SharedPeer,
    handles::{AddCounter, Handles, ObserveValue, SetGauge},
};
use crate::shape::{ALL_COUNTERS, COUNTERS, ENGINE, GAUGES, HELP, HISTOGRAMS, MODEL, MODEL_NAME, counter_series};

type Word = Arc<AtomicU64>;

/// The bits of a float.
#[derive(Clone, Default)]
pub(crate) struct Float(Word);

#[derive(Clone)]
pub(crate) struct Histogram(Arc<Buckets>);

struct Buckets {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

struct Engine {
    gauges: [Float; GAUGES.len()],
    counters: [Word; ALL_COUNTERS],
    histograms: [Histogram; HISTOGRAMS.len()],
}

pub(crate) struct Plain(Vec<Engine>);

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds, counts, sum: AtomicU64::new(0) }))
    }

    /// Writes its lines, with `name` and the labels `labels`.
    fn write(&self, page: &mut String, name: &str, labels: &str) {
        let mut count = 0;
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        for (bound, bucket) in bounds.zip(&self.0.counts) {
            count += bucket.load(Relaxed);
            let le: &dyn std::fmt::Display = if bound.is_finite() { &bound } else { &"+Inf" };
            writeln!(page, "{name}_bucket{{{labels},le=\"{le}\"}} {count}").expect("a String takes everything");
        }
        let sum = f64::from_bits(self.0.sum.load(Relaxed));
        writeln!(page, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}").expect("a String too");
    }
}

impl Peer for Plain {
    const NAME: &'static str = "plain";
    type Writer = Handles<Float, Word, Histogram>;
    type Page = String;

    fn new(engines: usize) -> Self {
        let engine = |_| Engine {
            gauges: Default::default(),
            counters: std::array::from_fn(|_| Word::default()),
            histograms: HISTOGRAMS.map(|family| Histogram::new(family.bounds)),
        };
        Self((0..engines).map(engine).collect())
    }

    fn writer(&self, engine: usize) -> Self::Writer {
        let Engine { gauges, counters, histograms } = &self.0[engine];
        Handles::new(gauges.clone(), counters.clone(), histograms.clone(), ())
    }

    fn render(&self, page: &mut String) {
        page.clear();
        let labels: Vec<_> =
            (0..self.0.len()).map(|engine| format!("{ENGINE}=\"{engine}\",{MODEL_NAME}=\"{MODEL}\"")).collect();
        let engines = || self.0.iter().zip(&labels);
        for (index, name) in GAUGES.iter().enumerate() {
            head(page, name, "gauge");
            for (engine, labels) in engines() {
                let value = f64::from_bits(engine.gauges[index].0.load(Relaxed));
                writeln!(page, "{name}{{{labels}}} {value}").expect("a String takes everything");
            }
        }
        let series: Vec<_> = counter_series().enumerate().collect();
        for of_family in series.chunk_by(|(_, one), (_, next)| one.family == next.family) {
            let name = format!("{}_total", COUNTERS[of_family[0].1.family].0);
            head(page, &name, "counter");
            for (engine, labels) in engines() {
                for (index, series) in of_family {
                    let extra = series.label.map(|(label, value)| format!(",{label}=\"{value}\"")).unwrap_or_default();
                    let value = engine.counters[*index].load(Relaxed);
                    writeln!(page, "{name}{{{labels}{extra}}} {value}").expect("a String takes everything");
                }
            }
        }
        for (index, family) in HISTOGRAMS.iter().enumerate() {
            head(page, family.name, "histogram");
            engines().for_each(|(engine, labels)| engine.histograms[index].write(page, family.name, labels));
        }
    }
}

fn head(page: &mut String, name: &str, metric_type: &str) {
    writeln!(page, "# HELP {name} {HELP}\n# TYPE {name} {metric_type}").expect("a String takes everything");
}

impl SharedPeer for Plain {
    type Shared = Self::Writer;

    fn shared(&self) -> Self::Shared {
        self.writer(0)
    }
}

impl SetGauge for Float {
    #[inline(always)]
    fn set_to(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }
}

impl AddCounter for Word {
    #[inline(always)]
    fn add_n(&self, n: u64) {
        self.fetch_add(n, Relaxed);
    }
}

impl ObserveValue for Histogram {
    #[inline(always)]
    fn observe_one(&self, (value, _): (f64, u64)) {
        let Buckets { bounds, counts, sum } = &*self.0;
        let bucket = bounds.partition_point(|bound| *bound < value);
        counts[bucket].fetch_add(1, Relaxed);
        let mut seen = sum.load(Relaxed);
        while let Err(now) = sum.compare_exchange_weak(seen, (f64::from_bits(seen) + value).to_bits(), Relaxed, Relaxed)
        {
            seen = now;
        }
    }
}
