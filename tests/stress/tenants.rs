//! Tenants that are looked up, recorded and removed by several threads, while others take snapshots
//! and pages without a pause.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use tachometer::{Counter, DynamicFamily, Exactly, Snapshot};

use super::{Budget, Stop, common, one_engine::OneEngine};

const THREADS: u64 = 3;
/// Looked up once; besides them there is room for one guest, and each thread has one.
const STAYING: [&str; 2] = ["stays", "stays too"];
/// What a guest gets at most before it is removed.
const VISIT: u64 = 5;

struct Rig {
    one: OneEngine<DynamicFamily<Counter<u64>, Exactly<1>>>,
    done: AtomicBool,
    /// Of guests.
    visits: AtomicU64,
    snapshots: AtomicU64,
    pages: AtomicU64,
}

/// What a thread did.
#[derive(Default)]
struct Did {
    staying: u64,
    overflows: u64,
}

impl Rig {
    fn new() -> Self {
        let one = OneEngine::new(|schema| {
            schema.counter("hits", "").dynamic_labels(["tenant"], STAYING.len() + 1).declare().unwrap()
        });
        let [visits, snapshots, pages] = [(); 3].map(|()| AtomicU64::new(0));
        Self { one, done: AtomicBool::new(false), visits, snapshots, pages }
    }

    fn goes_on(&self) -> bool {
        !self.done.load(Relaxed)
    }

    /// Counts for the tenants that stay, and for a guest that is looked up and removed, or finds no
    /// room.
    fn record(&self, guest: &str) -> Did {
        let recorder = self.one.engine.shared_recorder();
        let staying = STAYING.map(|tenant| recorder.with_label_values(self.one.handles, [tenant]));
        let mut did = Did::default();
        while self.goes_on() {
            staying.iter().for_each(|series| series.inc());
            did.staying += 1;
            let series = recorder.with_label_values(self.one.handles, [guest]);
            (0..VISIT).for_each(|_| series.inc());
            let no_room = series.values().eq(["other"]);
            assert_eq!(recorder.remove(self.one.handles, [guest]), !no_room, "nobody else removes {guest}");
            series.inc(); // unseen, unless it went to the overflow series
            did.overflows += u64::from(no_room);
            self.visits.fetch_add(u64::from(!no_room), Relaxed);
        }
        did
    }

    fn take_snapshots(&self) {
        let (mut snapshot, mut newest) = (Snapshot::new(), BTreeMap::new());
        while self.goes_on() {
            self.one.registry.snapshot(&mut snapshot);
            let engine = snapshot.engines().next().unwrap();
            let seen: Vec<_> = engine.counters(self.one.handles).map(|([tenant], hits)| (tenant, hits)).collect();
            assert!(seen.is_sorted_by(|one, other| one.0 < other.0), "{seen:?}");
            assert!(seen.len() <= STAYING.len() + 2, "{seen:?}");
            for (tenant, hits) in seen {
                // A visit that began at zero, and the last addition, if it came before the words
                // were read.
                assert!(!tenant.starts_with("guest") || hits <= VISIT + 1, "{tenant} inherited: {hits}");
                let before = newest.insert(tenant.to_owned(), hits);
                assert!(tenant.starts_with("guest") || before.is_none_or(|before| before <= hits), "{tenant} fell");
            }
            self.snapshots.fetch_add(1, Relaxed);
        }
    }

    fn render_pages(&self) {
        let mut page = Vec::new();
        while self.goes_on() {
            page.clear();
            self.one.registry.render(&mut page);
            common::parse(std::str::from_utf8(&page).unwrap()); // refuses a series that appears twice
            self.pages.fetch_add(1, Relaxed);
        }
    }

    /// Visits, snapshots and pages.
    fn counts_of_events(&self) -> [u64; 3] {
        [&self.visits, &self.snapshots, &self.pages].map(|count| count.load(Relaxed))
    }
}

pub(crate) fn totals_of_tenants_are_exact() {
    let rig = Rig::new();
    let rig = &rig;
    let did: Vec<Did> = thread::scope(|scope| {
        let _stop = Stop(&rig.done);
        let recording: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || rig.record(&format!("guest {thread}")))).collect();
        let reading = [scope.spawn(|| rig.take_snapshots()), scope.spawn(|| rig.render_pages())];
        Budget::begin().wait(|| rig.counts_of_events(), [1, 100, 10], &reading);
        rig.done.store(true, Relaxed);
        reading.into_iter().for_each(|thread| thread.join().unwrap());
        let [_, snapshots, pages] = rig.counts_of_events();
        println!("tenants: {snapshots} snapshots, {pages} pages, 0 counters fell");
        recording.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let total = |of: fn(&Did) -> u64| did.iter().map(of).sum::<u64>();
    let (staying, overflows) = (total(|did| did.staying), total(|did| did.overflows));
    let [visits, ..] = rig.counts_of_events();
    let expected = [("other", overflows * (VISIT + 1)), ("stays", staying), ("stays too", staying)];
    rig.one.read(|engine| {
        let seen: Vec<_> = engine.counters(rig.one.handles).map(|([tenant], n)| (tenant, n)).collect();
        assert_eq!(seen, expected);
    });
    assert_eq!(rig.one.self_metric("overflowed_label_values"), overflows);
    println!(
        "tenants: {staying} hits of each of {STAYING:?}, {visits} visits, {overflows} without room, all of them counted"
    );
}
