//! Collectors of a registry, and what they add to its pages.

use std::{convert::Infallible, fmt, sync::Arc as StdArc, time::Instant};

use super::{
    closure::{BoxError, Closure},
    directory::{Directory, FIRST, Target},
    error::CollectorError,
    member,
    self_metrics::{COLLECTOR_FAILURES, SelfMetrics},
    shared::Shared,
};
use crate::{
    exposition::Style,
    rcu,
    record::SharedRecorder,
    schema::{
        self, Schema,
        choice::FamilyChoice,
        layout::{Diagnostic, Scope},
        types::MetricType,
    },
    snapshot::Snapshot,
    store::{engine::EngineStore, shards::Shards},
};

/// A closure that records values when a page is written: see
/// [`Registry::collector`](crate::Registry::collector). Dropping it removes its families from
/// pages. A page that is being written meanwhile may still have them.
#[must_use = "dropping a collector removes it"]
pub struct Collector {
    registry: StdArc<Shared>,
    closure: StdArc<Closure>,
}

impl Collector {
    pub(super) fn new(
        registry: &StdArc<Shared>,
        schema: Schema,
        collect: impl Fn(&SharedRecorder) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Result<Self, CollectorError> {
        let schema = schema.with_const_labels(&registry.schema).map_err(CollectorError::Clash)?;
        let closure = StdArc::new(Closure::new(schema, Box::new(collect))?);
        rcu::update(&registry.directory, |current| {
            let clash = current.check_names(&closure.schema).err();
            match mutant!(clash, "collector: names that clash" => None) {
                Some(clash) => Err(CollectorError::Clash(clash)),
                None => Ok((Some(current.with_collector(&closure)), ())),
            }
        })?;
        Ok(Self { registry: StdArc::clone(registry), closure })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let Ok(()) = rcu::update(&self.registry.directory, |current| {
            Ok::<_, Infallible>((Some(current.without_collector(&self.closure)), ()))
        });
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collector").field(&self.closure.schema).finish()
    }
}

impl Shared {
    /// Appends the families of all collectors that the page has, and how often one of them failed.
    pub(super) fn collect(&self, families: &FamilyChoice, style: Style, page: &mut Vec<u8>) {
        let directory = self.directory.load();
        if directory.collectors.is_empty() {
            return;
        }
        let collectors = StdArc::clone(&directory.collectors);
        let own = directory.of(Target::Registry(FIRST)).cloned().expect("the first schema stays");
        drop(directory); // closures may take long
        let chosen = |collector: &&StdArc<Closure>| collector.has_any(families);
        for collector in collectors.iter().filter(|all| mutant!(chosen(all), "subset: all collectors are run" => true))
        {
            if collector.write(families, style.without_created(), page).is_none() {
                self.self_metrics.collector_failed();
            }
        }
        if families.has_any(|name| schema::exposes(COLLECTOR_FAILURES, MetricType::Counter, false, name)) {
            self.self_metrics.write_failures(&own.labels, style, page);
        }
    }
}

impl Closure {
    /// Appends the families with what the closure records now. `None` if it fails, or records what
    /// can't be counted: then nothing is appended.
    fn write(&self, choice: &FamilyChoice, style: Style, page: &mut Vec<u8>) -> Option<()> {
        let labels = member::labels(&self.schema, FIRST, None, &[]);
        let store = member::store(&self.schema, Scope::Engine, labels);
        let layout = StdArc::clone(self.schema.layout(Scope::Engine));
        let shards = StdArc::new(Shards::new(layout, 0, &store.labels.text, StdArc::clone(&store.infos)));
        self.record(&SharedRecorder::new(StdArc::clone(&shards)))?;
        let mut snapshot = Snapshot::new();
        self.read(EngineStore { shards: Some(shards), ..store }, &mut snapshot);
        let recorded = snapshot.engines().next().expect("it was attached");
        let refused = [Diagnostic::RejectedObservations, Diagnostic::ForeignHandles];
        let refused = refused.iter().any(|diagnostic| recorded.diagnostic(*diagnostic) > 0);
        if mutant!(refused, "collector: what can't be counted is left out" => false) {
            return None;
        }
        let families = snapshot.families().filter(|family| !family.is_own() && family.is_in(choice));
        self.renderer.families(&snapshot, families, style, page);
        Some(())
    }

    /// Reads what was recorded, as the only engine of a registry.
    fn read(&self, recorded: EngineStore, snapshot: &mut Snapshot) {
        let (schema, engine) = (&self.schema, StdArc::new(recorded));
        let directory = Directory::new(schema, &SelfMetrics::new(schema).shards)
            .attached(&engine, Instant::now())
            .expect("the only engine");
        snapshot.fill(directory.sources(), &FamilyChoice::default());
    }
}
