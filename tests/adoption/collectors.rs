//! Values that are kept elsewhere and read when a page is written: a catalogue of models, another
//! program's pages, the process itself.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use crate::{common::parse, shown};
use tachometer::{Collector, CollectorError, Counter, Registry, Schema, SchemaError, SharedRecorder};

const FAILURES: &str = "tachometer_collector_failures_total";

fn registry() -> Registry {
    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("steps", "").registry_wide().declare().unwrap();
    schema.histogram::<f64>("latency", "", &[1.0]).declare().unwrap();
    Registry::new(schema.build().unwrap())
}

/// A collector of one counter, which `collect` records.
fn counter(
    registry: &Registry,
    name: &str,
    collect: impl Fn(&SharedRecorder, Counter<f64>) -> Result<(), std::fmt::Error> + Send + Sync + 'static,
) -> Result<Collector, CollectorError> {
    let mut schema = Schema::builder(&[]);
    let counter = schema.counter(name, "").declare().unwrap();
    registry.collector(schema.build().unwrap(), move |recorder| Ok(collect(recorder, counter)?))
}

/// The sample of a name without labels, on a page that a parser accepts.
fn sample(registry: &Registry, name: &str) -> Option<f64> {
    parse(&registry.page()).get(&(name.to_owned(), Vec::new())).copied()
}

#[test]
fn a_page_shows_what_a_catalogue_has_now() {
    let reloaded = Arc::new(AtomicBool::new(false));
    let registry = registry();
    let mut schema = Schema::builder(&[]);
    let context = schema.gauge::<i64>("context_length", "Tokens.").sparse();
    let context = context.dynamic_labels(["model"], 8).declare().unwrap();
    let models = schema.gauge::<i64>("models", "Models.").settable().declare().unwrap();
    let source = schema.info("catalogue_info", "Where it is from.", ["path"]).declare().unwrap();
    let is_reloaded = Arc::clone(&reloaded);
    let collector = registry.collector(schema.build().unwrap(), move |recorder| {
        let catalogue: &[_] =
            if is_reloaded.load(Relaxed) { &[("qwen", 3)] } else { &[("llama", 1), ("a \"b\"\\\n", 2)] };
        recorder.set_gauge(models, catalogue.len() as i64);
        recorder.set_info(source, ["/models"], 1.0);
        for (model, length) in catalogue {
            recorder.with_label_values(context, [model]).set(*length);
        }
        Ok(())
    });
    let collector = collector.unwrap();
    let lines = || shown::lines(&registry, "context_length{");
    let escaped = r#"context_length{model="a \"b\"\\\n"} 2"#;
    assert_eq!(lines(), [escaped, "context_length{model=\"llama\"} 1"]);
    assert_eq!(sample(&registry, "models"), Some(2.0));
    assert_eq!(shown::lines(&registry, "catalogue_info{"), ["catalogue_info{path=\"/models\"} 1.0"]);
    reloaded.store(true, Relaxed);
    assert_eq!(lines(), ["context_length{model=\"qwen\"} 3"]);
    assert_eq!(sample(&registry, "models"), Some(1.0));
    drop(collector);
    assert_eq!(shown::lines(&registry, "# TYPE context_length"), [""; 0]);
    assert_eq!(Arc::strong_count(&reloaded), 1, "the closure is dropped");
}

#[test]
fn the_count_of_failures_is_there_with_the_first_collector() {
    let registry = registry();
    assert_eq!(sample(&registry, FAILURES), None);
    let collector = counter(&registry, "ticks", |_, _| Ok(())).unwrap();
    assert_eq!(sample(&registry, FAILURES), Some(0.0));
    assert_eq!(sample(&registry, "ticks_total"), Some(0.0), "nothing recorded");
    drop(collector);
    assert_eq!(sample(&registry, FAILURES), None);
}

type Fail = fn(&SharedRecorder, Counter<f64>) -> Result<(), std::fmt::Error>;

const FAILS: [(&str, Fail); 4] = [
    ("an error", |_, _| Err(std::fmt::Error)),
    ("a panic", |_, _| panic::resume_unwind(Box::new("without a message"))),
    ("a NaN", |recorder, counter| {
        recorder.add(counter, f64::NAN);
        Ok(())
    }),
    ("a total that falls", |recorder, counter| {
        recorder.add(counter, -1.0);
        Ok(())
    }),
];

