//! Pages to the byte, in `tests/golden`, and read back by a parser that isn't ours.
//!
//! `TACHOMETER_UPDATE_GOLDEN=1 cargo test --test golden` writes them anew. `scripts/test` also has
//! Python's `prometheus_client` read them.

mod common;
#[path = "common/golden.rs"]
mod golden;

#[path = "common/one_step.rs"]
mod one_step;

use one_step::OneStep as _;
use std::{collections::HashSet, fs, path::Path};

use openmetrics_parser::openmetrics::parse_openmetrics;
use tachometer::{Counter, Format, Gauge, Histogram, PageOptions, Registry, Renderer, Schema, SchemaBuilder, Snapshot};
use tachometer_vllm::{
    self as vllm, FinishReason, FinishedRequest, IterationStats, PromptTokens, SchedulerStats, StepStats,
};

/// Compares a registry's pages with the golden files, and the parsed page with the snapshot.
fn assert_golden(name: &str, registry: &Registry) -> common::Samples {
    let mut page = b"# another crate's page stands before\n".to_vec();
    registry.render(&mut page);
    let page = String::from_utf8(page).unwrap();
    assert_is_golden(&format!("{name}.prom"), &page);
    let open_metrics = open_metrics(registry);
    assert_is_golden(&format!("{name}.openmetrics"), &open_metrics);
    // This parser refuses units of histograms, which the specification allows.
    let without_units =
        open_metrics.split_inclusive('\n').filter(|line| !line.starts_with("# UNIT ")).collect::<String>();
    if let Err(error) = parse_openmetrics(&without_units) {
        panic!("{error}, in\n{open_metrics}");
    }
    assert_no_sample_twice(&page);
    assert_no_sample_twice(&open_metrics);
    common::parse(&page)
}

fn assert_is_golden(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("TACHOMETER_UPDATE_GOLDEN").is_some() {
        fs::write(&path, page).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (number, (line, golden)) in page.lines().zip(golden.lines()).enumerate() {
        assert_eq!(line, golden, "line {} of {name}", number + 1);
    }
    assert_eq!(page.len(), golden.len(), "{name} goes on");
}

/// The page in OpenMetrics, with times of creation that are always the same, and without how long
/// pages took.
fn open_metrics(registry: &Registry) -> String {
    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    let names = snapshot.families().map(|family| family.name()).filter(|name| !name.starts_with("tachometer_render"));
    // Of a collector, if there is one.
    let names = names.chain(["f_ready", "tachometer_collector_failures"]);
    let mut page = Vec::new();
    registry.render_as(Format::OpenMetrics, &PageOptions::new().families(names).created(), &mut page);
    let page = String::from_utf8(page).unwrap();
    let fixed = |line: &str| match line.rsplit_once(' ') {
        Some((name, _)) if !name.starts_with('#') && name.split('{').next().unwrap().ends_with("_created") => {
            format!("{name} 1700000000.123\n")
        }
        _ => format!("{line}\n"),
    };
    page.lines().map(fixed).collect()
}

/// No parser sees that a sample appears twice, or that a family goes on behind another one.
fn assert_no_sample_twice(page: &str) {
    let (mut samples, mut families) = (HashSet::new(), HashSet::new());
    for line in page.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(family) => assert!(families.insert(family), "{family} appears twice"),
            None => assert!(
                line.starts_with('#') || samples.insert(line.rsplit_once(' ').unwrap().0),
                "{line} appears twice"
            ),
        }
    }
}

/// Samples about pages: retries, seconds, bytes.
const OF_PAGES: usize = 1 + 9 + 1;

fn sample(samples: &common::Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let key = (name.to_owned(), labels);
    *samples.get(&key).unwrap_or_else(|| panic!("no {key:?}"))
}

struct Kinds {
    integer: Counter<u64>,
    float: Counter<f64>,
    levels: [[Gauge<i64>; 2]; 2],
    ratio: Gauge<f64>,
    tokens: Histogram<u64>,
    seconds: [Histogram<f64>; 2],
}

fn kinds(schema: &mut SchemaBuilder) -> Kinds {
    let integer =
        schema.counter::<u64>("a_integer", "A help text with \\, a line\nfeed and \"quotes\".").declare().unwrap();
    let float = schema.counter::<f64>("b_seconds", "").unit("seconds").declare().unwrap();
    let levels = schema
        .gauge::<i64>("c_level", "Two labels.")
        .label("x", ["x", "y"])
        .label("y", ["a", "b\\\"\n"])
        .declare()
        .unwrap();
    let ratio = schema.gauge::<f64>("d_ratio", "Ünïcode.").unit("ratio").declare().unwrap();
    let tokens = schema.histogram::<u64>("e_tokens_total", "Integers.", &[1.0, 2.5, 1e6, 1e16]).declare().unwrap();
    let seconds = schema
        .histogram::<f64>("f_seconds", "Floats.", &[-1.0, 0.0, 1e-5, 0.3, 123_456.0])
        .label("phase", ["first", "second"])
        .declare()
        .unwrap();
    Kinds { integer, float, levels, ratio, tokens, seconds }
}

