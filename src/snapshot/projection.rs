//! Views: a few chosen series of each engine, as a router reads them for each request.

pub(crate) mod sealed;

use std::{fmt, sync::Arc};

use self::sealed::Cursor;
use super::{
    chosen::ChosenWords,
    rows::{RowHeader, Rows, Selection},
    source::{Source, number},
};
use crate::{
    schema::{Schema, handle::schema_of, layout::Scope},
    store::engine::EngineStore,
};

/// A few chosen series of each engine, as plain numbers: what a router needs for each request. A
/// view reads only the words of these series, which takes tens of nanoseconds per engine, however
/// many families there are.
///
/// `H` is the choice: a handle of a series, or an array or a tuple of such handles.
/// [`EngineValues::get`] returns the values in the same shape, so a view can't be asked for
/// anything that it doesn't hold. Either all handles belong to engines, or all belong to the
/// registry ([`registry_wide`](crate::Declaration::registry_wide)).
///
/// [`Registry::view`](crate::Registry::view) overwrites it. It makes the same promises as a
/// [`Snapshot`](crate::Snapshot).
///
/// ```
/// # use tachometer::{Registry, Schema, View};
/// # let mut schema = Schema::builder(&["engine"]);
/// # let waiting = schema.gauge::<i64>("requests_waiting", "Waiting requests.").declare()?;
/// # let usage = schema.gauge::<f64>("kv_usage_ratio", "Share of the cache.").state().declare()?;
/// # let registry = Registry::new(schema.build()?);
/// # let engines = [registry.attach(&["0"])?, registry.attach(&["1"])?];
/// # let mut recorder = engines[0].recorder()?;
/// # let mut step = recorder.step();
/// # step.set(waiting, 3);
/// # step.commit();
/// let mut view = View::new((waiting, usage));     // once
/// registry.view(&mut view);                       // for each request
/// let least_busy = view.engines().min_by(|one, other| {
///     let ((waiting, usage), (others_waiting, others_usage)) = (one.get(), other.get());
///     waiting.cmp(&others_waiting).then_with(|| usage.total_cmp(&others_usage))
/// });
/// assert_eq!(least_busy.unwrap().label("engine"), Some("1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct View<H> {
    handles: H,
    bound: Option<Bound>,
    rows: Rows,
}

/// The choice, resolved against a registry's schema at the first use.
struct Bound {
    schema: Schema,
    scope: Scope,
    chosen: ChosenWords,
}

/// The chosen values of one engine, or of the registry.
pub struct EngineValues<'v, H> {
    view: &'v View<H>,
    bound: &'v Bound,
    index: usize,
}

impl<H: Choice> View<H> {
    /// An empty view of these series. The first use allocates its buffers.
    #[must_use]
    pub fn new(handles: H) -> Self {
        Self { handles, bound: None, rows: Rows::default() }
    }

    /// The engines in the order in which they attached. Empty if the handles belong to the
    /// registry.
    pub fn engines(&self) -> impl ExactSizeIterator<Item = EngineValues<'_, H>> + DoubleEndedIterator {
        self.rows_of(Scope::Engine)
    }

    /// The engine with these label values, in the order of the schema's engine labels.
    #[must_use]
    pub fn engine(&self, values: &[&str]) -> Option<EngineValues<'_, H>> {
        let bound = self.bound.as_ref().filter(|bound| bound.scope == Scope::Engine)?;
        Some(EngineValues { view: self, bound, index: self.rows.find(values)? })
    }

    /// The registry's own values. `None` before the first use, and if the handles belong to
    /// engines.
    #[must_use]
    pub fn registry(&self) -> Option<EngineValues<'_, H>> {
        self.rows_of(Scope::Registry).next()
    }

    fn rows_of(&self, scope: Scope) -> impl ExactSizeIterator<Item = EngineValues<'_, H>> + DoubleEndedIterator {
        let bound = self.bound.as_ref().filter(|bound| bound.scope == scope);
        let rows = if bound.is_some() { self.rows.headers.len() } else { 0 };
        (0..rows).map(move |index| EngineValues { view: self, bound: bound.expect("there are rows"), index })
    }

    /// Reads the chosen words of one store.
    pub(crate) fn fill_one(&mut self, schema: &Schema, scope: Scope, store: &Arc<EngineStore>) -> EngineValues<'_, H> {
        let bound = self.bound.insert(Bound::new(&self.handles, schema).expect(OTHER_HANDLES));
        assert!(bound.scope == scope, "families of the registry are read from the registry, all others from an engine");
        self.rows.fill(Selection::Chosen(&bound.chosen), None, [store].into_iter());
        self.rows_of(scope).next().expect("one was read")
    }

    /// Overwrites this with the chosen words of the handles' schema. If it isn't among the sources,
    /// it must be one that may have left; then there are no rows. Returns how many attempts failed.
    pub(crate) fn fill<'d>(
        &mut self,
        mut sources: impl Iterator<Item = Source<'d>> + Clone,
        may_have_left: bool,
    ) -> u64 {
        let is_bound = |bound: &Bound, source: &Source<'_>| number(&bound.schema) == number(source.schema);
        let bound = self.bound.as_ref().and_then(|bound| sources.clone().find(|source| is_bound(bound, source)));
        let source = bound.or_else(|| {
            self.rows = Rows::default();
            self.bound = sources.clone().find_map(|source| Bound::new(&self.handles, source.schema));
            let bound = self.bound.as_ref()?;
            sources.find(|source| is_bound(bound, source))
        });
        let (Some(source), Some(bound)) = (source, self.bound.as_ref()) else {
            assert!(may_have_left && are_of_one_schema(&self.handles), "{OTHER_HANDLES}");
            return 0;
        };
        let chosen = Selection::Chosen(&bound.chosen);
        match bound.scope {
            Scope::Engine => self.rows.fill(chosen, None, source.engines()),
            Scope::Registry => self.rows.fill(chosen, None, [source.registry].into_iter()),
        }
    }
}

