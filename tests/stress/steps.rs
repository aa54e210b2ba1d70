//! Two writers that commit back to back against two readers that snapshot as fast as they can. A
//! writer that is stopped inside a commit needs the crate's inside: `src/tests/stopped_threads.rs`.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::{Budget, Stop, one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{
    Counter, Engine, EngineValues, EngineView, Gauge, Histogram, HistogramView, Recorder, Registry, Schema, Snapshot,
    View,
};

/// How often a snapshot's numbers agreed, and how the reads went.
#[derive(Default)]
struct Reads {
    snapshots: u64,
    different_steps: u64,
    retries: u64,
    most_failed_tries: u32,
    ages: Ages,
    newest: [u64; WRITERS],
}

/// How many steps behind the snapshots were when they were there: counts of 0, 1, 2 to 3, 4 to 7, …
struct Ages([u64; 65]);

impl Default for Ages {
    fn default() -> Self {
        Self([0; 65])
    }
}

impl Ages {
    fn add(&mut self, steps: u64) {
        self.0[(u64::BITS - steps.leading_zeros()) as usize] += 1;
    }

    /// An age that `share` of the snapshots don't exceed.
    fn quantile(&self, share: f64) -> u64 {
        let rank = self.0.iter().sum::<u64>() as f64 * share;
        let mut counted = 0;
        let within = self.0.iter().position(|count| {
            counted += count;
            counted as f64 >= rank
        });
        within.map_or(0, |bits| u64::MAX.checked_shr(u64::BITS - bits as u32).unwrap_or(0))
    }
}

const WRITERS: usize = 2;

/// What a router chooses, and a histogram.
type Chosen = (Gauge<i64>, Histogram<f64>, [Counter<u64>; 2]);

/// The families, the engines, and what is known of them besides.
struct Rig {
    registry: Registry,
    engines: Vec<Engine>,
    moves: [Counter<u64>; 2],
    level: Gauge<i64>,
    seconds: Histogram<f64>,
    wide: Histogram<u64>,
    /// The step touches many words, so that a read takes as long as a step.
    large: bool,
    /// Steps that each writer has committed, stored after the commit.
    committed: [AtomicU64; WRITERS],
    done: AtomicBool,
}

impl Rig {
    fn new(large: bool) -> Self {
        let mut schema = Schema::builder(&["engine"]);
        let moves = schema.counter::<u64>("moves", "").label("which", ["first", "second"]).declare().unwrap();
        let level = schema.gauge::<i64>("level", "").declare().unwrap();
        let seconds = schema.histogram::<f64>("seconds", "", &[1.0, 2.0, 3.0]).declare().unwrap();
        let bounds: Vec<f64> = (0..400).map(f64::from).collect();
        let wide = schema.histogram::<u64>("wide", "", &bounds).declare().unwrap();
        let registry = Registry::new(schema.build().unwrap());
        let engines = (0..WRITERS).map(|engine| registry.attach(&[&engine.to_string()]).unwrap()).collect();
        let (committed, done) = (Default::default(), AtomicBool::new(false));
        Self { registry, engines, moves, level, seconds, wide, large, committed, done }
    }

    /// Each fifth step is discarded and tried again, so that words of no step are there to be seen.
    fn write(&self, engine: usize, mut recorder: Recorder) {
        let (mut steps, mut attempts) = (0_u64, 0_u64);
        while !self.done.load(Ordering::Relaxed) {
            let mut step = recorder.step();
            step.inc(self.moves[0]);
            step.observe(self.seconds, (steps % 4) as f64);
            if self.large {
                (0..40).for_each(|k| step.observe(self.wide, (steps + 7 * k) % 401));
            }
            step.set(self.level, steps as i64 + 1);
            step.inc(self.moves[1]);
            attempts += 1;
            if attempts % 5 == 0 {
                drop(step);
            } else {
                step.commit();
                steps += 1;
                self.committed[engine].store(steps, Ordering::Release);
            }
        }
    }