/// Also what the closure recorded before it failed.
#[test]
fn what_fails_spoils_its_own_families_and_is_counted() {
    for (what, fail) in FAILS {
        let registry = registry();
        let failing = Arc::new(AtomicBool::new(true));
        let fails = Arc::clone(&failing);
        let one = |recorder: &SharedRecorder, counter| {
            recorder.add(counter, 1.0);
            Ok(())
        };
        let failed = move |recorder: &SharedRecorder, counter| {
            one(recorder, counter)?;
            if fails.load(Relaxed) { fail(recorder, counter) } else { Ok(()) }
        };
        let _before = counter(&registry, "before", one).unwrap();
        let _failed = counter(&registry, "failed", failed).unwrap();
        let _after = counter(&registry, "after", one).unwrap();
        let shown = || {
            let page = parse(&registry.page());
            let value = |name: &str| page.get(&(name.to_owned(), Vec::new())).copied();
            ["before_total", "failed_total", "after_total", FAILURES].map(value)
        };
        assert_eq!(shown(), [Some(1.0), None, Some(1.0), Some(1.0)], "{what}");
        assert_eq!(shown(), [Some(1.0), None, Some(1.0), Some(2.0)], "{what}");
        failing.store(false, Relaxed);
        assert_eq!(shown(), [Some(1.0), Some(1.0), Some(1.0), Some(2.0)], "{what}");
        failing.store(true, Relaxed);
        assert_eq!(shown::lines(&registry, "# TYPE failed"), [""; 0], "{what}");
    }
}

/// A clash is refused by name, also with what only OpenMetrics would show.
#[test]
fn names_that_the_registry_exposes_are_refused() {
    let registry = registry();
    let nothing = |_: &SharedRecorder, _: Counter<f64>| Ok(());
    let clash = |family: &str, other: &str, exposed: &str| {
        let (family, other, exposed) = (family.to_owned(), other.to_owned(), exposed.to_owned());
        Some(CollectorError::Clash(SchemaError::ExposedNameClash { family, other, exposed }))
    };
    let duplicate =
        |family: &str| Some(CollectorError::Clash(SchemaError::DuplicateFamily { family: family.to_owned() }));
    assert_eq!(counter(&registry, "steps", nothing).err(), duplicate("steps"));
    assert_eq!(counter(&registry, "latency_count", nothing).err(), clash("latency_count", "latency", "latency_count"));
    let ticks = counter(&registry, "ticks", nothing).unwrap();
    assert_eq!(counter(&registry, "ticks", nothing).err(), duplicate("ticks"), "of another collector");
    drop(ticks);
    let _ticks = counter(&registry, "ticks", nothing).unwrap();
    let message = counter(&registry, "ticks", nothing).unwrap_err().to_string();
    assert!(message.contains("\"ticks\" is declared already"), "{message}");
}

#[test]
fn a_collector_has_no_engines() {
    let registry = registry();
    let schema = Schema::builder(&["engine"]).build().unwrap();
    let error = registry.collector(schema, |_| Ok(())).unwrap_err();
    assert_eq!(error, CollectorError::EngineLabels { labels: vec!["engine".into()] });
    let mut schema = Schema::builder(&[]);
    schema.counter::<u64>("wide", "").registry_wide().declare().unwrap();
    let error = registry.collector(schema.build().unwrap(), |_| Ok(())).unwrap_err();
    assert_eq!(error, CollectorError::RegistryWide { family: "wide".into() });
}

