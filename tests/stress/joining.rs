//! Schemas that join and leave, collectors that come and leave, guards and sparse series, while
//! others take snapshots and pages without a pause.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use tachometer::{Counter, Engine, Histogram, Registry, Schema, SettableGauge, SharedRecorder, Snapshot};

use super::{Budget, Stop, common, one_step::OneStep as _};

const GUARDING: usize = 2;
const JOINING: [&str; 2] = ["left", "right"];
/// Of a part, before its schema leaves.
const STEPS: u64 = 3;

/// Families that stay.
struct Rig {
    registry: Registry,
    engine: Engine,
    in_flight: SettableGauge<i64>,
    seconds: Histogram<f64>,
    /// Both in the same step.
    sparse: [Counter<u64>; 2],
    done: AtomicBool,
    joins: AtomicU64,
    collectors: AtomicU64,
    snapshots: AtomicU64,
    pages: AtomicU64,
}

impl Rig {
    fn new() -> Self {
        let mut schema = Schema::builder(&["engine"]);
        schema.shards(2);
        let in_flight = schema.gauge("in_flight", "").settable().declare().unwrap();
        let seconds = schema.histogram("seconds", "", &[60.0]).declare().unwrap();
        let sparse = schema.counter("sparse", "").sparse().label("which", ["first", "second"]).declare().unwrap();
        schema.counter::<u64>("never", "").sparse().declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engine = registry.attach(&["0"]).unwrap();
        let [joins, collectors, snapshots, pages] = [(); 4].map(|()| AtomicU64::new(0));
        let done = AtomicBool::new(false);
        Self { registry, engine, in_flight, seconds, sparse, done, joins, collectors, snapshots, pages }
    }

    fn goes_on(&self) -> bool {
        !self.done.load(Relaxed)
    }

    /// Requests, each third of which says nothing about its time. Returns how many were timed.
    fn guard(&self) -> u64 {
        let (shared, mut timed) = (self.engine.shared_recorder(), 0);
        while self.goes_on() {
            for request in 0..30 {
                let (_guard, timer) = (shared.in_flight(self.in_flight), shared.timer(self.seconds));
                if request % 3 == 0 {
                    timer.discard();
                } else {
                    timed += 1;
                }
            }
        }
        timed
    }

    /// Returns how many steps there were.
    fn step(&self) -> u64 {
        let (mut recorder, mut steps) = (self.engine.recorder().unwrap(), 0);
        while self.goes_on() {
            let mut step = recorder.step();
            self.sparse.iter().for_each(|counter| step.inc(*counter));
            if steps % 5 == 4 {
                drop(step);
                step = recorder.step();
                self.sparse.iter().for_each(|counter| step.inc(*counter));
            }
            step.commit();
            steps += 1;
        }
        steps
    }

    /// The same names over and over; a schema begins at zero each time, and is exact before it
    /// leaves.
    fn join_over_and_over(&self, name: &str) {
        let mut snapshot = Snapshot::new();
        let mut schema = Schema::builder(&["engine"]);
        let moves = ["x", "y"].map(|of| schema.counter::<u64>(&format!("{name}_{of}"), "").declare().unwrap());
        let busy = schema.gauge::<i64>(&format!("{name}_busy"), "").settable().declare().unwrap();
        let schema = schema.build().unwrap();
        while self.goes_on() {
            let joined = self.registry.join(schema.clone()).unwrap();
            assert!(self.registry.join(schema.clone()).is_err(), "{name} is there");
            let part = joined.attach_to(&self.engine).unwrap();
            let mut recorder = part.recorder().unwrap();
            let guard = part.shared_recorder().in_flight(busy);
            let mut record = || recorder.record(|step| moves.iter().for_each(|counter| step.inc(*counter)));
            (0..STEPS).for_each(|_| record());
            self.registry.snapshot(&mut snapshot);
            let view = snapshot.joined(&schema).and_then(|joined| joined.engine(&["0"])).expect("it is attached");
            assert_eq!((view.counter(moves[0]), view.counter(moves[1]), view.settable(busy)), (STEPS, STEPS, 1));
            drop(joined);
            record(); // unseen, except by a read that had begun
            drop(guard);
            self.joins.fetch_add(1, Relaxed);
        }
    }

    /// Each fourth call fails, after it has recorded half.
    fn collect_over_and_over(&self, calls: &'static AtomicU64, failures: &'static AtomicU64) {
        let mut schema = Schema::builder(&[]);
        let both = ["first", "second"]
            .map(|which| schema.gauge::<i64>(&format!("collected_{which}"), "").settable().declare().unwrap());
        let schema = schema.build().unwrap();
        while self.goes_on() {
            let collect = move |recorder: &SharedRecorder| {
                let call = calls.fetch_add(1, Relaxed);
                recorder.set_gauge(both[0], call as i64);
                if call % 4 == 3 {
                    failures.fetch_add(1, Relaxed);
                    return Err("of each four calls the last".into());
                }
                recorder.set_gauge(both[1], call as i64);
                Ok(())
            };
            let collector = self.registry.collector(schema.clone(), collect).unwrap();
            thread::yield_now();
            drop(collector);
            self.collectors.fetch_add(1, Relaxed);
        }
    }

