//! The composition root: engines attach and detach, recorders and snapshots are handed out.
//!
//! The engines stand in an immutable list behind one pointer. Attach and detach publish a new list (a loop that only repeats
//! when another attach or detach won); a snapshot takes the list that it finds. Nobody waits for anybody.

use std::{error, fmt, sync::Arc as StdArc};

use crossbeam_utils::atomic::AtomicCell;

use crate::{
    escape,
    exposition::text::TextRenderer,
    info::{Alike, InfoWriter, Infos},
    record::Recorder,
    schema::{
        Schema,
        layout::{Layout, Scope},
    },
    slab::Slab,
    snapshot::{EngineLabels, Snapshot, Source},
    sync::{Arc, ArcSwap},
};

/// Snapshots kept for [`Registry::render`]: enough for as many renderings at a time without allocation.
const POOLED_SNAPSHOTS: usize = 8;
const _: () =
    assert!(AtomicCell::<Option<Box<Snapshot>>>::is_lock_free(), "a pointer can be swapped in one instruction");

/// All engines of a schema. Cheap to clone: clones are the same registry.
///
/// ```
/// use tachometer::{Registry, Schema};
///
/// let mut schema = Schema::builder().engine_labels(["engine"]);
/// let tokens = schema.counter::<u64>("generation_tokens", "Tokens generated.").declare()?;
/// let registry = Registry::new(schema.build()?);
///
/// let engine = registry.attach(["0"])?;
/// let mut recorder = engine.recorder()?;
/// std::thread::spawn(move || recorder.add(tokens, 3)).join().unwrap();
///
/// let mut page = Vec::new();
/// registry.render(&mut page);
/// assert!(String::from_utf8(page)?.contains("generation_tokens_total{engine=\"0\"} 3\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry(StdArc<Shared>);

struct Shared {
    schema: Schema,
    engines: ArcSwap<Engines>,
    /// What isn't an engine's.
    own: Attached,
    renderer: TextRenderer,
    /// Taken and put back by a swap each, so nobody waits for a thread that is descheduled in between.
    snapshots: [AtomicCell<Option<Box<Snapshot>>>; POOLED_SNAPSHOTS],
}

/// The attached engines, in the order in which they attached.
#[derive(Default)]
struct Engines {
    list: Vec<StdArc<Attached>>,
    alike: Alike,
}

/// An engine's part of the registry, or the registry's own.
struct Attached {
    labels: StdArc<EngineLabels>,
    slab: Arc<Slab>,
    infos: StdArc<Infos>,
}

impl Registry {
    /// A registry without engines.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        let renderer = TextRenderer::new(&schema);
        let own = Attached::new(&schema, Scope::Registry, Vec::new());
        let (engines, snapshots) = (ArcSwap::default(), Default::default());
        Self(StdArc::new(Shared { schema, engines, own, renderer, snapshots }))
    }

    /// Attaches an engine: from now on its series are exposed, all zero. `values` are the values of the schema's engine labels,
    /// in their order; any UTF-8.
    ///
    /// Allocates the engine's slab. Lock-free: never waits for a scrape or a recorder.
    ///
    /// # Errors
    /// [`AttachError`]: not one value a label, an engine with the same values is attached, or too many engines.
    pub fn attach<V: Into<String>>(&self, values: impl IntoIterator<Item = V>) -> Result<Engine, AttachError> {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        let shared = &self.0;
        let names = shared.schema.engine_labels();
        if values.len() != names.len() {
            return Err(AttachError::LabelCount { labels: names.to_vec(), values });
        }
        let attached = StdArc::new(Attached::new(&shared.schema, Scope::Engine, values));
        shared.change_engines(|engines| {
            if engines.len() >= shared.schema.max_engines() {
                return Err(AttachError::TooManyEngines { limit: shared.schema.max_engines() });
            }
            if engines.iter().any(|other| other.labels.values == attached.labels.values) {
                return Err(AttachError::AlreadyAttached { values: attached.labels.values.clone() });
            }
            Ok(engines.iter().chain([&attached]).cloned().collect())
        })?;
        Ok(Engine { registry: self.clone(), attached })
    }

    /// The exclusive recorder of the registry's own families ([`registry_wide`](crate::Declaration::registry_wide)). When it is
    /// dropped, the next one goes on from its totals.
    ///
    /// # Errors
    /// [`RecorderTaken`] while there is one.
    pub fn recorder(&self) -> Result<Recorder, RecorderTaken> {
        let layout = self.0.schema.layout(Scope::Registry);
        self.0.own.recorder(layout).ok_or(RecorderTaken { engine: None })
    }

    /// Overwrites `snapshot` with the newest finished step of each engine.
    ///
    /// Lock-free: a try to read an engine fails only if a step was committed meanwhile, so neither a stopped engine nor an open
    /// step holds it up. Doesn't allocate unless there are more engines than `snapshot` ever held.
    pub fn snapshot(&self, snapshot: &mut Snapshot) {
        let engines = self.0.engines.load();
        let own = (self.0.schema.layout(Scope::Registry).words > 0).then(|| self.0.own.source());
        snapshot.fill(&self.0.schema, own, engines.list.iter().map(|engine| engine.source()), &engines.alike);
    }

    /// Appends a page in the Prometheus text format ([`CONTENT_TYPE`](crate::exposition::text::CONTENT_TYPE)) to `page`, which is never
    /// cleared: takes a snapshot and renders it.
    ///
    /// Lock-free, as [`snapshot`](Self::snapshot). Doesn't allocate once warm: `page` is large enough, up to 8 threads render at
    /// a time, and each has rendered before (the list of engines keeps a note for each thread that reads it).
    pub fn render(&self, page: &mut Vec<u8>) {
        let mut snapshot = self.0.snapshots.iter().find_map(AtomicCell::take).unwrap_or_default();
        self.snapshot(&mut snapshot);
        self.0.renderer.render(&snapshot, page);
        self.0.put_back(snapshot);
    }
}

