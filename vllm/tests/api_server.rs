//! The families of the API server: what shows at the start, what operations leave behind, and what
//! the documentation says about them.

use std::{collections::BTreeSet, future, pin::pin, task};

use tachometer::{Registry, Schema};
use tachometer_vllm::{ApiServerMetrics, Config, Families, SleepOperation, ToolRequest, WeightOperation};

const TABLE: &str = include_str!("../../docs/vllm-families.md");

fn server(config: &Config) -> (Registry, ApiServerMetrics) {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = Families::declare(&mut schema, config).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let server = families.api_server_metrics(&registry.shared_recorder());
    (registry, server)
}

fn everything() -> Config {
    Config::new().model_name("m").sleep_mode(true).weight_updates(true).websockets(true).tool_calls(true).http(true)
}

/// The samples of a registry without engines, and without the crate's own.
fn samples(registry: &Registry) -> Vec<String> {
    let page = registry.page();
    let samples = page.lines().filter(|line| !line.starts_with(['#']) && !line.starts_with("tachometer_"));
    samples.filter(|line| !line.starts_with("vllm:admission")).map(str::to_owned).collect()
}

fn shows(registry: &Registry, expected: &[&str]) {
    let samples = samples(registry);
    for sample in expected {
        assert!(samples.iter().any(|line| line == sample), "{sample}: {samples:#?}");
    }
}

#[test]
fn what_vllm_shows_at_the_start_is_there_and_nothing_else() {
    assert!(samples(&server(&Config::new().model_name("m")).0).is_empty());
    let (registry, _) = server(&everything());
    let samples = samples(&registry);
    let zeros = samples.iter().filter(|line| line.ends_with(" 0") || line.ends_with(" 0.0")).count();
    assert_eq!(zeros, samples.len(), "{samples:#?}");
    let of = |part: &str| samples.iter().filter(|line| line.starts_with(part)).count();
    assert_eq!(of("vllm:sleep_mode_") + of("vllm:rl_weight_update_"), 0);
    assert_eq!(of("vllm:websocket_connections_active") + of("vllm:websocket_connections_total"), 2);
    assert_eq!(of("vllm:websocket_connection_duration_seconds_bucket{"), 12);
    assert_eq!(of("vllm:tool_call_parser_invocations_total{"), 12);
    assert_eq!(of("http_request_duration_highr_seconds_bucket{"), 22);
    assert_eq!(of("http_request_duration_seconds") + of("http_requests_total"), 0);
}

#[test]
fn an_operation_is_in_flight_until_it_is_dropped_and_then_observed() {
    let (registry, server) = server(&everything());
    let wake = server.sleep_mode(SleepOperation::Wake);
    let update = server.weight_update(WeightOperation::Update);
    shows(
        &registry,
        &[
            "vllm:sleep_mode_operations_in_flight{operation=\"wake\"} 1",
            "vllm:rl_weight_update_operations_in_flight{operation=\"update\"} 1",
        ],
    );
    // A future that is cancelled, and a panic.
    let mut cancelled = Box::pin(async {
        let _operation = server.weight_update(WeightOperation::StartDraft);
        future::pending::<()>().await;
    });
    let mut context = task::Context::from_waker(task::Waker::noop());
    assert!(pin!(&mut cancelled).as_mut().poll(&mut context).is_pending());
    shows(&registry, &["vllm:rl_weight_update_operations_in_flight{operation=\"start_draft\"} 1"]);
    drop(cancelled);
    let panicked = std::panic::catch_unwind(|| {
        let _operation = server.weight_update(WeightOperation::Finish);
        panic!("no weights");
    });
    assert!(panicked.is_err());
    drop((wake, update));
    for (name, operation) in [
        ("sleep_mode", "wake"),
        ("rl_weight_update", "update"),
        ("rl_weight_update", "start_draft"),
        ("rl_weight_update", "finish"),
    ] {
        let count = format!("vllm:{name}_operation_duration_seconds_count{{operation=\"{operation}\"}} 1");
        shows(&registry, &[&format!("vllm:{name}_operations_in_flight{{operation=\"{operation}\"}} 0"), &count]);
    }
    let all = samples(&registry);
    assert!(!all.iter().any(|line| line.contains("operation=\"init\"")), "{all:#?}");
}

#[test]
fn each_operation_has_its_label_value() {
    let (registry, server) = server(&everything());
    let sleep = [SleepOperation::Sleep, SleepOperation::ReleaseKvCacheMemory, SleepOperation::Wake];
    for (operation, label) in sleep.into_iter().zip(["sleep", "release_kv_cache_memory", "wake"]) {
        let _ongoing = server.sleep_mode(operation);
        shows(&registry, &[&format!("vllm:sleep_mode_operations_in_flight{{operation=\"{label}\"}} 1")]);
    }
    use WeightOperation::*;
    let weights = [Init, Shutdown, Start, StartDraft, Update, Finish];
    let labels = ["init", "shutdown", "start", "start_draft", "update", "finish"];
    for (operation, label) in weights.into_iter().zip(labels) {
        let _ongoing = server.weight_update(operation);
        shows(&registry, &[&format!("vllm:rl_weight_update_operations_in_flight{{operation=\"{label}\"}} 1")]);
    }
}

