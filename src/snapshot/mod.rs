//! Plain numbers, copied out of the slabs into reused buffers.

mod chosen;
mod dynamic;
mod histogram;
mod info;
mod parts;
pub(crate) mod projection;
mod rows;
mod shown;
mod source;
mod view;
mod walk;

use std::{fmt, iter, mem, sync::Arc};

pub(crate) use self::source::Source;
pub use self::{
    histogram::HistogramView,
    info::InfoView,
    projection::{Choice, EngineValues, View},
    view::EngineView,
    walk::{FamilyView, SampleValue, SampleView},
};
use self::{
    parts::Parts,
    rows::{RecorderCounts, Rows, Selection},
    shown::Shown,
    source::number,
};
use crate::{
    schema::{
        Schema,
        choice::FamilyChoice,
        layout::{InfoIndex, Scope},
    },
    store::{
        engine::Engines,
        info::{EngineValue, InfoReading, LabelGroups},
    },
};

/// The newest finished step of each engine, as plain numbers. Routers and log lines read it, and a
/// renderer prints it.
///
/// Reuse it: [`Registry::snapshot`](crate::Registry::snapshot) overwrites it, and documents when
/// that allocates.
///
/// # What it promises
/// All counters, gauges and histograms that an exclusive recorder contributes come from **one** of
/// its finished steps. That step isn't older than the newest one when the read began, and a later
/// snapshot never shows an earlier step. The steps of different recorders aren't from one moment,
/// whether the recorders are of one engine or of several. What shared recorders added is true word
/// by word.
///
/// No counter of an attached engine ever falls, with one exception: a series with dynamic labels
/// that was [removed](crate::SharedRecorder::remove) begins at zero when it is looked up again.
///
/// ```
/// # use tachometer::{Registry, Schema, Snapshot};
/// # let mut schema = Schema::builder(&["engine"]);
/// # let waiting = schema.gauge::<i64>("requests_waiting", "Waiting requests.").declare()?;
/// # let registry = Registry::new(schema.build()?);
/// # let _engines = [registry.attach(&["0"])?, registry.attach(&["1"])?];
/// let mut snapshot = Snapshot::new();
/// registry.snapshot(&mut snapshot);
/// let least_busy = snapshot.engines().min_by_key(|engine| engine.gauge(waiting));
/// assert_eq!(least_busy.unwrap().label("engine"), Some("0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Snapshot {
    schema: Option<Schema>,
    shown: Shown,
    /// One set of rows per scope: those of the engines, and that of the registry.
    rows: [Rows; Scope::COUNT],
    replaced: Rows,
    /// For each info, the engines whose samples a page shows.
    newest: Vec<Vec<Option<EngineValue>>>,
    groups: Groups,
    /// One per schema that joined.
    joined: Vec<Self>,
    parts: Parts,
}

/// Which engines print the same labels, and for which engines that was worked out.
#[derive(Default)]
struct Groups {
    groups: LabelGroups,
    /// A lingering engine leaves without a new membership, so the number of engines counts too.
    of: Option<(Arc<()>, usize)>,
}

impl Groups {
    fn update(&mut self, engines: Engines<'_>) {
        let (membership, len) = (engines.membership, engines.len());
        let same = |(known, engines): &(Arc<()>, usize)| Arc::ptr_eq(known, membership) && *engines == len;
        let same = self.of.as_ref().is_some_and(same);
        if !mutant!(same, "snapshot: label groups of other engines" => self.of.is_some()) {
            self.of = Some((Arc::clone(membership), len));
            self.groups = LabelGroups::new(engines.map(|engine| &*engine.infos));
        }
    }
}

