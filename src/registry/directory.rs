//! The directory of engines: an immutable list behind one pointer. A change publishes a new list,
//! in a loop that repeats only if another change came first. A snapshot reads the list that it
//! finds. Nothing waits.

use std::{
    cmp::Ordering,
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use super::{collector::Source, error::AttachError};
use crate::{
    escape,
    schema::{
        Schema,
        layout::{Layout, Scope},
    },
    sorted::{Position, Sorted},
    store::{
        engine::{EngineLabels, EngineStore, Engines},
        info::Infos,
        shards::Shards,
        slab::Slab,
        stamps::Stamps,
    },
};

/// How long an engine is kept at most that lingered until another one attached with its labels:
/// several intervals of a log. So engines that restart again and again don't pile up.
const LONGEST_REPLACED: Duration = Duration::from_secs(60);

/// The registry's own store, and the engines.
#[derive(Clone)]
pub(super) struct Directory {
    pub(super) own: StdArc<EngineStore>,
    /// In the order of attaching.
    engines: Sorted<StdArc<EngineStore>>,
    /// Of the same engines, in the order of label values.
    labels: Sorted<StdArc<EngineLabels>>,
    /// Engines that were dropped and linger, and until when.
    lingering: Sorted<(Instant, StdArc<EngineLabels>)>,
    /// Engines that lingered until others attached with their labels. In the order of their times.
    replaced: Sorted<StdArc<EngineStore>>,
    /// The number of the engine that attached last.
    last: u64,
    /// Replaced whenever an engine is added or removed.
    membership: StdArc<()>,
    /// In the order in which they were registered.
    pub(super) collectors: StdArc<[StdArc<Source>]>,
}

/// What a store belongs to: an engine, or `None` for the registry.
pub(super) type Target<'l> = Option<&'l StdArc<EngineLabels>>;

impl Directory {
    /// A directory without engines.
    pub(super) fn new(schema: &Schema, self_metrics: &StdArc<Shards>) -> Self {
        let own = store(schema, Scope::Registry, &[]);
        let own = EngineStore { self_metrics: Some(StdArc::clone(self_metrics)), ..own };
        Self {
            own: StdArc::new(own),
            engines: Sorted::new(),
            labels: Sorted::new(),
            lingering: Sorted::new(),
            replaced: Sorted::new(),
            last: 0,
            membership: StdArc::new(()),
            collectors: StdArc::new([]),
        }
    }

    /// The same directory with one more collector.
    pub(super) fn collected(&self, collector: &StdArc<Source>) -> Self {
        let collectors = self.collectors.iter().chain([collector]).cloned().collect();
        Self { collectors, ..self.clone() }
    }

    /// The same directory without a collector.
    pub(super) fn without_collector(&self, gone: &StdArc<Source>) -> Self {
        let stay = self.collectors.iter().filter(|collector| !StdArc::ptr_eq(collector, gone));
        Self { collectors: stay.cloned().collect(), ..self.clone() }
    }

    /// The engines that a reader sees now.
    pub(super) fn engines(&self) -> Engines<'_> {
        Engines::new(&self.engines, self.lingering.iter().map(|(until, _)| *until), &self.membership)
    }

    /// The engines that lingered until others attached with their labels, if their time isn't over.
    pub(super) fn replaced(&self) -> impl ExactSizeIterator<Item = &StdArc<EngineStore>> {
        let now = (self.replaced.len() > 0).then(Instant::now);
        let is_gone = |engine: &&StdArc<EngineStore>| engine.until <= now;
        self.replaced.iter().skip(self.replaced.iter().take_while(is_gone).count())
    }

    /// The target's store. An engine looks itself up, and it is listed for as long as it lives.
    pub(super) fn of(&self, target: Target<'_>) -> &StdArc<EngineStore> {
        match target {
            None => &self.own,
            Some(labels) => self.engines.get(self.position(labels)),
        }
    }

    /// The same directory with `grown` in place of the target's store.
    pub(super) fn with(&self, target: Target<'_>, grown: EngineStore) -> Self {
        let (mut changed, grown) = (self.clone(), StdArc::new(grown));
        match target {
            None => changed.own = grown,
            Some(labels) => changed.engines = self.engines.replaced(self.position(labels), grown),
        }
        changed
    }

    /// The same directory with one more engine, and without those that lingered long enough. `None`
    /// if an engine with the same labels is attached; one that only lingers is replaced.
    pub(super) fn attached(&self, engine: &StdArc<EngineStore>, now: Instant) -> Option<Self> {
        let mut changed = self.without_expired(now);
        let found = changed.labels.find(|labels| labels.values.cmp(&engine.labels.values));
        if let Ok(found) = mutant!(found, "registry: same labels not noticed" => found.and_then(Err)) {
            let other = StdArc::clone(changed.labels.get(found));
            let store = EngineStore::clone(changed.of(Some(&other)));
            let until = store.until.map(Some).or_else(|| other.leaves().map(|time| time.map(|time| now + time)))?;
            mutant!("engine: lingering isn't ended by the same labels" => return None);
            changed = changed.without(&other);
            if let Some(until) = until {
                changed.replace(store, until.min(now + LONGEST_REPLACED));
            }
        }
        let at = changed.labels.find(|labels| labels.values.cmp(&engine.labels.values));
        changed.labels = changed.labels.inserted(at.unwrap_or_else(|at| at), StdArc::clone(&engine.labels));
        changed.last += 1;
        engine.labels.set_number(changed.last);
        let at = changed.engines.find(|other| other.labels.number().cmp(&changed.last));
        changed.engines = changed.engines.inserted(at.expect_err("each number is new"), StdArc::clone(engine));
        changed.membership = StdArc::new(());
        Some(changed)
    }

    /// Keeps what an engine counted until its time is over, or until `until`.
    fn replace(&mut self, store: EngineStore, until: Instant) {
        let at = self.replaced.find(|other| by_time(other.until, &other.labels, until, &store.labels));
        let store = StdArc::new(EngineStore { until: Some(until), ..store });
        self.replaced = self.replaced.inserted(at.expect_err("it was attached until now"), store);
    }

    /// The labels of the engine with these label values, if there is one. It may linger.
    pub(super) fn find(&self, values: &[&str]) -> Option<&StdArc<EngineLabels>> {
        let found = self.labels.find(|labels| labels.values.iter().map(String::as_str).cmp(values.iter().copied()));
        found.ok().map(|at| self.labels.get(at))
    }

    /// The same directory without an engine, or with that engine lingering. `None` if another one
    /// with its labels has replaced it.
    pub(super) fn detached(&self, labels: &StdArc<EngineLabels>, until: Option<Instant>, now: Instant) -> Option<Self> {
        self.engines.find(|engine| engine.labels.number().cmp(&labels.number())).ok()?;
        let changed = self.without_expired(now);
        let Some(until) = until else { return Some(changed.without(labels)) };
        let lingering = EngineStore { until: Some(until), ..EngineStore::clone(changed.of(Some(labels))) };
        let mut changed = changed.with(Some(labels), lingering);
        let at = changed.lingering.find(|(time, other)| by_time(Some(*time), other, until, labels));
        let at = at.expect_err("it was attached until now");
        changed.lingering = changed.lingering.inserted(at, (until, StdArc::clone(labels)));
        Some(changed)
    }

    /// The same directory without the engines that lingered long enough: few one by one, many at
    /// once.
    fn without_expired(&self, now: Instant) -> Self {
        const FEW: usize = 8;
        if self.replaced.iter().next().is_some_and(|engine| engine.until <= Some(now)) {
            let replaced = self.replaced.retained(|engine| engine.until > Some(now));
            return Self { replaced, ..self.clone() }.without_expired(now);
        }
        let expired = self
            .lingering
            .iter()
            .take_while(|(until, _)| mutant!(*until <= now, "engine: what lingered too long is never freed" => false));
        if expired.clone().take(FEW + 1).count() <= FEW {
            return expired.fold(self.clone(), |directory, (_, labels)| directory.without(labels));
        }
        let stays = |engine: &EngineStore| engine.until.is_none_or(|until| until > now);
        let engines = self.engines.retained(|engine| stays(engine));
        let labels = self.labels.retained(|labels| stays(self.of(Some(labels))));
        let lingering = self.lingering.retained(|(until, _)| *until > now);
        Self { engines, labels, lingering, membership: StdArc::new(()), ..self.clone() }
    }

    fn without(&self, gone: &StdArc<EngineLabels>) -> Self {
        let at = self.labels.find(|labels| labels.values.cmp(&gone.values)).expect("it is there");
        let mut changed = self.clone();
        if let Some(until) = self.of(Some(gone)).until {
            let at = self.lingering.find(|(time, other)| by_time(Some(*time), other, until, gone));
            let at = at.expect("it lingers");
            changed.lingering = self.lingering.removed(at);
        }
        changed.engines = self.engines.removed(self.position(gone));
        changed.labels = mutant!(
            self.labels.removed(at),
            "registry: labels of an engine that left are kept" => self.labels.clone(),
        );
        changed.membership = StdArc::new(());
        changed
    }

    fn position(&self, labels: &EngineLabels) -> Position {
        let found = self.engines.find(|engine| engine.labels.number().cmp(&labels.number()));
        found.expect("an engine is attached until it is dropped, or has lingered")
    }
}