#[test]
fn connections_parsed_tool_calls_and_requests_are_counted() {
    let (registry, server) = server(&everything());
    let connection = server.websocket();
    shows(&registry, &["vllm:websocket_connections_active 1", "vllm:websocket_connections_total 1"]);
    drop(connection);
    let connections = ["vllm:websocket_connections_active 0", "vllm:websocket_connection_duration_seconds_count 1"];
    shows(&registry, &connections);
    server.tool_call_parser(ToolRequest::ChatCompletions, true, true);
    server.tool_call_parser(ToolRequest::Responses, false, false);
    server.tool_call_parser(ToolRequest::Other, false, true);
    for labels in [
        "mode=\"streaming\",outcome=\"tool_call\",request_type=\"chat_completions\"",
        "mode=\"non_streaming\",outcome=\"no_tool_call\",request_type=\"responses\"",
        "mode=\"non_streaming\",outcome=\"tool_call\",request_type=\"other\"",
    ] {
        shows(&registry, &[&format!("vllm:tool_call_parser_invocations_total{{model_name=\"m\",{labels}}} 1")]);
    }
    server.http_request("POST", "/v1/completions", 200, 0.25);
    server.http_request("POST", "/v1/completions", 404, 2.0);
    shows(
        &registry,
        &[
            "http_requests_total{method=\"POST\",status=\"2xx\",handler=\"/v1/completions\"} 1",
            "http_requests_total{method=\"POST\",status=\"4xx\",handler=\"/v1/completions\"} 1",
            "http_request_duration_seconds_bucket{method=\"POST\",handler=\"/v1/completions\",le=\"0.5\"} 1",
            "http_request_duration_seconds_count{method=\"POST\",handler=\"/v1/completions\"} 2",
            "http_request_duration_highr_seconds_bucket{le=\"0.25\"} 1",
            "http_request_duration_highr_seconds_sum 2.25",
        ],
    );
    // Clients choose methods: no page grows without bound.
    (0..1_000).for_each(|n| server.http_request(&format!("M{n}"), "none", 405, 0.0));
    let samples = samples(&registry);
    assert_eq!(samples.iter().filter(|line| line.starts_with("http_requests_total{")).count(), 257);
}

#[test]
fn nothing_happens_without_the_options() {
    let (registry, server) = server(&Config::new().tool_calls(true)); // without a model name
    drop((server.sleep_mode(SleepOperation::Sleep), server.weight_update(WeightOperation::Init), server.websocket()));
    server.tool_call_parser(ToolRequest::Other, true, true);
    server.http_request("GET", "/", 200, 1.0);
    assert!(samples(&registry).is_empty());
}

#[test]
fn the_table_has_the_families_of_each_option() {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `Config::"));
    let documented: BTreeSet<_> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [option, name, kind, labels, bounds] = cells[..] else { panic!("not five cells: {row}") };
            assert!(labels == "–" || labels.contains('`'), "{row}");
            let (option, name) = (option["`Config::".len()..].trim_matches('`'), name.trim_matches('`'));
            (option.to_owned(), (name.to_owned(), kind.to_owned(), bounds.to_owned()))
        })
        .collect();
    let base = Config::new().model_name("m");
    let before = types(&base);
    let mut found = BTreeSet::new();
    for (option, config) in [
        ("sleep_mode", base.clone().sleep_mode(true)),
        ("weight_updates", base.clone().weight_updates(true)),
        ("websockets", base.clone().websockets(true)),
        ("tool_calls", base.clone().tool_calls(true)),
        ("http", base.http(true)),
    ] {
        let families = types(&config).difference(&before).cloned().collect::<Vec<_>>();
        found.extend(families.into_iter().map(|family| (option.to_owned(), family)));
    }
    assert_eq!(documented, found);
}

/// The bounds of a histogram's first series, as the table has them.
fn bounds(page: &str, name: &str) -> String {
    let buckets = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("_bucket{"));
    let bounds = buckets.filter_map(|bucket| bucket.split("le=\"").nth(1)?.split('"').next());
    let bounds = bounds.take_while(|bound| *bound != "+Inf").map(|bound| bound.trim_end_matches(".0"));
    Some(bounds.collect::<Vec<_>>().join(", ")).filter(|bounds| !bounds.is_empty()).unwrap_or("–".to_owned())
}

/// Name, type and bounds of each family of a page on which all have samples.
fn types(config: &Config) -> BTreeSet<(String, String, String)> {
    let (registry, server) = server(config);
    drop((server.sleep_mode(SleepOperation::Sleep), server.weight_update(WeightOperation::Init)));
    server.http_request("GET", "/", 200, 1.0);
    let page = registry.page();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types = types.filter(|(name, _)| !name.starts_with("tachometer_"));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned(), bounds(&page, name))).collect()
}