impl Snapshot {
    /// An empty snapshot; the first use allocates its buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The engines in the order in which they attached.
    pub fn engines(&self) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        self.views(Scope::Engine)
    }

    /// The engines that lingered ([`Engine::linger`](crate::Engine::linger)) until others attached
    /// with their labels. They are on no page, and not among the [`engines`](Self::engines). What
    /// they counted last is here for the rest of their time, but for a minute at most.
    pub fn replaced(&self) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        (0..self.replaced.headers.len()).map(|index| self.view_of(Scope::Engine, &self.replaced, index))
    }

    /// The engine with these label values, in the order of the schema's engine labels.
    #[must_use]
    pub fn engine(&self, values: &[&str]) -> Option<EngineView<'_>> {
        Some(self.view(Scope::Engine, self.rows[Scope::Engine as usize].find(values)?))
    }

    /// The registry's own families ([`registry_wide`](crate::Declaration::registry_wide)), as if
    /// they were those of an engine without labels. `None` before the first use, and if a schema
    /// that [joined](Self::joined) has no such families.
    #[must_use]
    pub fn registry(&self) -> Option<EngineView<'_>> {
        self.views(Scope::Registry).next()
    }

    /// What a schema has in this snapshot that [joined](crate::Registry::join) the registry: its
    /// engines, as those of a registry of its own. `None` if it wasn't there.
    ///
    /// The other methods are about the schema with which the registry was made.
    #[must_use]
    pub fn joined(&self, schema: &Schema) -> Option<&Self> {
        self.joined.iter().find(|joined| joined.schema.as_ref().is_some_and(|own| number(own) == number(schema)))
    }

    /// Those of all schemas that joined, in this order.
    pub(crate) fn all_joined(&self) -> &[Self] {
        &self.joined
    }

    /// All rows of a scope.
    pub(crate) fn views(&self, scope: Scope) -> impl ExactSizeIterator<Item = EngineView<'_>> + DoubleEndedIterator {
        (0..self.rows[scope as usize].headers.len()).map(move |index| self.view(scope, index))
    }

    /// Engines that aren't parts of others.
    fn wholes(&self) -> impl ExactSizeIterator<Item = EngineView<'_>> {
        self.rows[Scope::Engine as usize].wholes.iter().map(|index| self.view(Scope::Engine, *index as usize))
    }

    #[inline]
    fn view(&self, scope: Scope, index: usize) -> EngineView<'_> {
        self.view_of(scope, &self.rows[scope as usize], index)
    }

    #[inline]
    fn view_of<'s>(&'s self, scope: Scope, rows: &'s Rows, index: usize) -> EngineView<'s> {
        let schema = self.schema.as_ref().expect("a snapshot with rows has their schema");
        EngineView { schema, layout: schema.layout(scope), rows, index, words: rows.words(index) }
    }

    /// The schema of the registry that filled it last; `None` before the first use.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// The samples of an info that a page shows, never two with the same labels.
    fn newest(&self, scope: Scope, info: InfoIndex) -> impl Iterator<Item = (EngineView<'_>, &InfoReading)> {
        let engines = self.newest.get(info.0 as usize).filter(|_| scope == Scope::Engine).into_iter().flatten();
        let engines = engines.flatten().map(|(engine, _)| self.view(Scope::Engine, *engine as usize));
        let own = self.registry().filter(|_| scope == Scope::Registry);
        engines.chain(own).filter_map(move |engine| Some((engine, engine.info_at(info)?)))
    }

    /// Overwrites this with what the sources hold: the registry's first schema, and those that
    /// joined. Of a choice that isn't all families, only what a page shows of them is there
    /// afterwards. Returns how many attempts failed.
    pub(crate) fn fill<'d>(
        &mut self,
        mut sources: impl ExactSizeIterator<Item = Source<'d>>,
        choice: &FamilyChoice,
    ) -> u64 {
        let first = sources.next().expect("a registry has a schema from the beginning");
        let membership = first.membership;
        let mut retries = self.fill_one(first, choice, true);
        if sources.len() == 0 && self.joined.is_empty() {
            return retries;
        }
        let joined = sources.len();
        for (index, source) in sources.enumerate() {
            let same = |joined: &Self| joined.schema.as_ref().is_some_and(|own| own.is(source.schema));
            match self.joined[index.min(self.joined.len())..].iter().position(same) {
                Some(0) => {}
                Some(ahead) => self.joined.swap(index, index + ahead),
                None => self.joined.insert(index, Self::new()),
            }
            let wide = source.schema.has_registry_wide();
            retries += self.joined[index].fill_one(source, choice, wide);
        }
        self.joined.truncate(joined);
        self.add_parts(membership);
        retries
    }

    /// Reads one schema, the registry's own store only if there is something in it.
    fn fill_one(&mut self, source: Source<'_>, choice: &FamilyChoice, wide: bool) -> u64 {
        let (schema, engines) = (source.schema, source.engines());
        if self.schema.as_ref().is_none_or(|own| !own.is(schema)) {
            (self.rows, self.replaced) = Default::default();
            self.schema = Some(schema.clone());
        }
        if choice.is_all() {
            self.shown.show_all();
        } else {
            self.shown.show(choice, schema);
        }
        let shown = &self.shown;
        let all = Scope::ALL.map(|scope| Selection::All(schema.layout(scope)));
        let [of_engines, of_registry] = shown.series.each_ref().map(|series| shown.some.then_some(series));
        let [engine_rows, registry_rows] = &mut self.rows;
        let mut retries = 0;
        if shown.has_any(Scope::Engine) {
            retries += engine_rows.fill(all[0], of_engines, engines.clone());
        }
        if wide && shown.has_any(Scope::Registry) {
            retries += registry_rows.fill(all[1], of_registry, [source.registry].into_iter());
        }
        if !shown.some && (source.replaced.len() > 0 || !self.replaced.headers.is_empty()) {
            retries += self.replaced.fill(all[0], None, source.replaced()); // no page shows them
        }
        let infos = schema.layout(Scope::Engine).infos.len();
        if (0..infos).any(|info| shown.has_info(info)) {
            self.groups.update(engines);
        }
        self.newest.resize_with(infos, Vec::new);
        for (info, newest) in self.newest.iter_mut().enumerate().filter(|(info, _)| shown.has_info(*info)) {
            let readings = engine_rows.infos.iter().skip(info).step_by(infos);
            self.groups.groups.newest(info, readings.map(|reading| Some(reading.as_ref()?.shown()?.value)), newest);
        }
        retries
    }

    /// Adds what recorders of parts count about themselves to the counts of their engines, and what
    /// recorders of the registry count for schemas that joined to those of the first.
    fn add_parts(&mut self, membership: &Arc<()>) {
        let [engines, registry] = [Scope::Engine as usize, Scope::Registry as usize];
        let mut parts = mem::take(&mut self.parts);
        let members = iter::once(&self.rows[engines]).chain(self.joined.iter().map(|joined| &joined.rows[engines]));
        let rows = if self.shown.has_counted(Scope::Engine) { parts.update(membership, members) } else { &[] };
        for &((member, part), (whole, engine)) in rows {
            let (schema, rows) = self.member(member, engines);
            if rows.headers[part].lingers {
                continue; // the engine has taken over what it counted
            }
            let counted = rows.counted(schema.layout(Scope::Engine), part);
            mutant!(self.add_counted(whole, engines, engine, &counted), "snapshot: parts aren't counted" => ());
        }
        let joined = if self.shown.has_counted(Scope::Registry) { self.joined.len() } else { 0 };
        for member in 1..=joined {
            let (schema, rows) = self.member(member, registry);
            if rows.headers.is_empty() {
                continue;
            }
            let counted = rows.counted(schema.layout(Scope::Registry), 0);
            self.add_counted(0, registry, 0, &counted);
        }
        self.parts = parts;
    }

    /// The schema and the rows of a member: 0 is the first, and the others joined.
    fn member(&self, member: usize, scope: usize) -> (&Schema, &Rows) {
        let snapshot = member.checked_sub(1).map_or(self, |joined| &self.joined[joined]);
        (snapshot.schema.as_ref().expect("it was filled"), &snapshot.rows[scope])
    }

    fn add_counted(&mut self, member: usize, scope: usize, row: usize, counted: &RecorderCounts) {
        let snapshot = match member.checked_sub(1) {
            None => self,
            Some(joined) => &mut self.joined[joined],
        };
        let layout = snapshot.schema.as_ref().expect("it was filled").layout(Scope::ALL[scope]);
        snapshot.rows[scope].add_counted(layout, row, counted);
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.engines()).finish()
    }
}
