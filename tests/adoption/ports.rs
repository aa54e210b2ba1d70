//! Smaller pieces of the programs that were ported, each as it reads here. The larger ones have
//! modules of their own, or are in `tests/joined` and `tests/recording`.

use std::{sync::mpsc, thread};

use tachometer::{Counter, Registry, Schema, SettableGauge, label_enum};

use crate::{common, one_engine::OneEngine, one_step::OneStep as _, shown};

label_enum! { enum Endpoint { Chat = "chat", Completions = "completions", Embeddings = "embeddings" } }
label_enum! { enum Kind { Stream = "stream", Unary = "unary" } }
label_enum! { enum Outcome { Success = "success", Error = "error" } }

/// A product of closed labels, most of which nobody uses: a page has what was used.
#[test]
fn of_a_product_of_labels_a_page_shows_what_was_used() {
    let one = OneEngine::new(|schema| {
        let requests = schema.counter::<u64>("requests", "").sparse().label("endpoint", Endpoint::VALUES);
        let requests = requests.label("request_type", Kind::VALUES).label("status", Outcome::VALUES);
        requests.label("error_type", ["", "validation", "overload", "internal"]).declare().unwrap()
    });
    assert_eq!(one.samples("requests_total"), [""; 0], "of 48 series");
    one.engine.shared_recorder().inc(one.handles[Endpoint::Chat][Kind::Stream][Outcome::Error][2]);
    let used = "endpoint=\"chat\",request_type=\"stream\",status=\"error\",error_type=\"overload\"} 1";
    assert_eq!(one.samples("requests_total"), [used]);
    assert!([Endpoint::Completions, Endpoint::Embeddings].map(Endpoint::as_str).contains(&"embeddings"));
    assert_eq!((Kind::Unary.as_str(), Outcome::Success.as_str()), ("unary", "success"));
}

/// The queue's gauge has no labels. One task counts up, and another sets it to what it sees.
#[test]
fn a_queue_is_counted_by_one_task_and_set_by_another() {
    let mut schema = Schema::builder(&[]);
    let queue: SettableGauge<i64> = schema.gauge("queue_size", "").registry_wide().settable().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let (arrive, batch) = mpsc::channel();
    let (router, batching) = (registry.shared_recorder(), registry.shared_recorder());
    thread::scope(|scope| {
        scope.spawn(move || {
            for request in 0..4 {
                router.inc_gauge(queue);
                arrive.send(request).unwrap();
            }
        });
        scope.spawn(move || batching.set_gauge(queue, 10 * batch.iter().count() as i64));
    });
    assert_eq!(shown::lines(&registry, "queue_size"), ["queue_size 40"]);
}

/// A runtime keeps totals itself, per worker. No previous value has to be kept next to them.
#[test]
fn totals_of_a_runtime_are_mirrored() {
    let workers = ["0", "1", "2"];
    let one = OneEngine::new(|schema| {
        let parks = schema.counter::<u64>("worker_parks", "").label("worker", workers).declare().unwrap();
        (parks, schema.counter::<f64>("busy_seconds", "").declare().unwrap())
    });
    let (parks, busy) = one.handles;
    let mut recorder = one.recorder();
    for totals in [[0, 3, 1], [5, 3, 2], [5, 1, 9]] {
        recorder.record(|step| {
            parks.iter().zip(totals).for_each(|(parks, total)| step.raise_to(*parks, total));
            step.raise_to(busy, totals.iter().sum::<u64>() as f64 / 4.0);
        });
    }
    let shown = ["worker=\"0\"} 5", "worker=\"1\"} 3", "worker=\"2\"} 9"];
    assert_eq!(one.samples("worker_parks_total"), shown, "a total that falls changes nothing");
    assert_eq!(one.samples("busy_seconds_total"), ["3.75"]);
}

/// A model becomes known with its first request. No handler keeps a map of models.
#[test]
fn handlers_find_the_engine_of_a_model() {
    let mut schema = Schema::builder(&["model"]);
    let tokens: Counter<u64> = schema.counter("output_tokens", "").declare().unwrap();
    let in_flight = schema.gauge::<i64>("inflight_requests", "").settable().declare().unwrap();
    let seconds = schema.histogram::<f64>("request_seconds", "", &[3_600.0]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let handle = |model: &str, n: u64| {
        let engine = registry.get_or_attach(&[model]).unwrap();
        let shared = engine.shared_recorder();
        let (guard, timer) = (shared.in_flight(in_flight), shared.timer(seconds));
        shared.add(tokens, n);
        (engine, guard, timer)
    };
    let requests = [handle("llama", 1), handle("qwen", 2), handle("llama", 4)];
    let read = |model: &str| {
        let engine = registry.get_or_attach(&[model]).unwrap();
        engine.read((tokens, in_flight, seconds), |(tokens, level, seconds)| (tokens, level, seconds.count()))
    };
    assert_eq!((read("llama"), read("qwen")), ((5, 2, 0), (2, 1, 0)));
    let kept = requests.map(|(engine, ..)| engine); // guards and timers end here
    assert_eq!((read("llama"), read("qwen")), ((5, 0, 2), (2, 0, 1)));
    drop(kept);
    assert!(!registry.page().contains("llama"), "the last handle of each is gone");
}

/// A page of another process, appended to the same buffer: whole families, in text.
#[test]
fn a_page_follows_that_of_another_process() {
    let one = OneEngine::new(|schema| schema.counter::<u64>("requests", "").declare().unwrap());
    let other = OneEngine::new(|schema| schema.gauge::<f64>("load", "").registry_wide().declare().unwrap());
    let foreign: String = other
        .page()
        .lines()
        .filter(|line| !line.contains("tachometer_"))
        .fold(String::new(), |page, line| page + line + "\n");
    let mut page = foreign.into_bytes();
    one.registry.render(&mut page);
    let samples = common::parse(std::str::from_utf8(&page).unwrap());
    let has = |name: &str| samples.keys().any(|(sample, _)| sample == name);
    assert!(has("load") && has("requests_total") && has("tachometer_rendered_bytes_total"));
}
