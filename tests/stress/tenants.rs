//! Tenants that are looked up, recorded and retired by several threads, while others take snapshots and pages without a pause.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use tachometer::{Counter, Engine, OpenFamily, Registry, Schema, Snapshot};

use super::{Stop, budget, common};

const THREADS: u64 = 3;
/// Looked up once; beside them there is room for one guest, and each thread has one.
const STAYING: [&str; 2] = ["stays", "stays too"];
/// What a guest gets at most before it is retired.
const VISIT: u64 = 5;

struct Rig {
    registry: Registry,
    engine: Engine,
    hits: OpenFamily<Counter<u64>, 1>,
    done: AtomicBool,
}

/// What a thread did.
#[derive(Default)]
struct Did {
    staying: u64,
    overflows: u64,
    visits: u64,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder().engine_labels(["engine"]);
        let hits = schema.counter("hits", "").open_labels(["tenant"], STAYING.len() + 1).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        Self { engine: registry.attach(["0"]).unwrap(), registry, hits, done: AtomicBool::new(false) }
    }

    fn goes_on(&self) -> bool {
        !self.done.load(Relaxed)
    }

    /// Counts for the tenants that stay, and for a guest who comes and goes, or finds no room.
    fn record(&self, guest: &str) -> Did {
        let recorder = self.engine.shared_recorder();
        let staying = STAYING.map(|tenant| recorder.series(self.hits, [tenant]));
        let mut did = Did::default();
        while self.goes_on() {
            staying.iter().for_each(|series| series.inc());
            did.staying += 1;
            let series = recorder.series(self.hits, [guest]);
            (0..VISIT).for_each(|_| series.inc());
            let no_room = series.values().eq(["other"]);
            assert_eq!(recorder.retire(self.hits, [guest]), !no_room, "nobody else retires {guest}");
            series.inc(); // unseen, unless it went to the overflow series
            did.overflows += u64::from(no_room);
            did.visits += u64::from(!no_room);
        }
        did
    }

    /// Returns how many snapshots there were.
    fn snapshots(&self) -> u64 {
        let (mut snapshots, mut snapshot, mut newest) = (0, Snapshot::new(), BTreeMap::new());
        while self.goes_on() {
            self.registry.snapshot(&mut snapshot);
            let engine = snapshot.engines().next().unwrap();
            let seen: Vec<_> = engine.counters(self.hits).map(|([tenant], hits)| (tenant, hits)).collect();
            assert!(seen.is_sorted_by(|one, other| one.0 < other.0), "{seen:?}");
            assert!(seen.len() <= STAYING.len() + 2, "{seen:?}");
            for (tenant, hits) in seen {
                // A visit that began at zero, and the last addition, if it came before the words were read.
                assert!(!tenant.starts_with("guest") || hits <= VISIT + 1, "{tenant} inherited: {hits}");
                let before = newest.insert(tenant.to_owned(), hits);
                assert!(tenant.starts_with("guest") || before.is_none_or(|before| before <= hits), "{tenant} fell");
            }
            snapshots += 1;
        }
        snapshots
    }

    /// Returns how many pages there were.
    fn pages(&self) -> u64 {
        let (mut pages, mut page) = (0, Vec::new());
        while self.goes_on() {
            page.clear();
            self.registry.render(&mut page);
            common::parse(std::str::from_utf8(&page).unwrap()); // refuses a series that stands there twice
            pages += 1;
        }
        pages
    }
}

pub(crate) fn totals_of_tenants_are_exact() {
    let rig = Rig::new();
    let rig = &rig;
    let did: Vec<Did> = thread::scope(|scope| {
        let _stop = Stop(&rig.done);
        let recording: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || rig.record(&format!("guest {thread}")))).collect();
        let (snapshots, pages) = (scope.spawn(|| rig.snapshots()), scope.spawn(|| rig.pages()));
        let end = Instant::now() + budget();
        while Instant::now() < end && !snapshots.is_finished() && !pages.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        rig.done.store(true, Relaxed);
        let (snapshots, pages) = (snapshots.join().unwrap(), pages.join().unwrap());
        println!("tenants: {snapshots} snapshots, {pages} pages, 0 counters fell");
        assert!(snapshots > 100 && pages > 10, "too few to say anything");
        recording.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let total = |of: fn(&Did) -> u64| did.iter().map(of).sum::<u64>();
    let (staying, overflows, visits) = (total(|did| did.staying), total(|did| did.overflows), total(|did| did.visits));
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    let expected = [("other", overflows * (VISIT + 1)), ("stays", staying), ("stays too", staying)];
    let seen: Vec<_> = snapshot.engines().next().unwrap().counters(rig.hits).map(|([tenant], n)| (tenant, n)).collect();
    assert_eq!(seen, expected);
    let mut page = Vec::new();
    rig.registry.render(&mut page);
    let line = format!("tachometer_overflowed_label_values_total{{engine=\"0\"}} {overflows}\n");
    assert!(String::from_utf8(page).unwrap().contains(&line), "{line}");
    assert!(visits > 0, "no guest found room");
    println!(
        "tenants: {staying} hits of each of {STAYING:?}, {visits} visits, {overflows} without room, all of them counted"
    );
}
