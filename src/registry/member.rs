//! What one schema has in the registry: its engines, by number and by label values. It never
//! changes: a changed copy replaces it.

use std::{cmp::Ordering, sync::Arc as StdArc, time::Instant};

use crate::{
    escape,
    schema::{
        Schema,
        layout::{Layout, Scope},
    },
    sorted::{Position, Sorted},
    store::{
        engine::{EngineLabels, EngineStore},
        info::Infos,
        shards::Shards,
        slab::Slab,
        stamps::Stamps,
    },
};

/// The schema with which the registry was made (0), or one that joined.
#[derive(Clone)]
pub(super) struct Member {
    /// Greater than that of schemas that joined before.
    pub(super) id: u64,
    pub(super) schema: Schema,
    /// The store of its registry-wide families.
    pub(super) own: StdArc<EngineStore>,
    /// In the order of attaching.
    pub(super) engines: Sorted<StdArc<EngineStore>>,
    /// Of the same engines, in the order of label values.
    labels: Sorted<StdArc<EngineLabels>>,
    /// Engines that were dropped and linger, and until when.
    pub(super) lingering: Sorted<(Instant, StdArc<EngineLabels>)>,
    /// Engines that lingered until others attached with their labels. In the order of their times.
    pub(super) replaced: Sorted<StdArc<EngineStore>>,
}

impl Member {
    /// A schema without engines.
    pub(super) fn new(id: u64, schema: &Schema, self_metrics: Option<&StdArc<Shards>>) -> Self {
        let own = store(schema, Scope::Registry, labels(schema, id, None, &[]));
        let own = EngineStore { self_metrics: self_metrics.cloned(), ..own };
        Self {
            id,
            schema: schema.clone(),
            own: StdArc::new(own),
            engines: Sorted::new(),
            labels: Sorted::new(),
            lingering: Sorted::new(),
            replaced: Sorted::new(),
        }
    }

    /// The store of an engine; `None` if the engine left.
    pub(super) fn of(&self, labels: &EngineLabels) -> Option<&StdArc<EngineStore>> {
        self.position(labels).map(|at| self.engines.get(at))
    }

    /// The engine that has these label values.
    pub(super) fn find(&self, values: &[&str]) -> Option<&StdArc<EngineStore>> {
        let found = self.labels.find(|labels| labels.values.iter().map(String::as_str).cmp(values.iter().copied()));
        self.of(self.labels.get(found.ok()?))
    }

    /// The same with `grown` in place of its own store.
    pub(super) fn with_own(&self, grown: EngineStore) -> Self {
        Self { own: StdArc::new(grown), ..self.clone() }
    }

    /// The same with `grown` in place of the engine's store.
    pub(super) fn with(&self, labels: &EngineLabels, grown: EngineStore) -> Self {
        let at = self.position(labels).expect("it was found");
        Self { engines: self.engines.replaced(at, StdArc::new(grown)), ..self.clone() }
    }

    /// The same with one more engine, whose number is greater than all others and whose labels no
    /// other one has.
    pub(super) fn attached(&self, engine: &StdArc<EngineStore>) -> Self {
        let (mut changed, number) = (self.clone(), engine.labels.number());
        let at = self.labels.find(|labels| labels.values.cmp(&engine.labels.values));
        changed.labels = self.labels.inserted(at.unwrap_or_else(|at| at), StdArc::clone(&engine.labels));
        let at = self.engines.find(|other| other.labels.number().cmp(&number));
        changed.engines = self.engines.inserted(at.expect_err("each number is new"), StdArc::clone(engine));
        changed
    }

    /// The same with the engine lingering.
    pub(super) fn lingering(&self, labels: &StdArc<EngineLabels>, store: EngineStore, until: Instant) -> Self {
        let mut changed = self.with(labels, EngineStore { until: Some(until), ..store });
        let at = changed.lingering.find(|(time, other)| by_time(Some(*time), other, until, labels));
        let at = at.expect_err("it was attached until now");
        changed.lingering = changed.lingering.inserted(at, (until, StdArc::clone(labels)));
        changed
    }

    /// The same, in which another engine takes the labels of this one: it is among the replaced
    /// ones until its time is over, if it has any.
    pub(super) fn with_replaced(&self, store: &EngineStore, until: Option<Instant>) -> Self {
        let mut changed = self.without(&store.labels);
        let Some(until) = until else { return changed };
        let at = changed.replaced.find(|other| by_time(other.until, &other.labels, until, &store.labels));
        let store = StdArc::new(EngineStore { until: Some(until), ..store.clone() });
        changed.replaced = changed.replaced.inserted(at.expect_err("it was attached until now"), store);
        changed
    }

