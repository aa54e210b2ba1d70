//! The directory: all schemas and their engines, an immutable list behind one pointer. A change
//! publishes a new list, in a loop that repeats only if another change came first. A snapshot reads
//! the list that it finds. Nothing waits.
//!
//! An engine of one schema may have parts in others. A part has the engine's labels and a store of
//! its own. What its recorders count about themselves is shown with the engine's own counts, and is
//! carried over to the engine when the part leaves.

use std::{
    sync::Arc as StdArc,
    time::{Duration, Instant},
};

use super::{closure::Closure, member::Member};
use crate::{
    schema::{Schema, SchemaError},
    snapshot::Source,
    store::{
        engine::{Counted, EngineLabels, EngineStore},
        shards::Shards,
    },
};

/// An engine that lingered until another one attached with its labels is kept for this long at
/// most: several intervals of a log. So engines that restart again and again don't pile up.
const LONGEST_REPLACED: Duration = Duration::from_secs(60);

/// The schema with which the registry was made.
pub(super) const FIRST: u64 = 0;

/// All schemas of a registry, and their engines.
#[derive(Clone)]
pub(super) struct Directory {
    /// The registry's first schema, and then those that joined, in this order.
    members: Vec<StdArc<Member>>,
    /// The number of the engine that attached last, to whichever schema.
    last: u64,
    /// The number of the schema that joined last. 0 if none ever did.
    joins: u64,
    /// Replaced whenever an engine or a schema is added or removed.
    membership: StdArc<()>,
    /// In the order in which they were registered.
    pub(super) collectors: StdArc<[StdArc<Closure>]>,
}

/// What a store belongs to.
#[derive(Clone, Copy)]
pub(super) enum Target<'l> {
    /// The registry itself: the registry-wide families of one of its schemas.
    Registry(u64),
    Engine(&'l StdArc<EngineLabels>),
}

impl Directory {
    /// A directory of one schema, without engines.
    pub(super) fn new(schema: &Schema, self_metrics: &StdArc<Shards>) -> Self {
        let first = Member::new(FIRST, schema, Some(self_metrics));
        Self {
            members: vec![StdArc::new(first)],
            last: 0,
            joins: 0,
            membership: StdArc::new(()),
            collectors: StdArc::new([]),
        }
    }

    /// The same directory with one more collector.
    pub(super) fn with_collector(&self, collector: &StdArc<Closure>) -> Self {
        let collectors = self.collectors.iter().chain([collector]).cloned().collect();
        Self { collectors, ..self.clone() }
    }

    /// The same directory without a collector.
    pub(super) fn without_collector(&self, gone: &StdArc<Closure>) -> Self {
        let stay = self.collectors.iter().filter(|collector| !StdArc::ptr_eq(collector, gone));
        Self { collectors: stay.cloned().collect(), ..self.clone() }
    }

    /// Checks that nothing exposes a name of this schema: no other schema, and no collector.
    pub(super) fn check_names(&self, schema: &Schema) -> Result<(), SchemaError> {
        let collectors = self.collectors.iter().map(|collector| &collector.schema);
        let mut others = self.members.iter().map(|member| &member.schema).chain(collectors);
        others.try_for_each(|other| schema.check_names(other))
    }

