//! Our own crate: one recorder per engine, one step per call, latencies of a batch at once.

use tachometer::{
    Counter, DynamicFamily, Engine, Exactly, Gauge, Histogram, Recorder, Registry, Schema, SchemaBuilder, SchemaError,
};

use super::{Lookup, PAIR, Peer, Shared, SharedPeer, Writer};
use crate::{
    shape::{
        ALL_COUNTERS, COUNTERS, ENGINE, FIRST_OF_FINISHED, GAUGES, HELP, HISTOGRAMS, INTER_TOKEN_LATENCY,
        ITERATION_TOKENS, LOOKUP, LOOKUP_LABELS, Labels, MODEL, MODEL_NAME, REASON, REASONS, SOURCE, SOURCES,
        STEP_COUNTERS,
    },
    values::{Step, Window},
};

/// A finished request's histograms: of seconds first, then of tokens.
const SECONDS: usize = 7;
const TOKENS: usize = 5;

#[derive(Clone, Copy)]
struct Handles {
    gauges: [Gauge<f64>; GAUGES.len()],
    counters: [Counter<u64>; ALL_COUNTERS],
    iteration_tokens: Histogram<u64>,
    latency: Histogram<f64>,
    seconds: [Histogram<f64>; SECONDS],
    tokens: [Histogram<u64>; TOKENS],
}

impl Handles {
    fn declare(schema: &mut SchemaBuilder) -> Result<Self, SchemaError> {
        let [first, second, third] = GAUGES;
        let gauges = [first, second, third].map(|name| schema.gauge(name, HELP).declare());
        let [first, second, third] = gauges;
        let mut counters = Vec::new();
        for (name, labels) in COUNTERS {
            let family = schema.counter(name, HELP);
            match labels {
                Labels::None => counters.push(family.declare()?),
                Labels::Source => counters.extend(family.label(SOURCE, SOURCES).declare()?),
                Labels::Reason => counters.extend(family.label(REASON, REASONS).declare()?),
            }
        }
        let mut seconds = Vec::new();
        let mut tokens = Vec::new();
        for family in &HISTOGRAMS {
            if family.seconds {
                seconds.push(schema.histogram(family.name, HELP, family.bounds).declare()?);
            } else {
                tokens.push(schema.histogram(family.name, HELP, family.bounds).declare()?);
            }
        }
        let (latency, iteration_tokens) = (seconds.remove(0), tokens.remove(0));
        Ok(Self {
            gauges: [first?, second?, third?],
            counters: counters.try_into().expect("as many as the shape has"),
            iteration_tokens,
            latency,
            seconds: seconds.try_into().expect("as many as the shape has"),
            tokens: tokens.try_into().expect("as many as the shape has"),
        })
    }
}

const _: () = {
    assert!(ITERATION_TOKENS == 0 && INTER_TOKEN_LATENCY == 1);
    let mut index = FIRST_OF_FINISHED;
    while index < HISTOGRAMS.len() {
        assert!(HISTOGRAMS[index].seconds == (index < FIRST_OF_FINISHED + SECONDS));
        index += 1;
    }
};

pub(crate) struct Tachometer {
    pub(crate) registry: Registry,
    engines: Vec<Engine>,
    handles: Handles,
}

impl Tachometer {
    /// The two counters of [`Writer::pair`].
    pub(crate) fn pair(&self) -> [Counter<u64>; 2] {
        PAIR.map(|counter| self.handles.counters[counter])
    }
}

impl Peer for Tachometer {
    const NAME: &'static str = "tachometer";
    type Writer = TachometerWriter;
    type Page = Vec<u8>;

    fn new(engines: usize) -> Self {
        let mut schema = Schema::builder(&[ENGINE, MODEL_NAME]);
        let handles = Handles::declare(&mut schema).expect("valid families");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let attach = |engine: usize| registry.attach(&[&engine.to_string(), MODEL]).expect("a number of its own");
        Self { engines: (0..engines).map(attach).collect(), handles, registry }
    }

    fn writer(&self, engine: usize) -> TachometerWriter {
        let recorder = self.engines[engine].recorder().expect("few recorders");
        TachometerWriter { recorder, handles: self.handles }
    }

