//! The composition root: it attaches engines, and hands out recorders and snapshots.

mod directory;
mod error;
mod self_metrics;

use std::{
    convert::Infallible,
    fmt,
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use crossbeam_utils::atomic::AtomicCell;

pub use self::error::{AttachError, RecorderError};
use self::{
    directory::{Directory, Target},
    self_metrics::SelfMetrics,
};
use crate::{
    exposition::TextRenderer,
    rcu,
    record::{Recorder, SharedRecorder},
    schema::{Schema, layout::Scope},
    snapshot::{Choice, Snapshot, View},
    store::{
        engine::{EngineLabels, EngineStore},
        info::InfoWriter,
        slab::Slab,
    },
    sync::ArcSwap,
};

/// A century: longer than anything runs, and short enough to be added to any time.
const LONGEST_LINGERING: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// Snapshots kept for [`Registry::render`], so that this many threads can render at a time without
/// allocation.
const POOLED_SNAPSHOTS: usize = 8;
const _: () =
    assert!(AtomicCell::<Option<Box<Snapshot>>>::is_lock_free(), "a pointer can be swapped in one instruction");

/// All engines of a schema. Clones are cheap and share the same registry.
///
/// ```
/// use tachometer::{Registry, Schema};
///
/// let mut schema = Schema::builder(&["engine"]);
/// let tokens = schema.counter::<u64>("generation_tokens", "Tokens generated.").declare()?;
/// let registry = Registry::new(schema.build()?);
///
/// let engine = registry.attach(&["0"])?;
/// let mut recorder = engine.recorder()?;
/// let engine_loop = std::thread::spawn(move || {
///     let mut step = recorder.step();
///     step.add(tokens, 3);
///     step.commit();
/// });
/// # engine_loop.join().unwrap();
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
    directory: ArcSwap<Directory>,
    renderer: TextRenderer,
    self_metrics: SelfMetrics,
    /// Each is taken and put back by a swap, so a thread that is descheduled in between holds up
    /// nothing.
    snapshots: [AtomicCell<Option<Box<Snapshot>>>; POOLED_SNAPSHOTS],
}

impl Registry {
    /// A registry without engines.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        let renderer = TextRenderer::new(&schema);
        let self_metrics = SelfMetrics::new(&schema);
        let directory = ArcSwap::from_pointee(Directory::new(&schema, &self_metrics.shards));
        Self(StdArc::new(Shared { schema, directory, renderer, self_metrics, snapshots: Default::default() }))
    }

    /// Attaches an engine: from now on its series are exposed, all zero. `values` are the values of
    /// the schema's engine labels, in their order. They may be any UTF-8.
    ///
    /// Allocates the engine's slab. Lock-free: never waits for a scrape or a recorder.
    ///
    /// # Errors
    /// [`AttachError`]: there isn't one value per label, the values are longer than 4 GiB, or an
    /// engine with the same values is attached.
    pub fn attach(&self, values: &[&str]) -> Result<Engine, AttachError> {
        let shared = &self.0;
        let (names, owned) = (shared.schema.engine_labels(), || values.iter().copied().map(str::to_owned).collect());
        if values.len() != names.len() {
            return Err(AttachError::LabelCount { labels: names.to_vec(), values: owned() });
        }
        directory::check_text(&shared.schema, values)?;
        let engine = StdArc::new(directory::store(&shared.schema, Scope::Engine, values));
        rcu::update(&shared.directory, |current| match current.attached(&engine, Instant::now()) {
            Some(changed) => Ok((Some(changed), ())),
            None => Err(AttachError::AlreadyAttached { values: owned() }),
        })?;
        Ok(Engine { registry: self.clone(), labels: StdArc::clone(&engine.labels), linger: None })
    }

    /// An exclusive recorder of the registry's own families
    /// ([`registry_wide`](crate::Declaration::registry_wide)): see [`Engine::recorder`].
    ///
    /// # Errors
    /// [`RecorderError`] while all recorders that the schema allows are in use.
    pub fn recorder(&self) -> Result<Recorder, RecorderError> {
        self.0.recorder(None)
    }

    /// A recorder of the registry's own families
    /// ([`registry_wide`](crate::Declaration::registry_wide)) for any thread: see
    /// [`Engine::shared_recorder`].
    #[must_use]
    pub fn shared_recorder(&self) -> SharedRecorder {
        self.0.shared_recorder(None)
    }

    /// Overwrites `snapshot` with the newest committed step of each engine's recorders, and what
    /// shared recorders added.
    ///
    /// Lock-free: an attempt to read a recorder fails only if a step was committed meanwhile, so
    /// neither a stopped engine nor an open step holds it up. Allocates only to grow its buffers
    /// (for more engines than before, for the first engine with several recorders, or for more
    /// dynamic series) and, if the schema has infos, after engines attached or left.
    pub fn snapshot(&self, snapshot: &mut Snapshot) {
        let directory = self.0.directory.load();
        let retries = snapshot.fill(&self.0.schema, &directory.own, directory.engines(), directory.replaced());
        self.0.self_metrics.retried(retries);
    }

    /// Overwrites `view` with the chosen values, from the newest committed step of each engine's
    /// recorders and from what shared recorders added.
    ///
    /// Lock-free, as [`snapshot`](Self::snapshot). Allocates only for more engines than before.
    ///
    /// # Panics
    /// If a handle of the view belongs to another schema, or if some belong to engines and others
    /// to the registry.
    pub fn view<H: Choice>(&self, view: &mut View<H>) {
        let directory = self.0.directory.load();
        let retries = view.fill(&self.0.schema, &directory.own, directory.engines());
        self.0.self_metrics.retried(retries);
    }

    /// Takes a snapshot, renders it as a page in the Prometheus text format
    /// ([`CONTENT_TYPE`](TextRenderer::CONTENT_TYPE)), and appends the page to `page`,
    /// which is never cleared. The next page shows how long that took and how many bytes it gave
    /// ([`self_metrics`](crate::docs::self_metrics)).
    ///
    /// Lock-free, as [`snapshot`](Self::snapshot). Doesn't allocate once warm, that is if `page` is
    /// large enough, engines and dynamic series are those of before, at most 8 threads render at a
    /// time, and each of them has rendered before (the list of engines keeps a note for each thread
    /// that reads it).
    pub fn render(&self, page: &mut Vec<u8>) {
        let (begun, before) = (Instant::now(), page.len());
        let mut snapshot = self.0.snapshots.iter().find_map(AtomicCell::take).unwrap_or_default();
        self.snapshot(&mut snapshot);
        self.0.renderer.render(&snapshot, page);
        mutant!(self.0.put_back(snapshot), "render: its snapshot isn't kept" => drop(snapshot));
        let bytes = mutant!(
            page.len() - before,
            "render: what was in the buffer is counted too" => page.len(),
        );
        self.0.self_metrics.rendered(begun.elapsed(), bytes);
    }
}