    fn take_snapshots(&self) {
        let mut snapshot = Snapshot::new();
        while self.goes_on() {
            self.registry.snapshot(&mut snapshot);
            let view = snapshot.engine(&["0"]).expect("it stays");
            assert!((0..=GUARDING as i64).contains(&view.settable(self.in_flight)), "in flight");
            let [first, second] = self.sparse.map(|counter| view.counter(counter));
            assert_eq!(first, second, "torn");
            self.snapshots.fetch_add(1, Relaxed);
        }
    }

    fn render_pages(&self) {
        let (mut page, mut newest) = (Vec::new(), 0.0);
        while self.goes_on() {
            page.clear();
            self.registry.render(&mut page);
            let samples = common::parse(std::str::from_utf8(&page).unwrap()); // refuses what appears twice
            let of = |name: &str| {
                let mut all = samples.iter().filter(|((sample, _), _)| sample == name).map(|(_, value)| *value);
                (all.next(), all.next())
            };
            for [one, other] in [
                ["left_x_total", "left_y_total"],
                ["right_x_total", "right_y_total"],
                ["collected_first", "collected_second"],
            ] {
                assert_eq!(of(one), of(other), "{one} is whole, or isn't there");
            }
            for name in JOINING {
                assert!(of(&format!("{name}_x_total")).0.is_none_or(|moves| moves <= (STEPS + 1) as f64), "inherited");
            }
            let (first, second) = of("sparse_total");
            assert!(first == second && first != Some(0.0), "{first:?} {second:?}");
            assert_eq!(of("never_total"), (None, None));
            // A read that had begun may count the step that a part made after its schema had left.
            let steps = of("tachometer_steps_total").0.expect("it stays");
            assert!(steps + JOINING.len() as f64 >= newest, "steps fell from {newest} to {steps}");
            newest = newest.max(steps);
            self.pages.fetch_add(1, Relaxed);
        }
    }

    /// Joins, collectors, snapshots and pages.
    fn counts_of_events(&self) -> [u64; 4] {
        [&self.joins, &self.collectors, &self.snapshots, &self.pages].map(|count| count.load(Relaxed))
    }
}

pub(crate) fn what_joins_is_whole_and_guards_end() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    static FAILURES: AtomicU64 = AtomicU64::new(0);
    let rig = Rig::new();
    let rig = &rig;
    let (timed, steps) = thread::scope(|scope| {
        let _stop = Stop(&rig.done);
        let guarding: Vec<_> = (0..GUARDING).map(|_| scope.spawn(|| rig.guard())).collect();
        let stepping = scope.spawn(|| rig.step());
        let joining = JOINING.map(|name| scope.spawn(move || rig.join_over_and_over(name)));
        let others = [
            scope.spawn(|| rig.collect_over_and_over(&CALLS, &FAILURES)),
            scope.spawn(|| rig.take_snapshots()),
            scope.spawn(|| rig.render_pages()),
        ];
        let threads: Vec<_> = joining.into_iter().chain(others).collect();
        Budget::begin().wait(|| rig.counts_of_events(), [100, 100, 100, 20], &threads);
        rig.done.store(true, Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let timed: u64 = guarding.into_iter().map(|thread| thread.join().unwrap()).sum();
        (timed, stepping.join().unwrap())
    });
    let [joins, collectors, snapshots, pages] = rig.counts_of_events();
    rig.engine.read((rig.in_flight, rig.seconds, rig.sparse), |(in_flight, seconds, sparse)| {
        assert_eq!((in_flight, seconds.count(), sparse), (0, timed, [steps; 2]));
    });
    let _collector = rig.registry.collector(Schema::builder(&[]).build().unwrap(), |_| Ok(())).unwrap();
    let page = rig.registry.page();
    let failures = FAILURES.load(Relaxed);
    for line in [
        format!("tachometer_steps_total{{engine=\"0\"}} {}", steps + joins * STEPS),
        format!("tachometer_collector_failures_total {failures}"),
    ] {
        assert!(page.lines().any(|shown| shown == line), "no {line} in\n{page}");
    }
    println!(
        "joining: {joins} joins, {collectors} collectors, {} calls of which {failures} failed, {timed} requests, {steps} steps, \
         {snapshots} snapshots, {pages} pages, 0 torn",
        CALLS.load(Relaxed)
    );
}
