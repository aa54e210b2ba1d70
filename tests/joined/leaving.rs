//! Schemas that leave while engines, recorders and series of theirs live on.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use tachometer::{Registry, Schema};

use crate::{common, declared, one_step::OneStep as _, registry, schema};

#[test]
fn what_is_recorded_through_what_has_left_goes_nowhere() {
    let (registry, _) = registry();
    let mut builder = Schema::builder(&["worker"]);
    let count = builder.counter::<u64>("works", "").declare().unwrap();
    let level = builder.gauge::<i64>("level", "").settable().declare().unwrap();
    let state = builder.gauge::<i64>("mode", "").state().declare().unwrap();
    let tenants = builder.counter::<u64>("tokens", "").dynamic_labels(["tenant"], 2).declare().unwrap();
    let info = builder.info("adapters_info", "", ["name"]).declare().unwrap();
    let wide = builder.counter::<u64>("wide", "").registry_wide().declare().unwrap();
    let member = registry.join(builder.build().unwrap()).unwrap();
    let engine = member.attach(&["w"]).unwrap();
    let (mut recorder, shared) = (engine.recorder().unwrap(), engine.shared_recorder());
    let (mut own, own_shared) = (member.recorder().unwrap(), member.shared_recorder());
    let tenant = shared.with_label_values(tenants, ["a"]);
    let mut step = recorder.step();
    step.add(count, 1);
    drop(member);
    step.set_state(state, 1);
    step.set_info(info, ["x"], 1.0);
    step.commit(); // it was open when its schema left
    own.add(wide, 1);
    own_shared.inc(wide);
    shared.inc(count);
    shared.set_gauge(level, 3);
    tenant.inc();
    shared.with_label_values(tenants, ["b"]).inc();
    assert!(shared.remove(tenants, ["b"]));
    engine.recorder().unwrap().inc(count);
    engine.shared_recorder().inc(count);
    assert_eq!(engine.read(count, |count| count), 0);
    assert_eq!(declared(&registry), [""; 0]);
    drop(recorder);
    drop(engine);
    assert_eq!(declared(&registry), [""; 0]);
}

#[test]
fn a_registry_outlives_its_handles_and_they_outlive_it() {
    let (registry, _) = registry();
    let (schema, count) = schema(&["worker"], "works");
    let member = registry.join(schema).unwrap();
    drop(registry);
    let engine = member.attach(&["w"]).unwrap();
    engine.recorder().unwrap().inc(count);
}

/// A page has all families of a schema with all engines, or none, while schemas join and leave.
#[test]
fn pages_have_whole_schemas_while_they_join_and_leave() {
    const ROUNDS: usize = 300;
    let (registry, _) = registry();
    let engine = registry.attach(&["0"]).unwrap();
    let done = AtomicBool::new(false);
    let scrape = |registry: &Registry| {
        let mut pages = 0;
        while !done.load(Relaxed) || pages == 0 {
            let page = registry.page();
            common::parse(&page);
            for thread in ["a", "b"] {
                let has = ["x", "y"].map(|family| page.contains(&format!("# TYPE {thread}_{family} gauge")));
                assert_eq!(has[0], has[1], "{page}");
            }
            pages += 1;
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| scrape(&registry));
        let churning = ["a", "b"].map(|name| {
            let (registry, engine) = (&registry, &engine);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut builder = Schema::builder(&["engine"]);
                    let x = builder.gauge::<i64>(&format!("{name}_x"), "").registry_wide().declare().unwrap();
                    let y = builder.gauge::<i64>(&format!("{name}_y"), "").registry_wide().declare().unwrap();
                    builder.counter::<u64>(&format!("{name}_z"), "").declare().unwrap();
                    let member = registry.join(builder.build().unwrap()).unwrap();
                    let _part = (round % 2 == 0).then(|| member.attach_to(engine).unwrap());
                    member.recorder().unwrap().record(|step| {
                        step.set(x, 1);
                        step.set(y, 1);
                    });
                }
            })
        });
        churning.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Relaxed);
    });
    assert_eq!(declared(&registry), ["count_total{engine=\"0\"} 0"]);
}

/// What joins again has nothing of what it was before, also while handles of then are in use.
#[test]
fn a_schema_that_joins_again_begins_at_zero() {
    let (registry, _) = registry();
    let mut builder = Schema::builder(&["worker"]);
    let works = builder.counter::<u64>("works", "").declare().unwrap();
    let busy = builder.gauge::<i64>("busy", "").settable().declare().unwrap();
    let seconds = builder.histogram::<f64>("seconds", "", &[1.0]).declare().unwrap();
    let wide = builder.gauge::<i64>("wide", "").registry_wide().settable().declare().unwrap();
    let schema = builder.build().unwrap();
    let member = registry.join(schema.clone()).unwrap();
    let engine = member.attach(&["w"]).unwrap();
    let (mut recorder, shared) = (engine.recorder().unwrap(), engine.shared_recorder());
    recorder.inc(works);
    let guards = (shared.in_flight(busy), shared.timer(seconds), member.shared_recorder().in_flight(wide));
    drop(member);
    let member = registry.join(schema).unwrap();
    let again = member.attach(&["w"]).unwrap();
    recorder.inc(works);
    shared.inc(works);
    drop(guards);
    drop(recorder);
    let expected = [
        "works_total{worker=\"w\"} 0",
        "busy{worker=\"w\"} 0",
        "seconds_bucket{worker=\"w\",le=\"1.0\"} 0",
        "seconds_bucket{worker=\"w\",le=\"+Inf\"} 0",
        "seconds_sum{worker=\"w\"} 0.0",
        "seconds_count{worker=\"w\"} 0",
        "wide 0",
    ];
    assert_eq!(declared(&registry), expected);
    drop(engine);
    assert_eq!(declared(&registry), expected, "the engine of then isn't this one");
    drop(again);
    assert_eq!(declared(&registry), expected[6..]);
}
