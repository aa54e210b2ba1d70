//! Labels from enums, gauges of `u64`, and what a test reads back.

use crate::{one_engine::OneEngine, one_step::OneStep as _};
use tachometer::{Registry, Schema, label_enum};

label_enum! {
    /// How a request came.
    enum Transport { Http = "http", Grpc = "grpc" }
}
label_enum! {
    enum Status { Ok = "2xx", Client = "4xx", Server = "5xx" }
}

#[test]
fn a_variant_is_the_index_of_its_handle() {
    let rig = OneEngine::new(|schema| {
        let requests = schema.counter::<u64>("requests", "");
        requests.label("transport", Transport::VALUES).label("status", Status::VALUES).declare().unwrap()
    });
    let shared = rig.engine.shared_recorder();
    for (transport, status, n) in
        [(Transport::Http, Status::Ok, 1), (Transport::Grpc, Status::Client, 2), (Transport::Grpc, Status::Server, 3)]
    {
        shared.add(rig.handles[transport][status], n);
        let line = format!("transport=\"{}\",status=\"{}\"}} {n}", transport.as_str(), status.as_str());
        assert!(rig.samples("requests_total").contains(&line), "{line}");
    }
}

#[test]
fn a_gauge_of_u64_shows_what_was_set() {
    let rig = OneEngine::new(|schema| {
        (
            schema.gauge::<u64>("bytes", "").declare().unwrap(),
            schema.gauge::<u64>("limit", "").settable().declare().unwrap(),
            schema.gauge::<u64>("used", "").state().declare().unwrap(),
            schema.gauge::<u64>("open", "").dynamic_labels(["a"], 1).declare().unwrap(),
        )
    });
    let (bytes, limit, used, open) = rig.handles;
    let (mut recorders, shared) = ([rig.recorder(), rig.recorder()], rig.engine.shared_recorder());
    recorders.iter_mut().for_each(|recorder| recorder.set(bytes, 1 << 62));
    recorders[0].record(|step| step.set_state(used, u64::MAX));
    shared.set_gauge(limit, u64::MAX);
    shared.dec_gauge(limit);
    drop(shared.in_flight(limit));
    let series = shared.with_label_values(open, ["x"]);
    series.set(1 << 63);
    series.dec();
    let guard = series.in_flight();
    assert_eq!(series.get(), 1 << 63);
    drop(guard);
    assert_eq!(rig.samples("bytes"), [(1_u64 << 63).to_string()], "the sum of both recorders");
    assert_eq!(rig.samples("used"), [u64::MAX.to_string()]);
    assert_eq!(rig.samples("limit"), [(u64::MAX - 1).to_string()]);
    assert_eq!(series.get(), (1 << 63) - 1);
    drop(recorders);
    assert_eq!(rig.samples("bytes"), ["0"], "given up with the recorders");
}

#[test]
fn values_are_read_back_and_a_page_is_a_string() {
    let mut schema = Schema::builder(&["engine"]);
    let tokens = schema.counter::<u64>("tokens", "").declare().unwrap();
    let [hits, misses] = schema.counter::<u64>("lookups", "").label("result", ["hit", "miss"]).declare().unwrap();
    let load = schema.gauge::<f64>("load", "").settable().declare().unwrap();
    let seconds = schema.histogram::<f64>("seconds", "", &[1.0]).declare().unwrap();
    let refused = schema.counter::<u64>("refused", "").registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = ["0", "1"].map(|engine| registry.attach(&[engine]).unwrap());
    let shared = engines[1].shared_recorder();
    shared.add(tokens, 3);
    shared.inc(misses);
    shared.set_gauge(load, 0.5);
    shared.observe(seconds, 0.25);
    registry.shared_recorder().inc(refused);
    let all = |engine: &tachometer::Engine| {
        engine.read((tokens, [hits, misses], load, seconds), |(tokens, lookups, load, seconds)| {
            (tokens, lookups, load, seconds.count(), seconds.sum())
        })
    };
    assert_eq!(all(&engines[0]), (0, [0, 0], 0.0, 0, 0.0));
    assert_eq!(all(&engines[1]), (3, [0, 1], 0.5, 1, 0.25));
    assert_eq!(registry.read(refused, |refused| refused), 1);
    assert!(registry.page().contains("tokens_total{engine=\"1\"} 3\n"));
}

#[test]
#[should_panic(expected = "families of the registry are read from the registry")]
fn a_family_of_the_registry_is_not_read_from_an_engine() {
    let rig = OneEngine::new(|schema| schema.counter::<u64>("wide", "").registry_wide().declare().unwrap());
    rig.engine.read(rig.handles, |n| n);
}
