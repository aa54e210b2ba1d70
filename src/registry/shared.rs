//! What all handles of a registry share, and what they do with an engine or the registry itself.

use std::{convert::Infallible, sync::Arc as StdArc};

use crossbeam_utils::atomic::AtomicCell;

use super::{
    directory::{Directory, Target},
    error::RecorderError,
    member,
    self_metrics::SelfMetrics,
};
use crate::{
    exposition::Renderer,
    rcu,
    record::{Recorder, SharedRecorder},
    schema::{Schema, choice::FamilyChoice, layout::Scope},
    snapshot::{Choice, Snapshot, View},
    store::{engine::EngineStore, info::InfoWriter, slab::Slab},
    sync::ArcSwap,
};

/// Snapshots kept for [`Registry::render`], so that this many threads can render at a time without
/// allocation.
const POOLED_SNAPSHOTS: usize = 8;
const _: () =
    assert!(AtomicCell::<Option<Box<Snapshot>>>::is_lock_free(), "a pointer can be swapped in one instruction");

/// What clones of a registry share, and its engines.
pub(super) struct Shared {
    pub(super) schema: Schema,
    pub(super) directory: ArcSwap<Directory>,
    pub(super) renderer: Renderer,
    pub(super) self_metrics: SelfMetrics,
    /// Each is taken and put back by a swap, so a thread that is descheduled in between holds up
    /// nothing.
    pub(super) snapshots: [AtomicCell<Option<Box<Snapshot>>>; POOLED_SNAPSHOTS],
}

impl Shared {
    pub(super) fn new(schema: Schema) -> Self {
        let renderer = Renderer::new(&schema);
        let self_metrics = SelfMetrics::new(&schema);
        let directory = ArcSwap::from_pointee(Directory::new(&schema, &self_metrics.shards));
        Self { schema, directory, renderer, self_metrics, snapshots: Default::default() }
    }

    /// Overwrites a snapshot with what is shown of these families.
    pub(super) fn fill(&self, snapshot: &mut Snapshot, choice: &FamilyChoice) {
        let directory = self.directory.load();
        let retries = snapshot.fill(directory.sources(), choice);
        self.self_metrics.retried(retries);
    }

    /// A snapshot of the pool, or a new one, filled for a page.
    pub(super) fn snapshot_for(&self, choice: &FamilyChoice) -> Box<Snapshot> {
        let mut snapshot = self.snapshots.iter().find_map(AtomicCell::take).unwrap_or_default();
        self.fill(&mut snapshot, choice);
        snapshot
    }

    /// Puts a snapshot into the pool. If a slot is taken, its snapshot moves to the next one. The
    /// last one left over is dropped.
    pub(super) fn put_back(&self, snapshot: Box<Snapshot>) {
        let mut left = Some(snapshot);
        for slot in &self.snapshots {
            left = slot.swap(left);
            if left.is_none() {
                return;
            }
        }
    }

    /// Leases a free slab, or adds one. What has left gets a slab that nobody reads.
    pub(super) fn recorder(&self, schema: &Schema, target: Target<'_>) -> Result<Recorder, RecorderError> {
        let (layout, limit) = (schema.layout(scope(target)), schema.limits().max_recorders);
        let (writer, infos) = rcu::update(&self.directory, |current| {
            let left;
            let store = match current.of(target) {
                Some(store) => store,
                None => {
                    left = unseen(schema, target);
                    &left
                }
            };
            let leased = |writer| (writer, StdArc::clone(&store.infos));
            if let Some(writer) = store.slabs.iter().find_map(Slab::writer) {
                return Ok((None, leased(writer)));
            }
            if store.slabs.len() >= mutant!(limit, "lease: one too many" => limit + 1) {
                let engine = if let Target::Engine(labels) = target { Some(labels.values.clone()) } else { None };
                return Err(RecorderError::TooMany { engine, limit });
            }
            let slab = Slab::new(layout.words, store.slabs[0].stamps_of(store.slabs.len()));
            let writer = Slab::writer(&slab).expect("no other thread has seen it");
            let slabs = store.slabs.iter().chain([&slab]).cloned().collect();
            let grown = EngineStore { slabs, ..store.as_ref().clone() };
            Ok((Some(current.with(target, grown)), leased(writer)))
        })?;
        Ok(Recorder::new(writer, StdArc::clone(layout), InfoWriter::new(&infos)))
    }

    /// Reads the target's values of these handles: zeros if the target has left.
    pub(super) fn read<H: Choice, R>(
        &self,
        schema: &Schema,
        target: Target<'_>,
        handles: H,
        read: impl FnOnce(H::Values<'_>) -> R,
    ) -> R {
        let (directory, mut view) = (self.directory.load(), View::new(handles));
        let left = directory.of(target).is_none().then(|| unseen(schema, target));
        let store = directory.of(target).or(left.as_ref()).expect("one of the two");
        read(view.fill_one(schema, scope(target), store).get())
    }

    /// A recorder of the target's shards. The first call adds them. What has left gets shards that
    /// nobody reads.
    pub(super) fn shared_recorder(&self, schema: &Schema, target: Target<'_>) -> SharedRecorder {
        let new = |store: &EngineStore| StdArc::new(member::shards(schema, schema.layout(scope(target)), store));
        let Ok(shards) = rcu::update(&self.directory, |current| {
            let Some(store) = current.of(target) else { return Ok((None, new(&unseen(schema, target)))) };
            if let Some(shards) = mutant!(&store.shards, "shards: made by each shared recorder" => &None) {
                return Ok::<_, Infallible>((None, StdArc::clone(shards)));
            }
            let shards = new(store);
            let grown = EngineStore { shards: Some(StdArc::clone(&shards)), ..store.as_ref().clone() };
            Ok((Some(current.with(target, grown)), shards))
        });
        SharedRecorder::new(shards)
    }
}

fn scope(target: Target<'_>) -> Scope {
    match target {
        Target::Registry(_) => Scope::Registry,
        Target::Engine(_) => Scope::Engine,
    }
}

/// A new store of what has left, in no directory.
fn unseen(schema: &Schema, target: Target<'_>) -> StdArc<EngineStore> {
    let labels = match target {
        Target::Registry(member) => member::labels(schema, member, None, &[]),
        Target::Engine(labels) => StdArc::clone(labels),
    };
    StdArc::new(member::store(schema, scope(target), labels))
}