#[test]
fn every_kind_of_family_with_every_escape() {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let Kinds { integer, float, levels: [[xa, xb], [ya, yb]], ratio, tokens, seconds: [first, second] } =
        kinds(&mut schema);
    let registry = Registry::new(schema.build().unwrap());
    let engines = [
        registry.attach(&["0", "meta-llama/Llama-3.1-8B-Instruct"]).unwrap(),
        registry.attach(&["1", "back\\slash \"quotes\" line\nfeed\ttab é 🦀 {},="]).unwrap(),
    ];
    let mut recorder = engines[0].recorder().unwrap();
    let mut step = recorder.step();
    [i64::MAX as u64, i64::MAX as u64, 1].into_iter().for_each(|n| step.add(integer, n));
    step.add(float, 1_234_567.5);
    step.set(xa, i64::MIN);
    step.set(xb, -1);
    step.set(ya, 0);
    step.set(yb, i64::MAX);
    step.set(ratio, f64::NAN);
    step.observe_all(tokens, &[0, 1, 2, 3, 1_000_000, 1_000_001, 10_u64.pow(16) + 1]);
    step.observe_all(first, &[-2.0, -0.5, 0.0, 1e-6, 0.3, 0.300_000_1, 1e9, f64::NAN]);
    step.observe_n(second, 0.1, 3);
    step.commit();
    let mut recorder = engines[1].recorder().unwrap();
    recorder.set(ratio, f64::NEG_INFINITY);
    drop(recorder.step());

    let samples = assert_golden("kinds", &registry);
    let llama = [("engine", "0"), ("model_name", "meta-llama/Llama-3.1-8B-Instruct")];
    assert_eq!(sample(&samples, "a_integer_total", &llama), u64::MAX as f64);
    assert_eq!(sample(&samples, "f_seconds_bucket", &[llama[0], ("le", "inf"), llama[1], ("phase", "first")]), 7.0);
    assert_eq!(sample(&samples, "tachometer_rejected_observations_total", &llama), 1.0);
    assert_eq!(samples.len(), 2 * (1 + 1 + 4 + 1 + 7 + 2 * 6 + 6) + OF_PAGES);
}