    /// What a snapshot reads of each schema.
    pub(super) fn sources(&self) -> impl ExactSizeIterator<Item = Source<'_>> + Clone {
        self.members.iter().map(|member| Source {
            schema: &member.schema,
            registry: &member.own,
            engines: &member.engines,
            lingering: &member.lingering,
            replaced: &member.replaced,
            membership: &self.membership,
        })
    }

    /// Whether a schema has ever joined.
    pub(super) fn has_been_joined(&self) -> bool {
        self.joins > 0
    }

    /// The target's store. `None` if its engine or its schema has left.
    pub(super) fn of(&self, target: Target<'_>) -> Option<&StdArc<EngineStore>> {
        match target {
            Target::Registry(member) => Some(&self.member(member)?.own),
            Target::Engine(labels) => self.member(labels.member)?.of(labels),
        }
    }

    /// The same directory with `grown` in place of the target's store, which is there.
    pub(super) fn with(&self, target: Target<'_>, grown: EngineStore) -> Self {
        match target {
            Target::Registry(id) => self.changed(id, |member| member.with_own(grown)),
            Target::Engine(labels) => self.changed(labels.member, |member| member.with(labels, grown)),
        }
    }

    /// The same directory with one more engine, and without those that lingered long enough. `Err`
    /// is the schema to which an engine with the same labels is attached; one that lingers, or is
    /// about to leave, is replaced. A part has the labels of its engine, so only its own schema
    /// counts.
    pub(super) fn attached(&self, engine: &StdArc<EngineStore>, now: Instant) -> Result<Self, u64> {
        let mut changed = self.without_expired(now);
        let EngineLabels { values, member, whole, .. } = &*engine.labels;
        let schema = &self.member(*member).ok_or(*member)?.schema;
        for index in 0..changed.members.len() {
            let other = &changed.members[index];
            if whole.is_some() && other.id != *member {
                continue;
            }
            let Some(values) = same_labels(schema, values, &other.schema) else { continue };
            let found = other.find(&values);
            let Some(store) = mutant!(found, "registry: same labels not noticed" => None) else { continue };
            let until = leaves_until(store, now).ok_or(other.id)?;
            mutant!("engine: lingering isn't ended by the same labels" => return Err(other.id));
            let until = until.map(|until| until.min(now + LONGEST_REPLACED));
            // One that lingers has left its counts to its engine already.
            let whole = store.labels.whole.clone().filter(|_| store.until.is_none());
            let counted = store.counted();
            changed.members[index] = StdArc::new(other.with_replaced(store, until));
            if let Some(whole) = whole {
                changed = changed.carried(Target::Engine(&whole), &counted);
            }
        }
        changed.last += 1;
        engine.labels.set_number(changed.last);
        changed.membership = StdArc::new(());
        Ok(changed.changed(*member, |member| member.attached(engine)))
    }

    /// The engine of this schema that has these label values. It may linger.
    pub(super) fn find(&self, member: u64, values: &[&str]) -> Option<&StdArc<EngineLabels>> {
        self.member(member)?.find(values).map(|store| &store.labels)
    }

    /// The same directory without an engine and its parts, or with these lingering. `None` if the
    /// engine has left already, or another one with its labels has replaced it.
    pub(super) fn detached(&self, labels: &StdArc<EngineLabels>, until: Option<Instant>, now: Instant) -> Option<Self> {
        let changed = self.without_expired(now);
        changed.of(Target::Engine(labels)).filter(|store| store.until.is_none())?;
        if labels.whole.is_some() {
            return Some(changed.without_part(labels, until));
        }
        let names = changed.member(labels.member)?.schema.engine_labels();
        let part = |other: &StdArc<Member>| {
            let values = same_set(pairs(names, &labels.values), strs(other.schema.engine_labels()))?;
            let part = &other.find(&values)?.labels;
            let is_part = part.whole.as_ref().is_some_and(|whole| StdArc::ptr_eq(whole, labels));
            is_part.then(|| StdArc::clone(part))
        };
        let parts: Vec<_> = mutant!(
            changed.members.iter().filter_map(part).collect(),
            "engine: its parts stay when it leaves" => Vec::new(),
        );
        let left = parts.iter().fold(changed.clone(), |changed, part| changed.without_part(part, until));
        Some(left.dropped(labels, until))
    }

    /// The same directory with a further schema, and the number of the schema.
    pub(super) fn joined(&self, schema: &Schema) -> Result<(Self, u64), SchemaError> {
        let mut changed = self.clone();
        mutant!(self.check_names(schema), "join: names that clash" => Ok(()))?;
        changed.joins += 1;
        changed.members.push(StdArc::new(Member::new(changed.joins, schema, None)));
        changed.membership = StdArc::new(());
        Ok((changed, self.joins + 1))
    }

    /// The same directory without a schema that joined, its engines, and the parts of its engines.
    pub(super) fn left(&self, id: u64) -> Self {
        let mut changed = self.clone();
        let Some(member) = self.member(id) else { return changed };
        for engine in member.engines.iter().filter(|engine| engine.until.is_none()) {
            if let Some(whole) = &engine.labels.whole {
                changed = changed.carried(Target::Engine(whole), &engine.counted());
            } else {
                changed = changed.detached(&engine.labels, None, Instant::now()).unwrap_or(changed);
            }
        }
        changed = changed.carried(Target::Registry(FIRST), &member.own.counted());
        mutant!(
            changed.members.retain(|member| member.id != id),
            "join: a schema that left is still read" => (),
        );
        changed.membership = StdArc::new(());
        changed
    }

    /// The same directory without the engines that lingered long enough.
    fn without_expired(&self, now: Instant) -> Self {
        let mut changed = self.clone();
        for member in &mut changed.members {
            if let Some(without) = member.without_expired(now) {
                *member = StdArc::new(without);
                changed.membership = StdArc::new(());
            }
        }
        changed
    }

    /// The same directory without a part, or with it lingering: what it counted is the engine's.
    fn without_part(&self, labels: &StdArc<EngineLabels>, until: Option<Instant>) -> Self {
        let Some(store) = self.of(Target::Engine(labels)) else { return self.clone() };
        if store.until.is_some() {
            return if until.is_some() { self.clone() } else { self.dropped(labels, None) };
        }
        let whole = labels.whole.as_ref().expect("a part is of an engine");
        self.carried(Target::Engine(whole), &store.counted()).dropped(labels, until)
    }

    /// The same directory without an engine or a part, or with it lingering.
    fn dropped(&self, labels: &StdArc<EngineLabels>, until: Option<Instant>) -> Self {
        let changed = self.changed(labels.member, |member| match (until, member.of(labels)) {
            (Some(until), Some(store)) => member.lingering(labels, store.as_ref().clone(), until),
            _ => member.without(labels),
        });
        Self { membership: StdArc::new(()), ..changed }
    }

    /// The same directory, in which the target's store takes over what a part counted. Counts that
    /// the part's recorders make meanwhile are lost, as all that they record from now on.
    fn carried(&self, target: Target<'_>, counted: &Counted) -> Self {
        let Some(store) = self.of(target) else { return self.clone() };
        mutant!(
            self.with(target, store.carrying(counted)),
            "join: what a part counted leaves with it" => self.clone(),
        )
    }

    pub(super) fn member(&self, id: u64) -> Option<&StdArc<Member>> {
        let index = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        Some(&self.members[index])
    }

    /// The same directory with a changed member, which is there.
    fn changed(&self, id: u64, change: impl FnOnce(&Member) -> Member) -> Self {
        let mut changed = self.clone();
        if let Ok(index) = self.members.binary_search_by_key(&id, |member| member.id) {
            changed.members[index] = StdArc::new(change(&self.members[index]));
        }
        changed
    }
}