impl Shared {
    /// Puts a snapshot into the pool; where one stands already, that one moves on, and the last one is dropped.
    fn put_back(&self, snapshot: Box<Snapshot>) {
        let mut left = Some(snapshot);
        for slot in &self.snapshots {
            left = slot.swap(left);
            if left.is_none() {
                return;
            }
        }
    }

    /// Publishes what `change` makes of the list of engines.
    fn change_engines<E>(
        &self,
        change: impl Fn(&[StdArc<Attached>]) -> Result<Vec<StdArc<Attached>>, E>,
    ) -> Result<(), E> {
        let mut current = self.engines.load();
        loop {
            let list = change(&current.list)?;
            let alike = Alike::new(list.iter().map(|engine| &*engine.infos));
            let changed = StdArc::new(Engines { list, alike });
            let found = self.engines.compare_and_swap(&*current, changed);
            if StdArc::ptr_eq(&found, &current) {
                return Ok(());
            }
            current = found;
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engines = self.0.engines.load();
        f.debug_list().entries(engines.list.iter().map(|engine| &engine.labels.values)).finish()
    }
}

impl Attached {
    fn new(schema: &Schema, scope: Scope, values: Vec<String>) -> Self {
        let layout = schema.layout(scope);
        let pairs = schema.engine_labels().iter().map(String::as_str).zip(values.iter().map(String::as_str));
        let infos = StdArc::new(Infos::new(layout, &pairs.clone().collect::<Vec<_>>()));
        let text = escape::label_pairs(pairs);
        Self { labels: StdArc::new(EngineLabels { values, text }), slab: Slab::new(layout.words), infos }
    }

    /// The exclusive recorder, unless there is one.
    fn recorder(&self, layout: &StdArc<Layout>) -> Option<Recorder> {
        let writer = Slab::writer(&self.slab)?;
        Some(Recorder::new(writer, StdArc::clone(layout), InfoWriter::new(&self.infos)))
    }

    fn source(&self) -> Source<'_> {
        Source { labels: &self.labels, slab: &self.slab, infos: &self.infos }
    }
}

/// An attached engine. Dropping it removes the engine's series; a recorder that outlives it writes on, unseen.
#[must_use = "dropping an engine detaches it"]
pub struct Engine {
    registry: Registry,
    attached: StdArc<Attached>,
}

impl Engine {
    /// The engine's exclusive recorder. When it is dropped, the next one goes on from its totals.
    ///
    /// # Errors
    /// [`RecorderTaken`] while there is one.
    pub fn recorder(&self) -> Result<Recorder, RecorderTaken> {
        let recorder = self.attached.recorder(self.registry.0.schema.layout(Scope::Engine));
        recorder.ok_or_else(|| RecorderTaken { engine: Some(self.attached.labels.values.clone()) })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let others = |engines: &[StdArc<Attached>]| {
            let others = engines.iter().filter(|other| !StdArc::ptr_eq(other, &self.attached)).cloned();
            Ok::<_, std::convert::Infallible>(others.collect())
        };
        let Ok(()) = self.registry.0.change_engines(others);
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.attached.labels.values).finish()
    }
}

/// Why an engine wasn't attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// Not one value for each engine label.
    LabelCount {
        /// The schema's engine labels.
        labels: Vec<String>,
        /// The values as given.
        values: Vec<String>,
    },
    /// An engine with these label values is attached.
    AlreadyAttached {
        /// The values as given.
        values: Vec<String>,
    },
    /// As many engines are attached as the schema allows.
    TooManyEngines {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LabelCount { labels, values } => {
                write!(
                    f,
                    "engine labels {values:?} don't fit the schema's {labels:?}: give one value for each, in order"
                )
            }
            Self::AlreadyAttached { values } => {
                write!(
                    f,
                    "an engine with labels {values:?} is attached already: drop its Engine first, or name this one apart"
                )
            }
            Self::TooManyEngines { limit } => {
                write!(f, "{limit} engines are attached, the limit: drop one, or raise SchemaBuilder::max_engines")
            }
        }
    }
}

impl error::Error for AttachError {}

/// The exclusive recorder of an engine, or of the registry, is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderTaken {
    /// The engine's label values; `None` if it is the registry's recorder.
    engine: Option<Vec<String>>,
}

impl fmt::Display for RecorderTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.engine {
            Some(values) => write!(f, "the recorder of engine {values:?} is in use")?,
            None => write!(f, "the registry's own recorder is in use")?,
        }
        write!(f, ": there is one at a time; drop it first")
    }
}

impl error::Error for RecorderTaken {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn eight_snapshots_are_kept_for_as_many_renderings_at_a_time() {
        let registry = Registry::new(Schema::builder().build().unwrap());
        (0..9).for_each(|_| registry.0.put_back(Box::default()));
        assert_eq!(registry.0.snapshots.iter().filter_map(AtomicCell::take).count(), 8);
    }
}