    /// One step's numbers, whole.
    fn check(&self, view: EngineView<'_>) {
        let level = view.gauge(self.level);
        Self::check_step(view.step(), level, view.histogram(self.seconds), self.moves.map(|moves| view.counter(moves)));
        let wide = view.histogram(self.wide).count();
        assert_eq!(wide, if self.large { 40 * view.step() } else { 0 });
    }

    /// The same of a router's view.
    fn check_chosen(&self, engine: &EngineValues<'_, Chosen>) {
        let (level, seconds, moves) = engine.get();
        Self::check_step(engine.step(), level, seconds, moves);
    }

    fn check_step(step: u64, level: i64, seconds: HistogramView<'_, f64>, [first, second]: [u64; 2]) {
        assert_eq!([first, second, level as u64, seconds.count()], [step; 4], "torn: step {step}");
        // Values 0, 1, 2, 3 in turn: the sum follows from the number of steps, exactly.
        assert_eq!(seconds.sum(), (6 * (step / 4) + [0, 0, 1, 3][(step % 4) as usize]) as f64);
    }

    fn committed(&self) -> [u64; WRITERS] {
        self.committed.each_ref().map(|steps| steps.load(Ordering::Acquire))
    }

    /// Takes snapshots of everything.
    fn read(&self) -> Reads {
        let mut snapshot = Snapshot::new();
        self.read_over_and_over(|seen| {
            self.registry.snapshot(&mut snapshot);
            let engines = snapshot.engines();
            seen.extend(engines.map(|view| {
                self.check(view);
                (view.step(), view.retries())
            }));
        })
    }

    /// Takes what a router chooses, and a histogram.
    fn read_chosen(&self) -> Reads {
        let mut view = View::new((self.level, self.seconds, self.moves));
        self.read_over_and_over(|seen| {
            self.registry.view(&mut view);
            seen.extend(view.engines().map(|engine| {
                self.check_chosen(&engine);
                (engine.step(), engine.retries())
            }));
        })
    }

    /// `read_once` checks each engine, and says of which step it was and how many attempts failed.
    fn read_over_and_over(&self, mut read_once: impl FnMut(&mut Vec<(u64, u32)>)) -> Reads {
        let (mut reads, mut seen) = (Reads::default(), Vec::new());
        let budget = Budget::begin();
        while budget.goes_on(reads.snapshots > 100 && reads.different_steps > 10) {
            let before = self.committed();
            seen.clear();
            read_once(&mut seen);
            let after = self.committed();
            assert_eq!(seen.len(), WRITERS);
            for (engine, (step, retries)) in seen.drain(..).enumerate() {
                let newest = &mut reads.newest[engine];
                assert!(step >= *newest, "backwards: step {step} after step {newest}");
                let (before, after) = (before[engine], after[engine]);
                assert!(step >= before, "old: step {step}, but {before} were committed before");
                // The last one is counted a moment after it was committed.
                assert!(step <= after + 1, "step {step}, but {after} were committed");
                let commits = after + 1 - before;
                assert!(u64::from(retries) <= commits, "{retries} attempts failed, of {commits} commits");
                reads.snapshots += 1;
                reads.different_steps += u64::from(step > *newest);
                reads.retries += u64::from(retries);
                reads.most_failed_tries = reads.most_failed_tries.max(retries);
                reads.ages.add(after.saturating_sub(step));
                *newest = step;
            }
        }
        reads
    }
}