/// Until when an engine's counts are kept if another one attaches with its labels: `Some(None)` if
/// it doesn't linger. `None` if it stays, so that its labels aren't free.
fn leaves_until(store: &EngineStore, now: Instant) -> Option<Option<Instant>> {
    let leaves = |labels: &EngineLabels| labels.leaves().map(|time| time.map(|time| now + time));
    let EngineStore { labels, until, .. } = store;
    until.map(Some).or_else(|| leaves(labels)).or_else(|| leaves(labels.whole.as_ref()?))
}

/// The values of another schema's engine labels with which it has the same label set as a schema
/// with these values, constant labels included. `None` if no values do.
fn same_labels<'v>(schema: &'v Schema, values: &'v [String], other: &'v Schema) -> Option<Vec<&'v str>> {
    let own = schema.const_labels().chain(pairs(schema.engine_labels(), values));
    let (names, constant) = other.const_labels().unzip::<_, _, Vec<_>, Vec<_>>();
    let mut values = same_set(own, names.into_iter().chain(strs(other.engine_labels())))?;
    let engine_values = values.split_off(constant.len());
    mutant!(values == constant, "join: constant labels aren't compared" => true).then_some(engine_values)
}

/// The values that give labels of the `names` the same label set as `own`. `None` if no values do.
/// A label with an empty value is as good as absent.
fn same_set<'v>(
    own: impl Iterator<Item = (&'v str, &'v str)> + Clone,
    names: impl Iterator<Item = &'v str> + Clone,
) -> Option<Vec<&'v str>> {
    let value = |name| own.clone().find(|(own, _)| *own == name).map_or("", |(_, value)| value);
    let absent = |(name, value): (&str, &str)| !value.is_empty() && !names.clone().any(|other| other == name);
    (!own.clone().any(absent)).then(|| names.clone().map(value).collect())
}

fn pairs<'v>(names: &'v [String], values: &'v [String]) -> impl Iterator<Item = (&'v str, &'v str)> + Clone {
    strs(names).zip(strs(values))
}

fn strs(strings: &[String]) -> impl Iterator<Item = &str> + Clone {
    strings.iter().map(String::as_str)
}
