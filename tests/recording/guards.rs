//! Guards: what is in flight, and timers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{
    DynamicFamily, Exactly, Gauge, Histogram, InFlight, SchemaBuilder, SettableGauge, SharedRecorder, Timer,
};

struct Handles {
    in_flight: SettableGauge<i64>,
    load: SettableGauge<f64>,
    seconds: Histogram<f64>,
    by_tenant: DynamicFamily<Gauge<i64>, Exactly<1>>,
    load_by_tenant: DynamicFamily<Gauge<f64>, Exactly<1>>,
    seconds_by_tenant: DynamicFamily<Histogram<f64>, Exactly<1>>,
}

fn declare(schema: &mut SchemaBuilder) -> Handles {
    Handles {
        in_flight: schema.gauge("in_flight", "").settable().declare().unwrap(),
        load: schema.gauge("load", "").settable().declare().unwrap(),
        seconds: schema.histogram("seconds", "", &[60.0]).declare().unwrap(),
        by_tenant: schema.gauge("by_tenant", "").dynamic_labels(["tenant"], 4).declare().unwrap(),
        load_by_tenant: schema.gauge("load_by_tenant", "").dynamic_labels(["tenant"], 4).declare().unwrap(),
        seconds_by_tenant: schema
            .histogram("seconds_by_tenant", "", &[60.0])
            .dynamic_labels(["tenant"], 4)
            .declare()
            .unwrap(),
    }
}

/// All guards that there are, of each kind one.
fn guards(shared: &SharedRecorder, handles: &Handles) -> ([InFlight; 4], [Timer; 2]) {
    let in_flight = [
        shared.in_flight(handles.in_flight),
        shared.in_flight(handles.load),
        shared.with_label_values(handles.by_tenant, ["a"]).in_flight(),
        shared.with_label_values(handles.load_by_tenant, ["a"]).in_flight(),
    ];
    let timers = [shared.timer(handles.seconds), shared.with_label_values(handles.seconds_by_tenant, ["a"]).timer()];
    (in_flight, timers)
}

/// What the gauges show, and how often the histograms observed.
fn seen(rig: &OneEngine<Handles>) -> ([f64; 4], [u64; 2]) {
    let handles = &rig.handles;
    rig.read(|engine| {
        let gauges = [
            engine.settable(handles.in_flight) as f64,
            engine.settable(handles.load),
            engine.gauges(handles.by_tenant).next().map_or(0.0, |(_, level)| level as f64),
            engine.gauges(handles.load_by_tenant).next().map_or(0.0, |(_, level)| level),
        ];
        let by_tenant = engine.histograms(handles.seconds_by_tenant).next().map_or(0, |(_, seconds)| seconds.count());
        (gauges, [engine.histogram(handles.seconds).count(), by_tenant])
    })
}

#[test]
fn guards_record_when_they_are_dropped() {
    let rig = OneEngine::new(declare);
    let shared = rig.engine.shared_recorder();
    let [one, other] = [(); 2].map(|()| guards(&shared, &rig.handles));
    drop(shared);
    assert_eq!(seen(&rig), ([2.0; 4], [0; 2]));
    std::thread::spawn(move || drop(one)).join().unwrap();
    assert_eq!(seen(&rig), ([1.0; 4], [1; 2]), "in another thread, and without the recorder that made them");
    drop(other);
    assert_eq!(seen(&rig), ([0.0; 4], [2; 2]));
}

/// A client that leaves: its handler's future is polled once, and dropped.
#[test]
fn guards_of_a_cancelled_future_record() {
    let rig = OneEngine::new(declare);
    let shared = rig.engine.shared_recorder();
    {
        let mut handler = pin!(async {
            let _guards = guards(&shared, &rig.handles);
            std::future::pending::<()>().await;
        });
        assert_eq!(handler.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        assert_eq!(seen(&rig), ([1.0; 4], [0; 2]));
    }
    assert_eq!(seen(&rig), ([0.0; 4], [1; 2]));
}

#[test]
fn guards_of_a_panic_record() {
    let rig = OneEngine::new(declare);
    let shared = rig.engine.shared_recorder();
    let panicked = catch_unwind(|| {
        let _guards = guards(&shared, &rig.handles);
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err());
    assert_eq!(seen(&rig), ([0.0; 4], [1; 2]));
}

#[test]
fn a_timer_that_is_discarded_observes_nothing() {
    let rig = OneEngine::new(declare);
    let (_, timers) = guards(&rig.engine.shared_recorder(), &rig.handles);
    timers.into_iter().for_each(Timer::discard);
    assert_eq!(seen(&rig).1, [0; 2]);
}

/// Where it is used, as any handle of another schema: nothing is left to be done at the drop.
#[test]
fn a_guard_with_a_foreign_handle_is_refused_when_it_begins() {
    let (rig, other) = (OneEngine::new(declare), OneEngine::new(declare).handles);
    let without_gauges = OneEngine::new(|_| ()).engine.shared_recorder();
    let shared = rig.engine.shared_recorder();
    let begin: [&dyn Fn(); 3] =
        [&|| drop(shared.in_flight(other.in_flight)), &|| drop(shared.timer(other.seconds)), &|| {
            drop((without_gauges.in_flight(other.load), without_gauges.timer(other.seconds)));
        }];
    for begin in begin {
        assert_eq!(catch_unwind(AssertUnwindSafe(begin)).is_err(), cfg!(debug_assertions));
    }
    if cfg!(debug_assertions) {
        let begin = || std::mem::forget(shared.timer(other.seconds));
        assert!(catch_unwind(AssertUnwindSafe(begin)).is_err(), "at the drop, it could be the second panic");
        return;
    }
    assert_eq!(seen(&rig), ([0.0; 4], [0; 2]));
    assert_eq!(rig.self_metric("foreign_handles"), 2);
}

#[test]
fn a_gauge_that_is_set_meanwhile_loses_one_from_there() {
    let rig = OneEngine::new(declare);
    let shared = rig.engine.shared_recorder();
    let guard = shared.in_flight(rig.handles.in_flight);
    shared.set_gauge(rig.handles.in_flight, 10);
    drop(guard);
    assert_eq!(seen(&rig).0[0], 9.0);
}

#[test]
fn a_duration_is_observed_in_seconds() {
    let rig = OneEngine::new(declare);
    let (seconds, quarter) = (rig.handles.seconds, Duration::from_millis(250));
    rig.recorder().record(|step| step.observe_duration(seconds, quarter));
    rig.engine.shared_recorder().observe_duration(seconds, 2 * quarter);
    tachometer::Record::observe_duration(&mut &rig.engine.shared_recorder(), seconds, 4 * quarter);
    let series = rig.engine.shared_recorder().with_label_values(rig.handles.seconds_by_tenant, ["a"]);
    series.observe_duration(quarter);
    rig.read(|engine| {
        assert_eq!(engine.histogram(seconds).sum(), 1.75);
        assert_eq!(engine.histograms(rig.handles.seconds_by_tenant).next().unwrap().1.sum(), 0.25);
    });
}