#[test]
fn without_engine_labels() {
    let mut schema = Schema::builder(&[]);
    let plain = schema.counter::<u64>("plain", "No label at all.").declare().unwrap();
    let [a, _] = schema.gauge::<i64>("own", "Its own label.").label("x", ["a", "b"]).declare().unwrap();
    schema.histogram::<f64>("bounds", "Only le.", &[1.0]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    recorder.record(|step| {
        step.add(plain, 7);
        step.set(a, -7);
    });
    let samples = assert_golden("no_engine_labels", &registry);
    assert_eq!(sample(&samples, "plain_total", &[]), 7.0);
    assert_eq!(sample(&samples, "own", &[("x", "a")]), -7.0);
}

#[test]
fn families_of_the_registry_infos_and_hidden_ones() {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let first = schema.info("a_config_info", "Of an engine.", ["block_size", "dtype"]);
    let config = first.engine_labels(&["engine"]).declare().unwrap();
    let [[many, _]] = schema
        .counter::<u64>("b_rejections", "Of the registry.")
        .registry_wide()
        .label("model_name", ["m"])
        .label("reason", ["requests", "tokens"])
        .declare()
        .unwrap();
    let steps = schema.counter::<u64>("c_steps", "Of an engine.").declare().unwrap();
    let hidden = schema.gauge::<f64>("d_hidden", "Not printed.").hidden().declare().unwrap();
    let wide = schema.histogram::<u64>("e_tokens", "Of the registry.", &[1.0]).registry_wide().declare().unwrap();
    let shared = schema.info("f_adapters_info", "The newest of all.", ["running"]).engine_labels(&[]);
    let adapters = shared.declare().unwrap();
    schema.info("g_never_set_info", "No sample.", ["x"]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = ["0", "1"].map(|engine| registry.attach(&[engine, "m"]).unwrap());
    let mut recorders = engines.each_ref().map(|engine| engine.recorder().unwrap());
    for (recorder, (number, level)) in recorders.iter_mut().zip([("16", 0.5), ("\"32\"\n", -0.125)]) {
        recorder.record(|step| {
            step.set_info(config, [number, "['0', 'a\\b']"], 1.0);
            step.set_info(adapters, [number], 1_700_000_000.5);
            step.inc(steps);
            step.set(hidden, level);
        });
    }
    registry.recorder().unwrap().record(|step| {
        step.add(many, 3);
        step.observe(wide, 2);
    });
    let samples = assert_golden("scopes", &registry);
    assert_eq!(sample(&samples, "b_rejections_total", &[("model_name", "m"), ("reason", "requests")]), 3.0);
    assert_eq!(sample(&samples, "f_adapters_info", &[("running", "\"32\"\n")]), 1_700_000_000.5);
    assert_eq!(samples.len(), 2 + 2 + 2 + 4 + 1 + 2 * 6 + 3 + OF_PAGES);
}

#[test]
fn exact_names_states_dynamic_labels_and_several_schemas() {
    let mut schema = Schema::builder(&["engine"]);
    schema.const_label("cluster", "a\"b");
    let exact = schema.counter::<u64>("a_http_requests", "Keeps its name.").exact_name().declare().unwrap();
    let mode = schema.state_set("b_mode", "One is 1.", "mode", &["on", "off"]).declare().unwrap();
    let tenants =
        schema.counter::<u64>("c_tenant_tokens", "By tenant.").dynamic_labels(["tenant"], 4).declare().unwrap();
    let waits = schema.histogram::<f64>("d_wait_seconds", "By tenant.", &[0.5]).unit("seconds");
    let waits = waits.dynamic_labels(["tenant"], 4).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = ["0", "1"].map(|engine| registry.attach(&[engine]).unwrap());
    engines[0].recorder().unwrap().record(|step| {
        step.inc(exact);
        step.select_state(mode, Some(1));
    });
    let shared = engines[1].shared_recorder();
    shared.with_label_values(tenants, ["\"x\\\n"]).add(7);
    shared.with_label_values(waits, ["y"]).observe(0.25);
    let mut schema = Schema::builder(&["worker"]);
    let loads = schema.counter::<f64>("e_loads", "Of another schema.").declare().unwrap();
    let joined = registry.join(schema.build().unwrap()).unwrap();
    let worker = joined.attach(&["w"]).unwrap();
    worker.shared_recorder().add(loads, 0.5);
    let mut schema = Schema::builder(&[]);
    let ready = schema.gauge::<i64>("f_ready", "Of a collector.").settable().declare().unwrap();
    let _collector = registry.collector(schema.build().unwrap(), move |recorder| {
        recorder.set_gauge(ready, 1);
        Ok(())
    });
    let samples = assert_golden("others", &registry);
    assert_eq!(sample(&samples, "a_http_requests", &[("cluster", "a\"b"), ("engine", "0")]), 1.0);
    assert_eq!(sample(&samples, "f_ready", &[("cluster", "a\"b")]), 1.0);
}

#[test]
fn names_and_values_that_parsers_could_stumble_over() {
    let mut schema = Schema::builder(&["engine"]);
    let level = schema.gauge::<f64>("a:level", "Colons.").label("x", ["nan", "+inf", "-inf"]).declare().unwrap();
    schema.counter::<u64>("a:tokens", "Colons.").declare().unwrap();
    schema.histogram::<u64>(":a::lengths:", "Colons.", &[1.0]).declare().unwrap();
    schema.counter::<u64>("a:read_bytes", "A unit.").exact_name().unit("bytes").declare().unwrap();
    for name in ["b_total", "b_created", "b_bucket", "b_sum", "b_count", "b_info", "_b"] {
        schema.gauge::<i64>(name, "A gauge.").declare().unwrap();
    }
    schema.counter::<u64>("c_sum", "A counter.").declare().unwrap();
    schema.histogram::<f64>("c_total", "A histogram.", &[0.5]).declare().unwrap();
    schema.counter::<u64>("d_never", "No sample.").sparse().declare().unwrap();
    let plain = schema.info("e_plain_info", "No label but the engine's.", []).declare().unwrap();
    let bare = schema.info("f_bare_info", "No label at all.", []).engine_labels(&[]).declare().unwrap();
    let series = schema.gauge::<f64>("g_level", "Any label.").dynamic_labels(["x"], 4).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[""]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    recorder.record(|step| {
        let values = level.into_iter().zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        values.for_each(|(gauge, value)| step.set(gauge, value));
        step.set_info(plain, [], 1.0);
        step.set_info(bare, [], 1.0);
    });
    engine.shared_recorder().with_label_values(series, ["# EOF\n{\\"]).add(0.5);
    let samples = assert_golden("names", &registry);
    assert_eq!(sample(&samples, "a:level", &[("engine", ""), ("x", "+inf")]), f64::INFINITY);
    assert_eq!(sample(&samples, "f_bare_info", &[]), 1.0);
}

#[test]
fn what_appears_twice_is_noticed() {
    let page = "# TYPE a gauge\na{x=\"y\"} 1\na{x=\"z\"} 1\n# TYPE b gauge\nb 2\n";
    assert_no_sample_twice(page);
    for twice in ["a{x=\"y\"} 3\n", "b 2\n", "# TYPE a gauge\n"] {
        let page = format!("{page}{twice}");
        assert!(std::panic::catch_unwind(|| assert_no_sample_twice(&page)).is_err(), "{twice}");
    }
}

#[test]
fn without_engines() {
    let mut schema = Schema::builder(&["engine"]);
    schema.counter::<u64>("x", "Nobody counts.").declare().unwrap();
    schema.histogram::<f64>("y", "Nobody observes.", &[1.0]).declare().unwrap();
    assert_eq!(assert_golden("no_engines", &Registry::new(schema.build().unwrap())).len(), OF_PAGES);
}

fn finished(prompt_tokens: PromptTokens) -> FinishedRequest {
    FinishedRequest {
        reason: FinishReason::Length,
        prompt_tokens: prompt_tokens.total(),
        cached_tokens: Some(prompt_tokens.cached() as i64),
        generation_tokens: 1,
        max_tokens: Some(1),
        preemptions: 0,
        e2e_latency: 0.375,
        queue_time: Some(0.125),
        prefill_time: Some(0.25),
        inference_time: Some(0.25),
        decode_time: Some(0.0),
        time_per_output_token: Some(0.0),
        ..Default::default()
    }
}

#[test]
fn the_vllm_set_of_a_prefill_and_a_decode_engine() {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = vllm::Families::declare(&mut schema, &vllm::Config::new().max_model_len(8192)).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engines = ["0", "1"].map(|engine| registry.attach(&[engine, "llama"]).unwrap());
    let [prefill, decode] = [
        PromptTokens { computed: 512, local_cache_hit: 1_536, ..Default::default() },
        PromptTokens { external_kv_transfer: 2_048, ..Default::default() },
    ];
    let mut recorders = engines.each_ref().map(|engine| engine.recorder().unwrap());
    for (recorder, prompt_tokens) in recorders.iter_mut().zip([prefill, decode]) {
        let finished = [finished(prompt_tokens)];
        let iteration = IterationStats {
            prompt_tokens,
            generation_tokens: 1,
            time_to_first_token: &[0.375],
            finished: &finished,
            max_generation_tokens: &[1],
            n: &[1],
            ..Default::default()
        };
        let scheduler =
            SchedulerStats { running: 1, waiting: 2, deferred: 3, kv_cache_usage: 0.25, ..Default::default() };
        let stats = StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() };
        let mut metrics = families.engine_metrics(recorder);
        recorder.record(|step| metrics.record(step, &stats));
    }
    let samples = assert_golden("vllm_base", &registry);
    let decode = [("engine", "1"), ("model_name", "llama")];
    assert_eq!(sample(&samples, "vllm:iteration_tokens_total_sum", &decode), 1.0);
    assert_eq!(sample(&samples, "vllm:prompt_tokens_total", &decode), 2_048.0);
}

#[test]
fn a_renderer_of_ones_own_prints_the_same_page() {
    let mut schema = Schema::builder(&["engine"]);
    let x = schema.counter::<u64>("x", "X.").declare().unwrap();
    let schema = schema.build().unwrap();
    let (renderer, registry) = (Renderer::new(&schema), Registry::new(schema));
    let engine = registry.attach(&["0"]).unwrap();
    engine.recorder().unwrap().inc(x);
    let (mut snapshot, mut own, mut easy) = (Snapshot::new(), Vec::new(), Vec::new());
    registry.snapshot(&mut snapshot);
    renderer.render(&snapshot, Format::Text, &PageOptions::new(), &mut own);
    registry.render(&mut easy);
    assert_eq!(String::from_utf8(own), String::from_utf8(easy));
}

#[test]
fn floats_are_printed_as_prometheus_python_client_prints_them() {
    let mut schema = Schema::builder(&[]);
    let gauge = schema.gauge::<f64>("x", "").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[""; 0]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let list = golden::read("floats.tsv");
    for line in list.lines() {
        let [bits, _, printed] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("not three columns: {line}") };
        recorder.set(gauge, f64::from_bits(u64::from_str_radix(bits, 16).unwrap()));
        let page = registry.page();
        assert_eq!(page.lines().find_map(|line| line.strip_prefix("x ")), Some(printed), "{line}");
    }
    assert_eq!(list.lines().count(), 2_000);
}