/// What is wrong with handles that can't be read.
const OTHER_HANDLES: &str =
    "a view's handles must be of one of the registry's schemas, and either all of engines or all of the registry";

/// Whether all handles are of the same schema and scope.
fn are_of_one_schema(handles: &impl Choice) -> bool {
    let mut schemas = Vec::new();
    handles.each(&mut |leaf| schemas.push(schema_of(leaf.schema())));
    schemas.windows(2).all(|pair| pair[0] == pair[1])
}

impl Bound {
    /// `None` if the handles are of another schema.
    #[cold]
    fn new(handles: &impl Choice, schema: &Schema) -> Option<Self> {
        let mut schemas = Vec::new();
        handles.each(&mut |leaf| schemas.push(schema_of(leaf.schema())));
        let of = |scope: Scope| schemas.iter().all(|number| *number == schema.layout(scope).schema);
        let scope = Scope::ALL.into_iter().find(|scope| of(*scope))?;
        let mut chosen = ChosenWords::default();
        handles.each(&mut |leaf| leaf.choose(schema.layout(scope), &mut chosen));
        Some(Self { schema: schema.clone(), scope, chosen })
    }
}

impl<'v, H: Choice> EngineValues<'v, H> {
    /// The values, in the shape in which the handles were given.
    #[must_use]
    #[inline]
    pub fn get(&self) -> H::Values<'v> {
        let layout = self.bound.schema.layout(self.bound.scope);
        let words = self.view.rows.words(self.index);
        let (words, settable) = words.split_at(self.bound.chosen.words.len());
        self.view.handles.read(&mut Cursor { layout, words, settable })
    }

    /// The value of one of the schema's engine labels. The registry has none.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'v str> {
        self.header().label(&self.bound.schema, name)
    }

    /// The values of the schema's engine labels, in their order. The registry has none.
    #[must_use]
    pub fn label_values(&self) -> &'v [String] {
        &self.header().labels.values
    }

    /// Like [`EngineView::incarnation`](crate::EngineView::incarnation).
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.header().labels.number()
    }

    /// Like [`EngineView::lingers`](crate::EngineView::lingers). A router sends such an engine
    /// nothing.
    #[must_use]
    pub fn lingers(&self) -> bool {
        self.header().lingers
    }

    /// Like [`EngineView::step`](crate::EngineView::step).
    #[must_use]
    pub fn step(&self) -> u64 {
        self.header().step
    }

    /// Like [`EngineView::retries`](crate::EngineView::retries).
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.header().retries
    }

    fn header(&self) -> &'v RowHeader {
        &self.view.rows.headers[self.index]
    }
}

// Not derived, since a derive would require `H: Clone`.
impl<H> Clone for EngineValues<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for EngineValues<'_, H> {}

impl<H> fmt::Debug for View<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("engines", &self.rows.headers.len()).finish_non_exhaustive()
    }
}

impl<H> fmt::Debug for EngineValues<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = &self.view.rows.headers[self.index].labels.values;
        f.debug_struct("EngineValues").field("labels", labels).finish_non_exhaustive()
    }
}

/// What a [`View`] can hold: the [`Handle`](crate::Handle) of a series, or an array or a tuple of
/// such handles. Sealed.
pub trait Choice: sealed::Choice {}

impl<C: sealed::Choice> Choice for C {}