#[test]
fn the_constant_labels_of_a_page_are_on_collected_samples_too() {
    let mut schema = Schema::builder(&["engine"]);
    schema.const_label("cluster", "eu");
    let registry = Registry::new(schema.build().unwrap());
    let mut schema = Schema::builder(&[]);
    schema.const_label("host", "a");
    let ready = schema.gauge::<i64>("ready", "").dynamic_labels(["model"], 1).declare().unwrap();
    let _collector = registry.collector(schema.build().unwrap(), move |recorder| {
        recorder.with_label_values(ready, ["m"]).set(1);
        Ok(())
    });
    let page = registry.page();
    assert!(page.contains("\nready{cluster=\"eu\",host=\"a\",model=\"m\"} 1\n"), "{page}");
    assert!(page.ends_with(&format!("\n{FAILURES}{{cluster=\"eu\"}} 0\n")), "{page}");

    let mut schema = Schema::builder(&[]);
    schema.gauge::<i64>("healthy", "").dynamic_labels(["cluster"], 1).declare().unwrap();
    let error = registry.collector(schema.build().unwrap(), |_| Ok(())).unwrap_err();
    let (family, label) = (Some("healthy".to_owned()), "cluster".to_owned());
    assert_eq!(error, CollectorError::Clash(SchemaError::DuplicateLabel { family, label }));
}

/// A closure may use the registry, and several pages may be written at the same time.
#[test]
fn collectors_come_and_leave_while_pages_are_written() {
    let registry = registry();
    let calls = Arc::new(AtomicU64::new(0));
    let inner = registry.clone();
    let _outer = counter(&registry, "calls", move |recorder, counter| {
        let call = calls.fetch_add(1, Relaxed);
        let _engine = inner.attach(&[&call.to_string()]).map_err(|_| std::fmt::Error)?;
        let _collector = counter_named(&inner, call);
        recorder.add(counter, 1.0);
        Ok(())
    });
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for round in 0..200 {
                drop(counter_named(&registry, round + 1_000_000));
            }
            done.store(true, Relaxed);
        });
        let scrape = || {
            while !done.load(Relaxed) {
                assert_eq!(sample(&registry, "calls_total"), Some(1.0));
            }
        };
        scope.spawn(scrape);
        scrape();
        churn.join().unwrap();
    });
    assert_eq!(sample(&registry, FAILURES), Some(0.0));
    assert_eq!(shown::lines(&registry, "# TYPE churn"), [""; 0]);
}

/// A page that a closure writes has all families but those of the closure itself, which has failed
/// there.
#[test]
fn a_closure_that_writes_a_page_isnt_called_again_for_it() {
    let (registry, calls) = (registry(), Arc::new(AtomicU64::new(0)));
    let pages = |name: &str| {
        let (inner, calls) = (registry.clone(), Arc::clone(&calls));
        counter(&registry, name, move |recorder, counter| {
            assert!(calls.fetch_add(1, Relaxed) < 100, "a page that never ends");
            let page = inner.page();
            assert!(page.contains("\nsteps_total 0\n") && page.contains("\nother_total 1.0\n"));
            recorder.add(counter, 1.0);
            Ok(())
        })
    };
    let _other = counter(&registry, "other", |recorder, counter| {
        recorder.add(counter, 1.0);
        Ok(())
    });
    let first = pages("first").unwrap();
    let seen = |names: [&str; 2]| {
        let page = parse(&registry.page());
        names.map(|name| page[&(name.to_owned(), Vec::new())])
    };
    assert_eq!(seen(["first_total", FAILURES]), [1.0; 2]);
    let _second = pages("second").unwrap();
    assert_eq!(seen(["first_total", "second_total"]), [1.0; 2]);
    assert_eq!(calls.load(Relaxed), 1 + 4, "each of the two, and the other one within it");
    drop(first);
    assert_eq!(sample(&registry, "second_total"), Some(1.0));
}

fn counter_named(registry: &Registry, number: u64) -> Collector {
    counter(registry, &format!("churn_{number}"), |_, _| Ok(())).expect("a name of its own")
}

/// The example, of this process.
#[test]
#[cfg(target_os = "linux")]
fn a_process_shows_what_it_uses() {
    let registry = registry();
    let _process = crate::process::process_metrics(&registry).unwrap();
    let page = parse(&registry.page());
    let value = |name: &str| page[&(name.to_owned(), Vec::new())];
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!((now - 86_400.0..now + 60.0).contains(&value("process_start_time_seconds")), "{page:?}");
    assert!(value("process_resident_memory_bytes") > 1e5 && value("process_open_fds") >= 3.0, "{page:?}");
}
