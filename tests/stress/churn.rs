//! Shared recorders in several threads, recorders that are leased and dropped, engines that attach
//! and detach, while others take snapshots and pages without a pause.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use tachometer::{
    AttachError, Counter, Engine, EngineView, Gauge, Histogram, Registry, Schema, SettableGauge, SharedRecorder,
    Snapshot,
};

use super::{Budget, Stop, common};

const SHARING: usize = 3;
const LEASING: usize = 2;
const CHURNING: usize = 2;
/// The level that a recorder sets while it is in use.
const LEVEL: i64 = 3;

#[derive(Clone, Copy)]
struct Handles {
    /// Counted in the same step.
    moves: [Counter<u64>; 2],
    level: Gauge<i64>,
    tokens: Histogram<u64>,
    /// Recorded from any thread.
    hits: Counter<u64>,
    amount: Counter<f64>,
    in_flight: SettableGauge<i64>,
    seconds: Histogram<f64>,
}

/// An engine that stays, and others that attach and leave.
struct Rig {
    registry: Registry,
    stays: Engine,
    handles: Handles,
    done: AtomicBool,
    attached: AtomicU64,
    snapshots: AtomicU64,
    /// At most in one snapshot.
    engines: AtomicU64,
    pages: AtomicU64,
}

impl Rig {
    fn new() -> Self {
        // Fewer shards than threads, so that some share one.
        let mut schema = Schema::builder(&["engine"]);
        schema.shards(2);
        let handles = Handles {
            moves: schema.counter("moves", "").label("which", ["first", "second"]).declare().unwrap(),
            level: schema.gauge("level", "").declare().unwrap(),
            tokens: schema.histogram("tokens", "", &[1.0, 2.0]).declare().unwrap(),
            hits: schema.counter("hits", "").declare().unwrap(),
            amount: schema.counter("amount", "").declare().unwrap(),
            in_flight: schema.gauge("in_flight", "").settable().declare().unwrap(),
            seconds: schema.histogram("seconds", "", &[0.25, 1.0]).declare().unwrap(),
        };
        let registry = Registry::new(schema.build().unwrap());
        let stays = registry.attach(&["stays"]).unwrap();
        let [attached, snapshots, engines, pages] = [(); 4].map(|()| AtomicU64::new(0));
        Self { registry, stays, handles, done: AtomicBool::new(false), attached, snapshots, engines, pages }
    }

    fn goes_on(&self) -> bool {
        !self.done.load(Relaxed)
    }

    /// One request, from any thread.
    fn request(&self, shared: &SharedRecorder) {
        let Handles { hits, amount, in_flight, seconds, .. } = self.handles;
        shared.inc_gauge(in_flight);
        shared.inc(hits);
        shared.add(amount, 0.5);
        shared.observe_all(seconds, &[0.125, 0.5]);
        shared.dec_gauge(in_flight);
    }

    /// Returns how many requests there were.
    fn share(&self) -> u64 {
        let mut requests = 0;
        while self.goes_on() {
            // A recorder of its own now and then, as a handler would have.
            let shared = self.stays.shared_recorder();
            (0..100).for_each(|_| self.request(&shared));
            requests += 100;
        }
        requests
    }

    /// Commits this many steps in a recorder that is leased and dropped; each third attempt is
    /// discarded, leaked, or both.
    fn lease(&self, engine: &Engine, steps: u64) {
        let Handles { moves, level, tokens, .. } = self.handles;
        let mut recorder = engine.recorder().unwrap();
        let mut attempts = 0_u64;
        let mut left = steps;
        while left > 0 {
            let mut step = recorder.step();
            step.inc(moves[0]);
            step.set(level, LEVEL);
            step.observe(tokens, left % 4);
            step.inc(moves[1]);
            attempts += 1;
            match attempts % 6 {
                0 => drop(step),
                3 => std::mem::forget(step),
                _ => {
                    step.commit();
                    left -= 1;
                }
            }
        }
    }

    /// Returns how many steps there were.
    fn lease_over_and_over(&self) -> u64 {
        let mut committed = 0;
        while self.goes_on() {
            self.lease(&self.stays, 1 + committed % 20);
            committed += 1 + committed % 20;
        }
        committed
    }

    /// Attaches an engine with the same label over and over; each incarnation begins at zero, and
    /// is exact before it leaves.
    fn attach_over_and_over(&self, name: &str) {
        let mut snapshot = Snapshot::new();
        let Handles { moves, hits, level, .. } = self.handles;
        while self.goes_on() {
            let engine = self.registry.attach(&[name]).unwrap();
            let again = self.registry.attach(&[name]).unwrap_err();
            assert!(matches!(again, AttachError::AlreadyAttached { .. }), "{again}");
            self.lease(&engine, 3);
            let shared = engine.shared_recorder();
            (0..4).for_each(|_| self.request(&shared));
            self.registry.snapshot(&mut snapshot);
            let view = snapshot.engine(&[name]).expect("it is attached");
            let numbers = (view.counter(moves[0]), view.counter(moves[1]), view.counter(hits), view.gauge(level));
            assert_eq!(numbers, (3, 3, 4, 0), "an incarnation of {name}");
            drop(engine);
            self.request(&shared); // unseen, except by a snapshot that had begun
            self.attached.fetch_add(1, Relaxed);
        }
    }

