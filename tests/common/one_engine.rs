//! A registry with a single engine: for tests of what is recorded into one.
#![allow(dead_code)] // no test uses all of it

#[path = "shown.rs"]
pub(crate) mod shown;

use tachometer::{Engine, EngineView, Recorder, Registry, Schema, SchemaBuilder};

/// A registry, its engine, and the handles of what was declared.
pub(crate) struct OneEngine<H> {
    pub(crate) registry: Registry,
    pub(crate) engine: Engine,
    pub(crate) handles: H,
}

impl<H> OneEngine<H> {
    /// The engine's only label is `engine="0"`.
    pub(crate) fn new(declare: impl FnOnce(&mut SchemaBuilder) -> H) -> Self {
        Self::attached(&["engine"], &["0"], declare)
    }

    pub(crate) fn without_labels(declare: impl FnOnce(&mut SchemaBuilder) -> H) -> Self {
        Self::attached(&[], &[], declare)
    }

    fn attached(labels: &[&str], values: &[&str], declare: impl FnOnce(&mut SchemaBuilder) -> H) -> Self {
        let mut schema = Schema::builder(labels);
        let handles = declare(&mut schema);
        let registry = Registry::new(schema.build().expect("a valid schema"));
        let engine = registry.attach(values).expect("the only engine");
        Self { registry, engine, handles }
    }

    pub(crate) fn recorder(&self) -> Recorder {
        self.engine.recorder().expect("a free slab")
    }

    pub(crate) fn page(&self) -> String {
        self.registry.page()
    }

    /// The lines of the page that begin with `begin`.
    pub(crate) fn lines(&self, begin: &str) -> Vec<String> {
        shown::lines(&self.registry, begin)
    }

    /// What `read` finds in a new snapshot of the engine.
    pub(crate) fn read<T>(&self, read: impl FnOnce(EngineView<'_>) -> T) -> T {
        read(shown::snapshot(&self.registry).engines().next().expect("it is attached"))
    }

    /// The engine's samples of a family, in the page's order: the labels after `engine`, if there
    /// are any, and the value.
    pub(crate) fn samples(&self, family: &str) -> Vec<String> {
        let begin = format!("{family}{{engine=\"0\"");
        let lines = self.lines(&begin).into_iter();
        lines.map(|line| line[begin.len()..].trim_start_matches([',', '}', ' ']).to_owned()).collect()
    }

    /// The engine's value of the self-metric `tachometer_{name}_total`.
    pub(crate) fn self_metric(&self, name: &str) -> u64 {
        let samples = self.samples(&format!("tachometer_{name}_total"));
        assert_eq!(samples.len(), 1, "{samples:?}");
        samples[0].parse().expect("a whole number")
    }
}
