//! Several handles of an engine, which is found by its labels.

use std::{thread, time::Duration};

use crate::shown::{lines, snapshot};
use tachometer::{AttachError, Counter, Registry, Schema};

fn rig() -> (Registry, Counter<u64>) {
    let mut schema = Schema::builder(&["model_name", "version"]);
    let requests = schema.counter("requests", "Requests.").declare().unwrap();
    (Registry::new(schema.build().unwrap()), requests)
}

#[test]
fn the_last_handle_detaches_the_engine() {
    let (registry, requests) = rig();
    let attached = registry.get_or_attach(&["llama", "3"]).unwrap();
    let found = registry.get_or_attach(&["llama", "3"]).unwrap();
    let other = registry.get_or_attach(&["llama", "4"]).unwrap();
    [&attached, &found, &found.clone()].iter().for_each(|engine| engine.shared_recorder().inc(requests));
    assert_eq!((attached.read(requests, |n| n), other.read(requests, |n| n)), (3, 0));
    drop((attached, other));
    assert_eq!(lines(&registry, "requests"), ["requests_total{model_name=\"llama\",version=\"3\"} 3"]);
    drop(found);
    assert!(lines(&registry, "requests").is_empty());
    let again = registry.get_or_attach(&["llama", "3"]).unwrap();
    assert_eq!(again.read(requests, |n| n), 0, "another engine");
}

#[test]
fn a_handle_finds_an_engine_that_was_attached_and_attach_finds_none() {
    let (registry, requests) = rig();
    let attached = registry.attach(&["llama", "3"]).unwrap();
    let found = registry.get_or_attach(&["llama", "3"]).unwrap();
    assert!(matches!(registry.attach(&["llama", "3"]), Err(AttachError::AlreadyAttached { .. })));
    drop(attached);
    found.recorder().unwrap().step().inc(requests);
    assert!(matches!(registry.attach(&["llama", "3"]), Err(AttachError::AlreadyAttached { .. })), "a handle is left");
    drop(found);
    let _attached = registry.attach(&["llama", "3"]).unwrap();
    let error = registry.get_or_attach(&["llama"]).unwrap_err();
    assert!(matches!(error, AttachError::LabelCount { .. }), "{error}");
}

/// A worker asks that its engine lingers, and a handler's handle is dropped last.
#[test]
fn any_handle_says_that_the_engine_lingers() {
    let (registry, requests) = rig();
    let worker = registry.attach(&["llama", "3"]).unwrap().linger(Duration::from_secs(1_000));
    let handler = registry.get_or_attach(&["llama", "3"]).unwrap();
    handler.shared_recorder().inc(requests);
    drop(worker);
    assert!(!snapshot(&registry).engine(&["llama", "3"]).unwrap().lingers(), "a handle is left");
    drop(handler);
    assert!(snapshot(&registry).engine(&["llama", "3"]).unwrap().lingers());
    let again = registry.get_or_attach(&["llama", "3"]).unwrap();
    assert_eq!(again.read(requests, |n| n), 0, "one that lingers isn't found");
    assert_eq!(snapshot(&registry).replaced().len(), 1);
}

/// Engines are found, cloned and dropped by many threads. No call fails, each request counts in the
/// engine of its time, and nothing is left.
#[test]
fn threads_find_and_drop_the_same_engines() {
    let (registry, requests) = rig();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..2_000 {
                    let engine = registry.get_or_attach(&["llama", ["3", "4"][round % 2]]).unwrap();
                    engine.shared_recorder().inc(requests);
                    assert!(engine.clone().read(requests, |n| n) > 0);
                }
            });
        }
    });
    assert_eq!(snapshot(&registry).engines().len(), 0);
}