/// The order of engines that linger: by their time, and at the same time by their number.
fn by_time(until: Option<Instant>, labels: &EngineLabels, time: Instant, other: &EngineLabels) -> Ordering {
    until.cmp(&Some(time)).then(labels.number().cmp(&other.number()))
}

/// A new store of an engine or of the registry, with nothing recorded.
pub(super) fn store(schema: &Schema, scope: Scope, values: &[&str]) -> EngineStore {
    let layout = schema.layout(scope);
    let const_labels = escape::label_pairs(b"", schema.const_labels());
    let infos = Infos::new(layout, &const_labels, &pairs(schema, values).collect::<Vec<_>>());
    let stamps = (!layout.states.is_empty()).then(|| Stamps::new(schema.limits().max_recorders));
    EngineStore {
        labels: labels(schema, values),
        slabs: vec![Slab::new(layout.words, stamps)],
        infos: StdArc::new(infos),
        shards: None,
        self_metrics: None,
        until: None,
    }
}

/// Checks that the text of the labels is within the limit, even if every byte needs an escape.
pub(super) fn check_text(schema: &Schema, values: &[&str]) -> Result<(), AttachError> {
    let limit = schema.limits().max_text;
    let mut text = 0_usize;
    for (name, value) in schema.const_labels().chain(pairs(schema, values)) {
        text = text.saturating_add(name.len() + 4).saturating_add(value.len().saturating_mul(2));
        if text > limit {
            return Err(AttachError::LabelsTooLong { label: name.to_owned(), limit });
        }
    }
    Ok(())
}

/// The labels of a store: the constant ones, and those of the engine. The registry has none of
/// these.
fn labels(schema: &Schema, values: &[&str]) -> StdArc<EngineLabels> {
    let text = escape::label_pairs(b"", schema.const_labels().chain(pairs(schema, values)));
    StdArc::new(EngineLabels::new(values.iter().copied().map(str::to_owned).collect(), text))
}

/// The shards that the shared recorders of a store add to.
pub(super) fn shards(schema: &Schema, layout: &StdArc<Layout>, store: &EngineStore) -> Shards {
    Shards::new(StdArc::clone(layout), schema.limits().shards(), &store.labels.text, StdArc::clone(&store.infos))
}

/// Names and values of engine labels. The registry has none.
fn pairs<'l>(schema: &'l Schema, values: &'l [&str]) -> impl Iterator<Item = (&'l str, &'l str)> + Clone {
    schema.engine_labels().iter().map(String::as_str).zip(values.iter().copied())
}