    /// The same without the engines that lingered long enough: few one by one, many at once. `None`
    /// if there are none.
    pub(super) fn without_expired(&self, now: Instant) -> Option<Self> {
        const FEW: usize = 8;
        if self.replaced.iter().next().is_some_and(|engine| engine.until <= Some(now)) {
            let replaced = self.replaced.retained(|engine| engine.until > Some(now));
            let changed = Self { replaced, ..self.clone() };
            return Some(changed.without_expired(now).unwrap_or(changed));
        }
        let expired = self
            .lingering
            .iter()
            .take_while(|(until, _)| mutant!(*until <= now, "engine: what lingered too long is never freed" => false));
        let count = expired.clone().take(FEW + 1).count();
        if count <= FEW {
            return (count > 0).then(|| expired.fold(self.clone(), |member, (_, labels)| member.without(labels)));
        }
        let stays = |engine: &EngineStore| engine.until.is_none_or(|until| until > now);
        let engines = self.engines.retained(|engine| stays(engine));
        let labels = self.labels.retained(|labels| self.of(labels).is_some_and(|engine| stays(engine)));
        let lingering = self.lingering.retained(|(until, _)| *until > now);
        Some(Self { engines, labels, lingering, ..self.clone() })
    }

    /// The same without an engine.
    pub(super) fn without(&self, gone: &EngineLabels) -> Self {
        let at = self.labels.find(|labels| labels.values.cmp(&gone.values)).expect("it is there");
        let mut changed = self.clone();
        if let Some(until) = self.of(gone).expect("it is there").until {
            let at = self.lingering.find(|(time, other)| by_time(Some(*time), other, until, gone));
            changed.lingering = self.lingering.removed(at.expect("it lingers"));
        }
        changed.engines = self.engines.removed(self.position(gone).expect("it is there"));
        changed.labels = mutant!(
            self.labels.removed(at),
            "registry: labels of an engine that left are kept" => self.labels.clone(),
        );
        changed
    }

    fn position(&self, labels: &EngineLabels) -> Option<Position> {
        self.engines.find(|engine| engine.labels.number().cmp(&labels.number())).ok()
    }
}

/// The order of engines that linger: by their time, and at the same time by their number.
fn by_time(until: Option<Instant>, labels: &EngineLabels, time: Instant, other: &EngineLabels) -> Ordering {
    until.cmp(&Some(time)).then(labels.number().cmp(&other.number()))
}

/// A new store of an engine or of the registry, with nothing recorded.
pub(super) fn store(schema: &Schema, scope: Scope, labels: StdArc<EngineLabels>) -> EngineStore {
    let layout = schema.layout(scope);
    let values: Vec<_> = labels.values.iter().map(String::as_str).collect();
    let const_labels = escape::label_pairs(b"", schema.const_labels());
    let infos = Infos::new(layout, &const_labels, &pairs(schema, &values).collect::<Vec<_>>());
    let stamps = (!layout.states.is_empty()).then(|| Stamps::new(schema.limits().max_recorders));
    EngineStore {
        labels,
        slabs: vec![Slab::new(layout.words, stamps)],
        infos: StdArc::new(infos),
        shards: None,
        self_metrics: None,
        until: None,
        carried: None,
    }
}

/// The labels of a store: the constant ones, and those of the engine. The registry has none of
/// these.
pub(super) fn labels(
    schema: &Schema,
    member: u64,
    whole: Option<&StdArc<EngineLabels>>,
    values: &[&str],
) -> StdArc<EngineLabels> {
    let text = escape::label_pairs(b"", schema.const_labels().chain(pairs(schema, values)));
    let values = values.iter().copied().map(str::to_owned).collect();
    StdArc::new(EngineLabels::new(member, whole.cloned(), values, text))
}

/// The shards that the shared recorders of a store add to.
pub(super) fn shards(schema: &Schema, layout: &StdArc<Layout>, store: &EngineStore) -> Shards {
    Shards::new(StdArc::clone(layout), schema.limits().shards(), &store.labels.text, StdArc::clone(&store.infos))
}

/// Names and values of engine labels. The registry has none.
pub(super) fn pairs<'l>(schema: &'l Schema, values: &'l [&str]) -> impl Iterator<Item = (&'l str, &'l str)> + Clone {
    schema.engine_labels().iter().map(String::as_str).zip(values.iter().copied())
}