impl Shared {
    /// Puts a snapshot into the pool. If a slot is taken, its snapshot moves to the next one. The
    /// last one left over is dropped.
    fn put_back(&self, snapshot: Box<Snapshot>) {
        let mut left = Some(snapshot);
        for slot in &self.snapshots {
            left = slot.swap(left);
            if left.is_none() {
                return;
            }
        }
    }

    /// Leases a free slab, or adds one.
    fn recorder(&self, target: Target<'_>) -> Result<Recorder, RecorderError> {
        let (layout, limit) = (self.schema.layout(scope(target)), self.schema.limits().max_recorders);
        let (writer, infos) = rcu::update(&self.directory, |current| {
            let store = current.of(target);
            let leased = |writer| (writer, StdArc::clone(&store.infos));
            if let Some(writer) = store.slabs.iter().find_map(Slab::writer) {
                return Ok((None, leased(writer)));
            }
            if store.slabs.len() >= mutant!(limit, "lease: one too many" => limit + 1) {
                return Err(RecorderError::TooMany { engine: target.map(|labels| labels.values.clone()), limit });
            }
            let slab = Slab::new(layout.words, store.slabs[0].stamps_of(store.slabs.len()));
            let writer = Slab::writer(&slab).expect("no other thread has seen it");
            let slabs = store.slabs.iter().chain([&slab]).cloned().collect();
            Ok((Some(current.with(target, EngineStore { slabs, ..store.clone() })), leased(writer)))
        })?;
        Ok(Recorder::new(writer, StdArc::clone(layout), InfoWriter::new(&infos)))
    }

    /// A recorder of the target's shards. The first call adds them.
    fn shared_recorder(&self, target: Target<'_>) -> SharedRecorder {
        let Ok(shards) = rcu::update(&self.directory, |current| {
            let store = current.of(target);
            if let Some(shards) = mutant!(&store.shards, "shards: made by each shared recorder" => &None) {
                return Ok::<_, Infallible>((None, StdArc::clone(shards)));
            }
            let layout = self.schema.layout(scope(target));
            let shards = StdArc::new(directory::shards(&self.schema, layout, &store.labels));
            let grown = EngineStore { shards: Some(StdArc::clone(&shards)), ..store.clone() };
            Ok((Some(current.with(target, grown)), shards))
        });
        SharedRecorder::new(shards)
    }
}

fn scope(target: Target<'_>) -> Scope {
    if target.is_some() { Scope::Engine } else { Scope::Registry }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.0.directory.load();
        f.debug_list().entries(directory.engines().map(|engine| &engine.labels.values)).finish()
    }
}

/// An attached engine. Dropping it removes the engine's series, at once or after it
/// [lingered](Self::linger). A recorder that outlives it still records, but nothing shows.
#[must_use = "dropping an engine detaches it"]
pub struct Engine {
    registry: Registry,
    labels: StdArc<EngineLabels>,
    linger: Option<Duration>,
}

