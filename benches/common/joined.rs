//! Ten sets of families, as ten libraries bring them: in one schema, or in schemas that joined.

use tachometer::{Counter, Engine, Gauge, Histogram, Joined, Recorder, Registry, Schema, SchemaBuilder};

const SETS: usize = 10;
const BOUNDS: [f64; 8] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// A connector's families: 30 samples per engine.
struct Set {
    counts: Vec<Counter<u64>>,
    levels: Vec<Gauge<i64>>,
    seconds: Vec<Histogram<f64>>,
}

impl Set {
    fn declare(schema: &mut SchemaBuilder, set: usize) -> Self {
        let name = |family: &str, index: usize| format!("connector{set}:{family}_{index}");
        Self {
            counts: (0..5)
                .map(|index| schema.counter(&name("transfers", index), "A count.").declare().expect("a new name"))
                .collect(),
            levels: (0..3)
                .map(|index| schema.gauge(&name("queue", index), "A level.").declare().expect("a new name"))
                .collect(),
            seconds: (0..2)
                .map(|index| {
                    schema.histogram(&name("seconds", index), "A time.", &BOUNDS).declare().expect("a new name")
                })
                .collect(),
        }
    }

    fn record(&self, recorder: &mut Recorder) {
        let mut step = recorder.step();
        self.counts.iter().for_each(|count| step.add(*count, 12_345));
        self.levels.iter().for_each(|level| step.set(*level, 123));
        let times = BOUNDS.map(|bound| bound / 2.0);
        self.seconds.iter().for_each(|seconds| step.observe_all(*seconds, &times));
        step.commit();
    }
}

/// A registry whose engines have ten sets.
pub(crate) struct TenSets {
    pub(crate) registry: Registry,
    /// What would remove series if it were dropped.
    _kept: (Vec<Engine>, Vec<Joined>, Vec<Recorder>),
}

impl TenSets {
    pub(crate) fn in_one_schema(engines: usize) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let sets: Vec<_> = (0..SETS).map(|set| Set::declare(&mut schema, set)).collect();
        let registry = Registry::new(schema.build().expect("valid labels"));
        let engines = attach(&registry, engines);
        let mut recorders: Vec<_> = engines.iter().map(recorder).collect();
        recorders.iter_mut().for_each(|recorder| sets.iter().for_each(|set| set.record(recorder)));
        Self { registry, _kept: (engines, Vec::new(), recorders) }
    }

    /// In ten schemas, with a part of each engine.
    pub(crate) fn joined(engines: usize) -> Self {
        let labels = ["engine", "model_name"];
        let registry = Registry::new(Schema::builder(&labels).build().expect("valid labels"));
        let mut engines = attach(&registry, engines);
        let (mut members, mut parts, mut recorders) = (Vec::new(), Vec::new(), Vec::new());
        for set in 0..SETS {
            let mut schema = Schema::builder(&labels);
            let set = Set::declare(&mut schema, set);
            let joined = registry.join(schema.build().expect("valid labels")).expect("new names");
            for engine in &engines {
                let part = joined.attach_to(engine).expect("the same labels");
                let mut recorder = recorder(&part);
                set.record(&mut recorder);
                recorders.push(recorder);
                parts.push(part);
            }
            members.push(joined);
        }
        engines.extend(parts);
        Self { registry, _kept: (engines, members, recorders) }
    }
}

fn attach(registry: &Registry, engines: usize) -> Vec<Engine> {
    let attach = |engine: usize| registry.attach(&[&engine.to_string(), "meta-llama/Llama-3.1-8B"]);
    (0..engines).map(|engine| attach(engine).expect("each label is new")).collect()
}

fn recorder(engine: &Engine) -> Recorder {
    engine.recorder().expect("a free slab")
}
