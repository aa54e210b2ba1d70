//! The composition root: it attaches engines, and hands out recorders and snapshots.

mod chunks;
mod closure;
mod collector;
mod directory;
mod engine;
mod error;
mod join;
mod member;
mod self_metrics;
mod shared;

use std::{error::Error, fmt, sync::Arc as StdArc, time::Instant};

pub use self::{
    chunks::Chunks,
    collector::Collector,
    engine::Engine,
    error::{AttachError, CollectorError, RecorderError},
    join::Joined,
};
use self::{
    directory::{FIRST, Target},
    shared::Shared,
};
use crate::{
    exposition::{Format, PageOptions, Style},
    record::{Recorder, SharedRecorder},
    schema::{Schema, SchemaError, choice::FamilyChoice},
    snapshot::{Choice, Snapshot, View},
};

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

impl Registry {
    /// A registry without engines.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        Self(StdArc::new(Shared::new(schema)))
    }

    /// Attaches an engine: from now on its series are exposed, all zero. `values` are the values of
    /// the schema's engine labels, in their order. They may be any UTF-8.
    ///
    /// Allocates the engine's slab. Lock-free: never waits for a scrape or a recorder.
    ///
    /// # Errors
    /// [`AttachError`]: there isn't one value per label, the values are longer than 4 GiB, or an
    /// engine with the same labels is attached, to this schema or to one that joined.
    pub fn attach(&self, values: &[&str]) -> Result<Engine, AttachError> {
        Engine::attach(&self.0, (FIRST, &self.0.schema), None, values)
    }

    /// The engine with these label values: another handle of the one that is attached, or a new
    /// one. A program that finds out about its engines from requests, by model for example, needs
    /// no map of its own.
    ///
    /// The engine detaches when its last handle is dropped. So keep one for as long as its series
    /// are to be exposed. An engine that [lingers](Engine::linger) isn't found: a new one attaches.
    ///
    /// Lock-free: never waits for a scrape, a recorder, or a thread that attaches or detaches. To
    /// find an engine allocates nothing and compares strings; to attach one costs what
    /// [`attach`](Self::attach) does.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// # let mut schema = Schema::builder(&["model_name"]);
    /// # let requests = schema.counter::<u64>("requests", "Requests.").declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// let worker = registry.get_or_attach(&["llama"])?; // attaches
    /// let handler = registry.get_or_attach(&["llama"])?; // finds it
    /// handler.shared_recorder().inc(requests);
    /// drop(worker);
    /// assert_eq!(handler.read(requests, |requests| requests), 1);
    /// drop(handler); // detaches
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AttachError`]: there isn't one value per label, the values are longer than 4 GiB, or an
    /// engine of a schema that joined has the same labels.
    pub fn get_or_attach(&self, values: &[&str]) -> Result<Engine, AttachError> {
        Engine::get_or_attach(&self.0, (FIRST, &self.0.schema), values)
    }

    /// Adds the families of a further schema, while engines run and pages are served: those of a
    /// library, or of a connector whose families become known when its engine connects. On each
    /// page they follow those of the schemas before, until the [`Joined`] is dropped. The crate's
    /// [own families](crate::docs::self_metrics) are on the page once, for all schemas.
    ///
    /// The schema has engine labels and limits of its own. It takes over the [constant
    /// labels](crate::SchemaBuilder::const_label) of the registry's first schema.
    ///
    /// Lock-free: never waits for a scrape or a recorder. A scrape sees a joined schema whole or
    /// not at all. The next page lays out its lines, which allocates.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema, Snapshot};
    /// # let mut schema = Schema::builder(&["engine"]);
    /// # schema.counter::<u64>("generation_tokens", "Tokens generated.").declare()?;
    /// # let registry = Registry::new(schema.build()?);
    /// # let engine = registry.attach(&["0"])?;
    /// let mut schema = Schema::builder(&["engine"]);
    /// let mut counters = Vec::new();
    /// for name in ["connector:loads", "connector:stores"] { // as a connector announced them
    ///     counters.push(schema.counter::<u64>(name, "").declare()?);
    /// }
    /// let schema = schema.build()?;
    /// let connector = registry.join(schema.clone())?; // dropping it removes the families
    ///
    /// let part = connector.attach_to(&engine)?; // with the engine's labels
    /// part.shared_recorder().add(counters[1], 3);
    ///
    /// let mut page = Vec::new();
    /// registry.render(&mut page);
    /// assert!(String::from_utf8(page)?.contains("connector:stores_total{engine=\"0\"} 3\n"));
    ///
    /// let mut snapshot = Snapshot::new();
    /// registry.snapshot(&mut snapshot);
    /// let engine = snapshot.joined(&schema).and_then(|joined| joined.engine(&["0"]));
    /// assert_eq!(engine.map(|engine| engine.counter(counters[1])), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SchemaError::DuplicateFamily`] or [`SchemaError::ExposedNameClash`]: a schema of the
    /// registry exposes one of the names already. So a schema that has families can't join twice
    /// at a time; it can join again once it has left. [`SchemaError::DuplicateLabel`]: a label is
    /// a constant one of the registry's first schema.
    pub fn join(&self, schema: Schema) -> Result<Joined, SchemaError> {
        Joined::new(&self.0, schema)
    }

    /// An exclusive recorder of the registry's own families
    /// ([`registry_wide`](crate::Declaration::registry_wide)): see [`Engine::recorder`].
    ///
    /// # Errors
    /// [`RecorderError`] while all recorders that the schema allows are in use.
    pub fn recorder(&self) -> Result<Recorder, RecorderError> {
        self.0.recorder(&self.0.schema, Target::Registry(FIRST))
    }

    /// A recorder of the registry's own families
    /// ([`registry_wide`](crate::Declaration::registry_wide)) for any thread: see
    /// [`Engine::shared_recorder`].
    #[must_use]
    pub fn shared_recorder(&self) -> SharedRecorder {
        self.0.shared_recorder(&self.0.schema, Target::Registry(FIRST))
    }

    /// Registers a closure that records values when a page is written, and the families into which
    /// it records them: for values that are kept elsewhere, such as those of the process or of a
    /// catalogue. The families follow those of the registry. Dropping the [`Collector`] removes
    /// them. The example `process` has the metrics of a process.
    ///
    /// `schema` has no engine labels, since a collector has no engines. For each page `collect`
    /// gets a new recorder, with nothing recorded. So add a counter's whole total, and let gauges
    /// be [settable](crate::Declaration::settable) or have dynamic labels. A series with dynamic
    /// labels shows if this call looked it up. What isn't recorded is 0, as for an engine, or isn't
    /// there if its family is [sparse](crate::Declaration::sparse).
    ///
    /// # Failures
    /// If `collect` panics or returns an error, or records what [can't be
    /// counted](SharedRecorder), this page has none of the collector's families. All others are
    /// on it. That is counted in `tachometer_collector_failures_total`
    /// ([`self_metrics`](crate::docs::self_metrics)).
    ///
    /// # Progress
    /// Only the thread that renders waits for `collect`. Several threads may render at the same
    /// time, and so call it at the same time. If it renders a page of the same registry, it isn't
    /// called for that one too: this counts as a failure. It must not wait for another thread that
    /// does. Snapshots and views don't call it. Allocates.
    ///
    /// # Errors
    /// [`CollectorError`]: the schema has engine labels or registry-wide families; one of its names
    /// is exposed by the registry or by another collector; or one of its labels is
    /// [constant](crate::SchemaBuilder::const_label) on all pages.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// # let registry = Registry::new(Schema::builder(&["engine"]).build()?);
    /// # fn models() -> std::io::Result<[(&'static str, bool); 2]> {
    /// #     Ok([("llama", true), ("qwen", false)])
    /// # }
    /// let mut schema = Schema::builder(&[]);
    /// let ready = schema.gauge::<i64>("model_ready", "1 if the model can serve requests.");
    /// let ready = ready.sparse().dynamic_labels(["model"], 100).declare()?;
    /// let _collector = registry.collector(schema.build()?, move |recorder| {
    ///     for (model, is_ready) in models()? {
    ///         recorder.with_label_values(ready, [model]).set(i64::from(is_ready));
    ///     }
    ///     Ok(())
    /// })?;
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("\nmodel_ready{model=\"llama\"} 1\n"));
    /// # assert!(page.contains("\nmodel_ready{model=\"qwen\"} 0\n") && !page.contains("other"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn collector(
        &self,
        schema: Schema,
        collect: impl Fn(&SharedRecorder) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Result<Collector, CollectorError> {
        Collector::new(&self.0, schema, collect)
    }

    /// Overwrites `snapshot` with the newest committed step of each engine's recorders, and what
    /// shared recorders added.
    ///
    /// Lock-free: an attempt to read a recorder fails only if a step was committed meanwhile, so
    /// neither a stopped engine nor an open step holds it up. Allocates only to grow its buffers
    /// (for more engines than before, for the first engine with several recorders, or for more
    /// dynamic series) and, if the schema has infos or another one has joined, after engines
    /// attached or left.
    pub fn snapshot(&self, snapshot: &mut Snapshot) {
        self.0.fill(snapshot, &FamilyChoice::default());
    }

    /// Overwrites `view` with the chosen values, from the newest committed step of each engine's
    /// recorders and from what shared recorders added.
    ///
    /// Lock-free, as [`snapshot`](Self::snapshot). Allocates only for more engines than before.
    ///
    /// If the handles belong to a schema that joined, its engines are read. The view is empty once
    /// that schema has left.
    ///
    /// # Panics
    /// If the handles belong to no schema of the registry, and none has ever joined it; if they
    /// belong to several schemas; or if some belong to engines and others to the registry.
    pub fn view<H: Choice>(&self, view: &mut View<H>) {
        let directory = self.0.directory.load();
        let retries = view.fill(directory.sources(), directory.has_been_joined());
        self.0.self_metrics.retried(retries);
    }

    /// As [`Engine::read`], for handles of the registry's own families.
    ///
    /// # Panics
    /// If a handle is of another schema, or of engines.
    pub fn read<H: Choice, R>(&self, handles: H, read: impl FnOnce(H::Values<'_>) -> R) -> R {
        self.0.read(&self.0.schema, Target::Registry(FIRST), handles, read)
    }

    /// A page as a `String`, for tests and the like: see [`render`](Self::render).
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = Vec::new();
        self.render(&mut page);
        String::from_utf8(page).expect("names and label values are")
    }

    /// Takes a snapshot and appends it to `page`, as a page of all families in the Prometheus text
    /// format. `page` is never cleared. The next page shows how long that took and how many bytes
    /// it gave ([`self_metrics`](crate::docs::self_metrics)).
    ///
    /// Lock-free, as [`snapshot`](Self::snapshot). Doesn't allocate once warm: if `page` is large
    /// enough, schemas, engines and dynamic series are the same as before, at most 8 threads render
    /// at a time, each of them has rendered before (the list of engines keeps a note for each
    /// thread that reads it), and there are no [collectors](Self::collector).
    pub fn render(&self, page: &mut Vec<u8>) {
        self.render_as(Format::Text, &PageOptions::new(), page);
    }

    /// The same in either format, and of chosen families. [`Format::negotiate`] says which format a
    /// client gets, and [`http::respond`](crate::http::respond) answers whole requests.
    pub fn render_as(&self, format: Format, options: &PageOptions, page: &mut Vec<u8>) {
        let (begun, before, style) = (Instant::now(), page.len(), Style::new(format, options));
        let snapshot = self.0.snapshot_for(&options.families);
        self.0.renderer.families(&snapshot, snapshot.families(), style, page);
        self.0.collect(&options.families, style, page);
        style.end(page);
        mutant!(self.0.put_back(snapshot), "render: its snapshot isn't kept" => drop(snapshot));
        let bytes = mutant!(
            page.len() - before,
            "render: what was in the buffer is counted too" => page.len(),
        );
        self.0.self_metrics.rendered(begun.elapsed(), bytes);
    }

    /// The same page in pieces of whole families, of about 64 KiB each, for bodies that are sent
    /// while they are written. All are of one snapshot. It is taken by this call, and kept until
    /// the last piece; only [collectors](Self::collector) are called for the last piece. A page
    /// that is given up before its end isn't counted.
    ///
    /// Pieces are UTF-8, so they suit [`fmt::Write`] as well as [`io::Write`](std::io::Write):
    ///
    /// ```
    /// # use std::io::{self, Write};
    /// # use tachometer::{Format, PageOptions, Registry};
    /// fn write(registry: &Registry, out: &mut impl Write) -> io::Result<()> {
    ///     let mut pieces = registry.chunks(Format::Text, &PageOptions::new());
    ///     pieces.try_for_each(|piece| out.write_all(&piece))
    /// }
    /// # let registry = Registry::new(tachometer::Schema::builder(&[]).build().unwrap());
    /// # let (mut page, mut out) = (Vec::new(), Vec::new());
    /// # registry.render(&mut page);
    /// # write(&registry, &mut out).unwrap();
    /// # let lines = |page: Vec<u8>| String::from_utf8(page).unwrap().lines().count();
    /// # assert_eq!(lines(page), lines(out));
    /// ```
    #[must_use]
    pub fn chunks(&self, format: Format, options: &PageOptions) -> Chunks {
        Chunks::new(&self.0, format, options)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.0.directory.load();
        let engines = directory.sources().flat_map(|source| source.engines());
        f.debug_list().entries(engines.map(|engine| &engine.labels.values)).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use crossbeam_utils::atomic::AtomicCell;

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
            StdArc::downgrade(&registry.0.directory.load().of(Target::Engine(&engine.labels)).unwrap().infos)
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
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        while snapshot.replaced().len() > 0 {
            registry.snapshot(&mut snapshot);
        }
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