    /// What must hold of any engine at any time.
    fn check(&self, view: EngineView<'_>) {
        let Handles { moves, level, tokens, hits, in_flight, seconds, .. } = self.handles;
        let [first, second] = moves.map(|moves| view.counter(moves));
        assert_eq!([first, view.histogram(tokens).count()], [second; 2], "torn, in step {}", view.step());
        assert!((0..=LEASING as i64).any(|recorders| view.gauge(level) == recorders * LEVEL), "{}", view.gauge(level));
        // A thread goes up and down in one shard, so each word is a level that there was.
        assert!((0..=SHARING as i64).contains(&view.settable(in_flight)), "{}", view.settable(in_flight));
        let [low, middle, all] =
            [0, 1, 2].map(|bucket| view.histogram(seconds).cumulative_buckets().nth(bucket).unwrap().1);
        assert!(low <= middle && middle == all, "{low} {middle} {all}");
        let stays = view.label("engine") == Some("stays");
        assert!(stays || view.counter(hits) <= 5 && first <= 3, "an incarnation that didn't begin at zero");
    }

    /// Counters of an engine, which never fall.
    fn counts(&self, view: EngineView<'_>) -> [f64; 6] {
        let Handles { moves, tokens, hits, amount, seconds, .. } = self.handles;
        let integers = [
            view.counter(moves[0]),
            view.counter(hits),
            view.histogram(tokens).count(),
            view.histogram(seconds).count(),
        ];
        let [moves, hits, tokens, latencies] = integers.map(|count| count as f64);
        [moves, hits, tokens, latencies, view.counter(amount), view.histogram(seconds).sum()]
    }

    fn take_snapshots(&self) {
        let (mut snapshot, mut newest) = (Snapshot::new(), [0.0; 6]);
        while self.goes_on() {
            self.registry.snapshot(&mut snapshot);
            snapshot.engines().for_each(|view| self.check(view));
            let counts = self.counts(snapshot.engine(&["stays"]).expect("it stays"));
            assert!(counts.iter().zip(&newest).all(|(count, newest)| count >= newest), "{counts:?} after {newest:?}");
            newest = counts;
            self.snapshots.fetch_add(1, Relaxed);
            self.engines.fetch_max(snapshot.engines().len() as u64, Relaxed);
        }
    }

    fn render_pages(&self) {
        let (mut page, mut newest) = (Vec::new(), BTreeMap::new());
        while self.goes_on() {
            page.clear();
            self.registry.render(&mut page);
            let samples = common::parse(std::str::from_utf8(&page).unwrap());
            let stays = ("engine".to_owned(), "stays".to_owned());
            for (key, value) in samples.into_iter().filter(|((name, labels), _)| {
                labels.contains(&stays) && ["_total", "_bucket", "_count"].iter().any(|suffix| name.ends_with(suffix))
            }) {
                let before = newest.insert(key.clone(), value);
                assert!(before.is_none_or(|before| before <= value), "{key:?} fell from {before:?} to {value}");
            }
            self.pages.fetch_add(1, Relaxed);
        }
    }

    /// How many engines were attached, snapshots, engines at most in one, and pages.
    fn counts_of_events(&self) -> [u64; 4] {
        [&self.attached, &self.snapshots, &self.engines, &self.pages].map(|count| count.load(Relaxed))
    }
}

pub(crate) fn totals_are_exact_whoever_comes_and_goes() {
    let rig = Rig::new();
    let rig = &rig;
    let (requests, steps) = thread::scope(|scope| {
        let _stop = Stop(&rig.done);
        let sharing: Vec<_> = (0..SHARING).map(|_| scope.spawn(|| rig.share())).collect();
        let leasing: Vec<_> = (0..LEASING).map(|_| scope.spawn(|| rig.lease_over_and_over())).collect();
        let churning = (0..CHURNING).map(|k| scope.spawn(move || rig.attach_over_and_over(&format!("comes {k}"))));
        let reading = [scope.spawn(|| rig.take_snapshots()), scope.spawn(|| rig.render_pages())];
        let threads: Vec<_> = churning.chain(reading).collect();
        Budget::begin().wait(|| rig.counts_of_events(), [100, 100, 2, 10], &threads);
        rig.done.store(true, Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let [attached, snapshots, engines, pages] = rig.counts_of_events();
        println!(
            "churn: {attached} engines attached and detached, {snapshots} snapshots of {engines} engines at most, {pages} pages, \
             0 torn, 0 counters fell"
        );
        let total = |threads: Vec<thread::ScopedJoinHandle<'_, u64>>| {
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
        };
        (total(sharing), total(leasing))
    });
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    let view = snapshot.engines().next().unwrap();
    rig.check(view);
    let [moves, hits, tokens, latencies, amount, sum] = rig.counts(view);
    let of = |requests: u64, each: f64| requests as f64 * each;
    assert_eq!([moves, tokens], [of(steps, 1.0); 2]);
    assert_eq!([hits, latencies, amount, sum], [1.0, 2.0, 0.5, 0.625].map(|each| of(requests, each)));
    assert_eq!((view.gauge(rig.handles.level), view.settable(rig.handles.in_flight)), (0, 0));
    println!(
        "churn: {requests} requests of {SHARING} threads and {steps} steps of {LEASING} recorders, all of them counted"
    );
}
