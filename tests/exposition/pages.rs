//! Pages in both formats, of chosen families, and in pieces.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tachometer::{Engine, Format, PageOptions, Registry, Schema};

fn page(registry: &Registry, format: Format, options: &PageOptions) -> String {
    let mut page = Vec::new();
    registry.render_as(format, options, &mut page);
    String::from_utf8(page).unwrap()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A family of each type, for an engine and for the registry.
fn registry() -> (Registry, Engine) {
    let mut schema = Schema::builder(&["engine"]);
    let bytes = schema.counter::<u64>("read_bytes", "Bytes \"read\" \\.").unit("bytes");
    bytes.label("from", ["a", "b"]).declare().unwrap();
    schema.counter::<u64>("http_requests", "").exact_name().declare().unwrap();
    schema.gauge::<f64>("usage_ratio", "").unit("ratio").declare().unwrap();
    schema.histogram::<f64>("wait_seconds", "", &[1.0, 1e6]).registry_wide().declare().unwrap();
    schema.histogram::<f64>("drift", "", &[-1.0]).declare().unwrap();
    let tenants = schema.counter::<u64>("tenant_requests", "").dynamic_labels(["tenant"], 4).declare().unwrap();
    schema.info("config_info", "", ["dtype"]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    engine.shared_recorder().with_label_values(tenants, ["x"]).inc();
    (registry, engine)
}

const DECLARED: [&str; 6] = ["read_bytes", "http_requests", "usage_ratio", "wait_seconds", "drift", "tenant_requests"];

#[test]
fn open_metrics_to_the_letter() {
    let (registry, _engine) = registry();
    let page = page(&registry, Format::OpenMetrics, &PageOptions::new().families(DECLARED));
    let expected = "\
# HELP read_bytes Bytes \\\"read\\\" \\\\.
# TYPE read_bytes counter
# UNIT read_bytes bytes
read_bytes_total{engine=\"0\",from=\"a\"} 0
read_bytes_total{engine=\"0\",from=\"b\"} 0
# TYPE http_requests unknown
http_requests{engine=\"0\"} 0
# TYPE usage_ratio gauge
# UNIT usage_ratio ratio
usage_ratio{engine=\"0\"} 0.0
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"1.0\"} 0
wait_seconds_bucket{le=\"1e+06\"} 0
wait_seconds_bucket{le=\"+Inf\"} 0
wait_seconds_sum 0.0
wait_seconds_count 0
# TYPE drift histogram
drift_bucket{engine=\"0\",le=\"-1.0\"} 0
drift_bucket{engine=\"0\",le=\"+Inf\"} 0
# TYPE tenant_requests counter
tenant_requests_total{engine=\"0\",tenant=\"other\"} 0
tenant_requests_total{engine=\"0\",tenant=\"x\"} 1
# EOF
";
    assert_eq!(page, expected);
}

#[test]
fn both_formats_have_the_same_samples() {
    let (registry, _engine) = registry();
    let samples = |format| -> Vec<String> {
        let page = page(&registry, format, &PageOptions::new());
        page.lines().filter(|line| !line.starts_with('#') && !line.contains("render")).map(str::to_owned).collect()
    };
    assert_eq!(samples(Format::Text), samples(Format::OpenMetrics));
}

/// Prometheus takes the first `_created` that it finds behind a sample, if its labels are the same.
#[test]
fn each_label_set_ends_with_the_time_of_its_creation() {
    let before = now();
    let (registry, _engine) = registry();
    let after = now() + 0.001;
    let options = PageOptions::new().created();
    let page = page(&registry, Format::OpenMetrics, &options);
    let lines: Vec<&str> = page.lines().collect();
    let mut found = 0;
    for pair in lines.windows(2) {
        let Some((name, rest)) = pair[1].split_once("_created") else { continue };
        let (labels, time) = rest.rsplit_once(' ').unwrap();
        let suffix = pair[0].strip_prefix(name).unwrap_or_else(|| panic!("{pair:?}"));
        let same = ["_total", "_count"].into_iter().find_map(|own| suffix.strip_prefix(own));
        let same =
            same.or_else(|| suffix.starts_with("_bucket").then_some(labels)).and_then(|rest| rest.strip_prefix(labels));
        assert!(same.is_some_and(|value| !value.starts_with('{')), "{pair:?}");
        let time: f64 = time.parse().unwrap();
        assert!(before - 0.001 <= time && time <= after, "{before} {time} {after}");
        found += 1;
    }
    let typed = |name: &str| lines.iter().any(|line| line.starts_with(&format!("# TYPE {name}")));
    assert!(typed("read_bytes counter") && typed("tachometer_steps counter") && typed("http_requests unknown"));
    let created = lines.iter().filter(|line| line.contains("_created")).count();
    assert_eq!(found, created);
    assert_eq!(lines.iter().filter(|line| line.starts_with("read_bytes_created{engine=\"0\",from=")).count(), 2);
    for one in ["wait_seconds_created ", "drift_created{engine=\"0\"} ", "tachometer_steps_created{engine=\"0\"} "] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(one)).count(), 1, "{one}");
    }
    assert!(!page.contains("http_requests_created") && !page.contains("_ratio_created"));
    assert!(!self::page(&registry, Format::OpenMetrics, &PageOptions::new()).contains("_created"));
    assert!(!self::page(&registry, Format::Text, &options).contains("_created"), "the text format has none");
}

/// A counter of the family `tenant_requests`, and the text before its time.
fn created(page: &str, line: &str) -> f64 {
    page.lines()
        .find_map(|found| found.strip_prefix(line))
        .unwrap_or_else(|| panic!("{line} isn't in\n{page}"))
        .parse()
        .unwrap()
}

#[test]
fn what_begins_anew_has_a_new_time() {
    let mut schema = Schema::builder(&["engine"]);
    let tenants = schema.counter::<u64>("requests", "").dynamic_labels(["tenant"], 4).declare().unwrap();
    schema.counter::<u64>("steps", "").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let options = PageOptions::new().created();
    let times = |engine: &Engine| {
        engine.shared_recorder().with_label_values(tenants, ["x"]).inc();
        let page = page(&registry, Format::OpenMetrics, &options);
        ["steps_created{engine=\"0\"} ", "requests_created{engine=\"0\",tenant=\"x\"} "]
            .map(|line| created(&page, line))
    };
    let wait = |time: f64| while now() < time + 0.002 {};
    let engine = registry.attach(&["0"]).unwrap();
    wait(now());
    let [attached, looked_up] = times(&engine);
    assert!(attached < looked_up, "a series begins when it is looked up first");
    wait(looked_up);
    assert_eq!(times(&engine), [attached, looked_up]);
    assert!(engine.shared_recorder().remove(tenants, ["x"]));
    let [still, again] = times(&engine);
    assert!(still == attached && again > looked_up);
    wait(again);
    drop(engine);
    assert!(times(&registry.attach(&["0"]).unwrap())[0] > again);
}

#[test]
fn pieces_are_one_page() {
    let mut schema = Schema::builder(&["engine"]);
    for family in 0..8 {
        schema.gauge::<i64>(&format!("gauge_{family}"), "").label("x", ["a", "b", "c"]).declare().unwrap();
    }
    schema.counter::<u64>("tokens", "").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let _engines: Vec<Engine> = (0..300).map(|engine| registry.attach(&[&engine.to_string()]).unwrap()).collect();
    for format in [Format::Text, Format::OpenMetrics] {
        for options in [PageOptions::new(), PageOptions::new().families(["gauge_7", "tokens_total"]).created()] {
            let whole = page(&registry, format, &options);
            let pieces: Vec<Vec<u8>> = registry.chunks(format, &options).collect();
            let long = whole.len() > 100_000;
            assert_eq!(pieces.len() > 2, long);
            assert!(pieces.iter().all(|piece| piece.ends_with(b"\n") && piece.len() < 64 * 1024 + 40_000));
            assert!(pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok()), "fmt::Write takes each of them");
            let joined = String::from_utf8(pieces.concat()).unwrap();
            let others = |page: &str| -> Vec<String> {
                page.lines().filter(|line| !line.starts_with("tachometer_render")).map(str::to_owned).collect()
            };
            assert_eq!(others(&joined), others(&whole));
        }
    }
    let pages = |registry: &Registry| {
        registry
            .page()
            .lines()
            .find_map(|line| line.strip_prefix("tachometer_render_seconds_count ")?.parse::<u64>().ok())
    };
    let before = pages(&registry).unwrap();
    drop(registry.chunks(Format::Text, &PageOptions::new()));
    registry.chunks(Format::Text, &PageOptions::new()).last().unwrap();
    assert_eq!(pages(&registry).unwrap(), before + 2, "the page before, and the one in pieces");
    assert_eq!(registry.chunks(Format::Text, &PageOptions::new().families(["x"])).next(), None, "an empty page");
}

#[test]
fn a_collector_is_called_only_for_its_families() {
    let registry = Registry::new(Schema::builder(&["engine"]).build().unwrap());
    let mut schema = Schema::builder(&[]);
    let calls = schema.counter::<u64>("calls", "Calls.").declare().unwrap();
    let level = schema.gauge::<i64>("level", "").settable().declare().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let collect = move |recorder: &tachometer::SharedRecorder| {
        recorder.add(calls, counted.fetch_add(1, Relaxed) + 1);
        recorder.set_gauge(level, 7);
        Ok(())
    };
    let _collector = registry.collector(schema.build().unwrap(), collect).unwrap();
    let chosen = |name: &str| page(&registry, Format::OpenMetrics, &PageOptions::new().families([name]).created());
    assert_eq!(chosen("level_total"), "# EOF\n");
    assert_eq!(count.load(Relaxed), 0);
    assert_eq!(chosen("level"), "# TYPE level gauge\nlevel 7\n# EOF\n");
    assert_eq!(chosen("calls_total"), "# HELP calls Calls.\n# TYPE calls counter\ncalls_total 2\n# EOF\n");
    let failures = chosen("tachometer_collector_failures");
    assert_eq!(failures.lines().nth(2), Some("tachometer_collector_failures_total 0"));
    assert!(failures.lines().nth(3).unwrap().starts_with("tachometer_collector_failures_created 1"));
    assert_eq!((failures.lines().count(), count.load(Relaxed)), (5, 2));
}

#[test]
fn families_of_schemas_that_joined_are_chosen_too() {
    let (registry, engine) = registry();
    let mut schema = Schema::builder(&["engine"]);
    schema.gauge::<i64>("loads", "").declare().unwrap();
    let joined = registry.join(schema.build().unwrap()).unwrap();
    let _part = joined.attach_to(&engine).unwrap();
    let options = PageOptions::new().families(["loads", "usage_ratio", "tachometer_recorders"]);
    let page = page(&registry, Format::Text, &options);
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        ["usage_ratio{engine=\"0\"} 0.0", "loads{engine=\"0\"} 0", "tachometer_recorders{engine=\"0\"} 0"]
    );
}
