//! Handles of engines, and of parts of engines.

use std::{
    convert::Infallible,
    fmt,
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use super::{
    directory::Target,
    error::{AttachError, RecorderError},
    member,
    shared::Shared,
};
use crate::{
    rcu,
    record::{Recorder, SharedRecorder},
    schema::{Schema, layout::Scope},
    snapshot::Choice,
    store::engine::EngineLabels,
};

/// A handle of an attached engine. Dropping the last one removes the engine's series, at once or
/// after it [lingered](Self::linger). A recorder that outlives it still records, but nothing shows.
///
/// Clones are handles of the same engine, and so is what
/// [`Registry::get_or_attach`](crate::Registry::get_or_attach) finds.
#[must_use = "dropping an engine's last handle detaches it"]
pub struct Engine {
    registry: StdArc<Shared>,
    pub(super) schema: Schema,
    pub(super) labels: StdArc<EngineLabels>,
}

impl Engine {
    /// The caller has taken a handle.
    pub(super) fn new(registry: &StdArc<Shared>, schema: &Schema, labels: &StdArc<EngineLabels>) -> Self {
        Self { registry: StdArc::clone(registry), schema: schema.clone(), labels: StdArc::clone(labels) }
    }

    /// Attaches an engine to a schema, or a part of the engine `whole`.
    pub(super) fn attach(
        registry: &StdArc<Shared>,
        (member, schema): (u64, &Schema),
        whole: Option<&StdArc<EngineLabels>>,
        values: &[&str],
    ) -> Result<Engine, AttachError> {
        let (names, owned) = (schema.engine_labels(), || values.iter().copied().map(str::to_owned).collect());
        if values.len() != names.len() {
            return Err(AttachError::LabelCount { labels: names.to_vec(), values: owned() });
        }
        check_text(schema, values)?;
        let labels = member::labels(schema, member, whole, values);
        let engine = StdArc::new(member::store(schema, Scope::Engine, StdArc::clone(&labels)));
        rcu::update(&registry.directory, |current| {
            let is_there =
                |whole| current.of(Target::Engine(whole)).is_some_and(|store| StdArc::ptr_eq(&store.labels, whole));
            let whole_left = whole.is_some_and(|whole| !is_there(whole));
            if mutant!(whole_left, "join: a part of an engine that left" => false) {
                return Err(AttachError::NotAttached { values: owned() });
            }
            match current.attached(&engine, Instant::now()) {
                Ok(changed) => Ok((Some(changed), ())),
                Err(other) if other == member => Err(AttachError::AlreadyAttached { values: owned() }),
                Err(_) => Err(AttachError::AttachedToAnotherSchema { values: owned() }),
            }
        })?;
        Ok(Self::new(registry, schema, &labels))
    }

    /// Another handle of an engine or part of this schema that is attached, or a new engine.
    pub(super) fn get_or_attach(
        registry: &StdArc<Shared>,
        (member, schema): (u64, &Schema),
        values: &[&str],
    ) -> Result<Engine, AttachError> {
        loop {
            let directory = registry.directory.load();
            let find = || directory.find(member, values).filter(|labels| labels.take_handle());
            if let Some(labels) = mutant!(find(), "engine: found under a lock" => under_a_lock!(find)) {
                return Ok(Engine::new(registry, schema, labels));
            }
            match Self::attach(registry, (member, schema), None, values) {
                Err(AttachError::AlreadyAttached { .. }) => {} // meanwhile
                attached => return attached,
            }
        }
    }

    /// Lets the engine linger when its last handle is dropped: its series stay on pages and in
    /// snapshots for this long (49 days at most), so that one more scrape or log line sees what it
    /// counted last. After that, readers leave it out at once, and its memory is freed when the
    /// next engine attaches or detaches. Snapshots and views tell it from the others
    /// ([`EngineView::lingers`](crate::EngineView::lingers)).
    ///
    /// An engine that attaches with the same labels ends the lingering. What the earlier one
    /// counted is then in [`Snapshot::replaced`](crate::Snapshot::replaced), for the rest of its
    /// time, but for a minute at most.
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
    pub fn linger(self, time: Duration) -> Self {
        self.labels.set_linger(time);
        self
    }

    /// An exclusive recorder. It takes over the slab of a recorder that was dropped, and continues
    /// its totals. If no slab is free, it allocates one and begins at zero. What [several
    /// recorders](Recorder#several-recorders-of-an-engine) record is added up.
    ///
    /// Lock-free: never waits for a scrape or a recorder. A leaked recorder (`mem::forget`) counts
    /// as in use forever.
    ///
    /// # Errors
    /// [`RecorderError`] while all recorders that
    /// [`SchemaBuilder::max_recorders`](crate::SchemaBuilder::max_recorders) allows are in use.
    pub fn recorder(&self) -> Result<Recorder, RecorderError> {
        self.registry.recorder(&self.schema, Target::Engine(&self.labels))
    }

    /// What `read` returns for the newest values of these handles: one, or an array or a tuple of
    /// them. For tests and the like; whatever reads often keeps a [`View`](crate::View).
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// # let mut schema = Schema::builder(&["engine"]);
    /// # let tokens = schema.counter::<u64>("tokens", "Tokens.").declare()?;
    /// # let ttft = schema.histogram::<f64>("ttft_seconds", "First token.", &[1.0]).declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach(&["0"])?;
    /// engine.shared_recorder().add(tokens, 3);
    /// assert_eq!(engine.read(tokens, |tokens| tokens), 3);
    /// assert_eq!(engine.read(ttft, |ttft| ttft.count()), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If a handle is of another schema, or registry-wide.
    pub fn read<H: Choice, R>(&self, handles: H, read: impl FnOnce(H::Values<'_>) -> R) -> R {
        self.registry.read(&self.schema, Target::Engine(&self.labels), handles, read)
    }

    /// A recorder for any thread, to clone and share. What it records is added to the engine's
    /// series. The first one allocates the shards over which threads are spread
    /// ([`SchemaBuilder::shards`](crate::SchemaBuilder::shards)).
    ///
    /// Lock-free: never waits for a scrape or a recorder.
    #[must_use]
    pub fn shared_recorder(&self) -> SharedRecorder {
        self.registry.shared_recorder(&self.schema, Target::Engine(&self.labels))
    }
}

impl Clone for Engine {
    fn clone(&self) -> Self {
        let taken = self.labels.take_handle();
        debug_assert!(taken, "this handle is one");
        Self::new(&self.registry, &self.schema, &self.labels)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(linger) = self.labels.give_up_handle() else { return };
        let now = Instant::now();
        let until = linger.map(|time| now + time);
        let Ok(()) = rcu::update(&self.registry.directory, |current| {
            Ok::<_, Infallible>((current.detached(&self.labels, until, now), ()))
        });
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.labels.values).finish()
    }
}

/// Checks that the text of the labels is within the limit, even if every byte needs an escape.
fn check_text(schema: &Schema, values: &[&str]) -> Result<(), AttachError> {
    let limit = schema.limits().max_text;
    let mut text = 0_usize;
    for (name, value) in schema.const_labels().chain(member::pairs(schema, values)) {
        text = text.saturating_add(name.len() + 4).saturating_add(value.len().saturating_mul(2));
        if text > limit {
            return Err(AttachError::LabelsTooLong { label: name.to_owned(), limit });
        }
    }
    Ok(())
}