    fn render(&self, page: &mut Vec<u8>) {
        page.clear();
        self.registry.render(page);
    }
}

pub(crate) struct TachometerWriter {
    recorder: Recorder,
    handles: Handles,
}

impl Writer for TachometerWriter {
    #[inline]
    fn adds(&mut self, rounds: &[[u64; STEP_COUNTERS]]) {
        let mut step = self.recorder.step();
        for round in rounds {
            self.handles.counters.iter().zip(round).for_each(|(counter, n)| step.add(*counter, *n));
        }
        step.commit();
    }

    #[inline]
    fn observe_tokens(&mut self, values: Window<'_>) {
        let mut step = self.recorder.step();
        values.integers.iter().for_each(|value| step.observe(self.handles.iteration_tokens, *value));
        step.commit();
    }

    #[inline]
    fn observe_latencies(&mut self, values: Window<'_>) {
        let mut step = self.recorder.step();
        values.floats.iter().for_each(|value| step.observe(self.handles.latency, *value));
        step.commit();
    }

    #[inline]
    fn add_alone(&mut self, n: u64) {
        let mut step = self.recorder.step();
        step.add(self.handles.counters[0], n);
        step.commit();
    }

    #[inline]
    fn observe_alone(&mut self, (value, _): (f64, u64)) {
        let mut step = self.recorder.step();
        step.observe(self.handles.latency, value);
        step.commit();
    }

    #[inline]
    fn step(&mut self, values: &Step<'_>) {
        let handles = &self.handles;
        let mut step = self.recorder.step();
        handles.gauges.iter().zip(values.gauges).for_each(|(gauge, value)| step.set(*gauge, value));
        handles.counters.iter().zip(values.counters).for_each(|(counter, n)| step.add(*counter, *n));
        step.observe(handles.iteration_tokens, values.tokens.1);
        step.observe_all(handles.latency, values.latencies.floats);
        for finished in values.finished {
            let seconds = handles.seconds.iter().zip(&finished.floats[..SECONDS]);
            seconds.for_each(|(histogram, value)| step.observe(*histogram, *value));
            let tokens = handles.tokens.iter().zip(&finished.integers[SECONDS..]);
            tokens.for_each(|(histogram, value)| step.observe(*histogram, *value));
            step.inc(handles.counters[finished.counter()]);
        }
        step.commit();
    }

    #[inline]
    fn pair(&mut self, between: impl FnOnce()) {
        let mut step = self.recorder.step();
        step.observe(self.handles.iteration_tokens, 1);
        between();
        PAIR.iter().for_each(|counter| step.inc(self.handles.counters[*counter]));
        step.commit();
    }
}

pub(crate) struct SharedRecorder(tachometer::SharedRecorder, Handles);

impl SharedPeer for Tachometer {
    type Shared = SharedRecorder;

    fn shared(&self) -> SharedRecorder {
        SharedRecorder(self.engines[0].shared_recorder(), self.handles)
    }
}

impl Shared for SharedRecorder {
    #[inline]
    fn add(&self, n: u64) {
        self.0.add(self.1.counters[0], n);
    }

    #[inline]
    fn observe(&self, (value, _): (f64, u64)) {
        self.0.observe(self.1.latency, value);
    }
}

pub(crate) struct TachometerLookup {
    registry: Registry,
    engine: Engine,
    family: DynamicFamily<Counter<u64>, Exactly<3>>,
}

impl Lookup for TachometerLookup {
    const NAME: &'static str = Tachometer::NAME;

    fn new() -> Self {
        let mut schema = Schema::builder(&[]);
        let family =
            schema.counter(LOOKUP, HELP).dynamic_labels(LOOKUP_LABELS, 1_000).declare().expect("a valid family");
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let engine = registry.attach(&[]).expect("the first engine");
        Self { registry, engine, family }
    }

    fn adder(&self) -> impl FnMut([&'static str; 3]) {
        let recorder = self.engine.shared_recorder();
        move |values| recorder.with_label_values(self.family, values).inc()
    }

    fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        self.registry.render(&mut page);
        page
    }
}