impl Engine {
    /// Lets the engine linger when it is dropped: its series stay on pages and in snapshots for
    /// this long, so that one more scrape or log line sees what it counted last. After that,
    /// readers leave it out at once, and its memory is freed when the next engine attaches or
    /// detaches. Snapshots and views tell it from the others
    /// ([`EngineView::lingers`](crate::EngineView::lingers)).
    ///
    /// An engine that attaches with the same labels ends the lingering. What the earlier one
    /// counted is then in [`Snapshot::replaced`], for the rest of its time, but for a minute at
    /// most.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tachometer::{Registry, Schema, Snapshot};
    /// # let mut schema = Schema::builder(&["engine"]);
    /// # let tokens = schema.counter::<u64>("tokens", "Tokens.").declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// // Longer than the scrape interval.
    /// let engine = registry.attach(&["0"])?.linger(Duration::from_secs(60));
    /// engine.shared_recorder().add(tokens, 3);
    /// drop(engine);
    /// let mut snapshot = Snapshot::new();
    /// registry.snapshot(&mut snapshot);
    /// assert_eq!(snapshot.engine(&["0"]).map(|engine| engine.counter(tokens)), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = Some(time);
        self
    }

    /// An exclusive recorder. It takes over the slab of a recorder that was dropped, and continues
    /// its totals. If no slab is free, it allocates one and begins at zero. What [several
    /// recorders](Recorder#several-recorders-of-an-engine) record is added up.
    ///
    /// Lock-free: never waits for a scrape or a recorder. A leaked recorder (`mem::forget`) counts
    /// as in use for ever.
    ///
    /// # Errors
    /// [`RecorderError`] while all recorders that
    /// [`SchemaBuilder::max_recorders`](crate::SchemaBuilder::max_recorders) allows are in use.
    pub fn recorder(&self) -> Result<Recorder, RecorderError> {
        self.registry.0.recorder(Some(&self.labels))
    }

    /// A recorder for any thread, to clone and share. What it records is added to the engine's
    /// series. The first one allocates the shards over which threads are spread
    /// ([`SchemaBuilder::shards`](crate::SchemaBuilder::shards)).
    ///
    /// Lock-free: never waits for a scrape or a recorder.
    #[must_use]
    pub fn shared_recorder(&self) -> SharedRecorder {
        self.registry.0.shared_recorder(Some(&self.labels))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let now = Instant::now();
        let until = self.linger.map(|time| now + time.min(LONGEST_LINGERING));
        let Ok(()) = rcu::update(&self.registry.0.directory, |current| {
            Ok::<_, Infallible>((Some(current.detached(&self.labels, until, now)), ()))
        });
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.labels.values).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_too_long_are_refused_by_name() {
        let mut builder = Schema::builder(&["engine", "model_name"]);
        builder.max_text(10_000);
        let registry = Registry::new(builder.build().unwrap());
        let long = "\"".repeat(5_000);
        let error = registry.attach(&["0", long.as_str()]).unwrap_err();
        assert_eq!(error, AttachError::LabelsTooLong { label: "model_name".into(), limit: 10_000 });
        let _engine = registry.attach(&["0", &long[..4_000]]).unwrap();
    }

    #[test]
    fn an_engine_that_lingered_is_freed_when_another_attaches_or_detaches() {
        let registry = Registry::new(Schema::builder(&["engine"]).build().unwrap());
        let linger = |name, time| {
            let engine = registry.attach(&[name]).unwrap().linger(time);
            StdArc::downgrade(&registry.0.directory.load().of(Some(&engine.labels)).infos)
        };
        let other = registry.attach(&["other"]).unwrap();
        let (brief, lasting) = (linger("brief", Duration::ZERO), linger("lasting", Duration::from_secs(100_000)));
        let third = registry.attach(&["third"]).unwrap();
        assert_eq!((brief.strong_count(), lasting.strong_count()), (0, 1), "by an engine that attaches");
        let brief = linger("brief", Duration::ZERO);
        assert_eq!(brief.strong_count(), 1, "nothing has come or left since");
        drop((other, third));
        assert_eq!((brief.strong_count(), lasting.strong_count()), (0, 1), "by an engine that detaches");
        let brief = linger("brief", Duration::from_millis(20));
        let replaced = registry.attach(&["brief"]).unwrap();
        while registry.0.directory.load().replaced().len() > 0 {}
        drop(replaced);
        assert_eq!(brief.strong_count(), 0, "also one that was replaced");
    }

    #[test]
    fn eight_snapshots_are_kept_for_as_many_renderings_at_a_time() {
        let registry = Registry::new(Schema::builder(&[]).build().unwrap());
        (0..9).for_each(|_| registry.0.put_back(Box::default()));
        assert_eq!(registry.0.snapshots.iter().filter_map(AtomicCell::take).count(), 8);
    }
}