fn stress(name: &str, large: bool) {
    let rig = &Rig::new(large);
    thread::scope(|scope| {
        // Stops the writers also when an assertion of a reader fails; otherwise the scope would
        // wait for them forever.
        let _stop = Stop(&rig.done);
        for (index, engine) in rig.engines.iter().enumerate() {
            let recorder = engine.recorder().unwrap();
            scope.spawn(move || rig.write(index, recorder));
        }
        let readers = [("everything", scope.spawn(|| rig.read())), ("chosen", scope.spawn(|| rig.read_chosen()))];
        for (what, reader) in readers {
            let reads = reader.join().expect("a reader's assertion failed");
            println!(
                "{name}, {what}: {} snapshots of {} different steps, 0 torn, {} failed attempts, {} at most for one snapshot, \
                 age in steps: half of them {} at most, 99 % {}, all {}",
                reads.snapshots,
                reads.different_steps,
                reads.retries,
                reads.most_failed_tries,
                reads.ages.quantile(0.5),
                reads.ages.quantile(0.99),
                reads.ages.quantile(1.0)
            );
        }
    });
    println!("{name}: {:?} steps were committed", rig.committed());
}

pub(crate) fn a_snapshot_is_whole_and_recent_whatever_the_writer_does() {
    for (name, large) in [("small steps", false), ("large steps", true)] {
        stress(name, large);
    }
    a_reader_that_cannot_keep_up_gets_its_snapshots();
    an_open_step_holds_up_nobody();
}

/// A step that stays open is no reason to wait: the reader gets the step before, at the first try.
fn an_open_step_holds_up_nobody() {
    let OneEngine { registry, engine, handles: count } =
        OneEngine::without_labels(|schema| schema.counter::<u64>("count", "").declare().unwrap());
    let mut recorder = engine.recorder().unwrap();
    recorder.inc(count);
    let mut step = recorder.step();
    step.add(count, 100);
    let mut snapshot = Snapshot::new();
    for _ in 0..1_000 {
        registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap();
        assert_eq!((view.step(), view.counter(count), view.retries()), (1, 1, 0));
    }
    step.commit();
    registry.snapshot(&mut snapshot);
    assert_eq!(snapshot.engines().next().unwrap().counter(count), 101);
}

/// Reading 65,536 words takes as long as hundreds of one-word steps, so while steps are committed
/// the newest copy is never had whole: the fallback copy serves this reader, or the pause in which
/// the writer refreshes it.
fn a_reader_that_cannot_keep_up_gets_its_snapshots() {
    let bounds: Vec<f64> = (0..65_533).map(f64::from).collect();
    let OneEngine { registry, engine, handles: count } = OneEngine::without_labels(|schema| {
        schema.max_samples(100_000);
        schema.histogram::<u64>("wide", "", &bounds).declare().unwrap();
        schema.counter::<u64>("count", "").declare().unwrap()
    });
    let mut recorder = engine.recorder().unwrap();
    let done = AtomicBool::new(false);
    let budget = Budget::begin();
    thread::scope(|scope| {
        let _stop = Stop(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                recorder.inc(count);
            }
        });
        let reader = scope.spawn(|| read_counts(&registry, count, budget));
        while !reader.is_finished() && budget.goes_on(false) {
            thread::sleep(Duration::from_millis(10));
        }
        let [steps, snapshots, failed, most] = reader.join().unwrap();
        println!(
            "huge slab: {steps} steps, {snapshots} snapshots, {failed} failed attempts, {most} at most for one snapshot"
        );
    });
}

/// Takes snapshots of an engine that counts its steps. Returns how many steps and snapshots there
/// were, and how many attempts failed: of all snapshots together, and of one at most.
fn read_counts(registry: &Registry, count: Counter<u64>, budget: Budget) -> [u64; 4] {
    let mut snapshot = Snapshot::new();
    let [mut steps, mut snapshots, mut failed, mut most] = [0; 4];
    while budget.goes_on(snapshots > 10 && failed > 0) {
        registry.snapshot(&mut snapshot);
        let view = snapshot.engines().next().unwrap();
        assert_eq!(view.counter(count), view.step());
        assert!(view.step() >= steps);
        steps = view.step();
        snapshots += 1;
        failed += u64::from(view.retries());
        most = most.max(u64::from(view.retries()));
    }
    [steps, snapshots, failed, most]
}
