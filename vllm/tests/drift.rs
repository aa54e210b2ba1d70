//! The script `vllm-drift`: vLLM's own pages don't drift. A page or a dashboard that was changed
//! does.

#[path = "../../tests/common/example.rs"]
mod example;
#[path = "../../tests/common/golden.rs"]
mod golden;
#[path = "../../tests/common/temp_file.rs"]
mod temp_file;

use example::Example;
use serde_json::json;
use tachometer_vllm::VLLM_VERSION;
use temp_file::TempFile;

static DRIFT: Example = Example::new("vllm_drift");

/// The exit code and what was printed.
fn run(name: &str, content: &str) -> (Option<i32>, String) {
    let file = TempFile::new(name, content.as_bytes());
    let output = DRIFT.command().arg(&*file).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code() == Some(2), !error.is_empty(), "{error}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &error)
}

fn full() -> String {
    golden::read("a/full.prom")
}

/// The findings about a page.
fn findings(name: &str, page: &str) -> Vec<String> {
    let (code, output) = run(name, page);
    let findings: Vec<_> = output.lines().filter(|line| !line.starts_with("note: ")).map(str::to_owned).collect();
    assert_eq!(code, Some(i32::from(findings.len() > 1)), "{output}");
    assert!(findings.last().is_some_and(|last| last.ends_with(&format!("vLLM {VLLM_VERSION}"))), "{output}");
    findings[..findings.len() - 1].to_vec()
}

#[test]
fn vllms_own_pages_do_not_drift() {
    for page in ["a/base.prom", "a/full.prom", "a/diffusion.prom", "b/full.prom", "c/base.zeros.prom"] {
        assert_eq!(findings("own-page", &golden::read(page)), [""; 0], "{page}");
    }
    let windows = format!("\u{feff}{}", full().replace('\n', "\r\n"));
    assert_eq!(findings("own-page-of-windows", &windows), [""; 0]);
    let (_, output) = run("own-page-with-others", &(full() + "# TYPE process_open_fds gauge\nprocess_open_fds 9\n"));
    assert!(output.contains("48 families compared, 1 left out, since they aren't vLLM's"), "{output}");
    assert!(output.contains("the page shows nothing of watermark"), "{output}");
}

#[test]
fn bounds_that_a_deployment_chose_are_listed() {
    let changed = findings("own-bounds", &golden::read("a/extra.prom"));
    assert_eq!(changed.len(), 19, "{changed:#?}");
    let params_n = "changed vllm:request_params_n: bounds: [1.0], were [1.0, 2.0, 5.0, 10.0, 20.0]";
    assert!(changed.iter().any(|line| line == params_n), "{changed:#?}");
}

/// The page without some lines.
fn without(page: &str, of: &[&str]) -> String {
    page.lines().filter(|line| !of.iter().any(|part| line.contains(part))).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_new_gone_or_changed_on_a_page_is_listed() {
    let full = full();
    let check = |name: &str, page: &str, expected: &[&str]| {
        assert_ne!(page, full, "{name}: nothing was changed");
        assert_eq!(findings(name, page), expected, "{name}");
    };
    let gone = ["gone vllm:num_preemptions: the page lacks it"];
    check("gone", &without(&full, &["vllm:num_preemptions_total"]), &gone);
    let new = format!("{full}# TYPE vllm:new_total counter\nvllm:new_total{{engine=\"0\",why=\"a \\\"}}\"}} 1.0\n");
    check("new", &new, &["new vllm:new: counter, engine why"]);
    let kind = full.replace("num_requests_running gauge", "num_requests_running counter");
    check("kind", &kind, &["changed vllm:num_requests_running: a counter, was a gauge"]);
    let label = full.replace("finished_reason=", "reason=");
    check("label", &label, &["changed vllm:request_success: labels: new reason, gone finished_reason"]);
    let value = full.replace("finished_reason=\"abort\"", "finished_reason=\"stopped\"");
    check("value", &value, &["changed vllm:request_success: finished_reason: new stopped, gone abort"]);
    let bound = without(
        &full,
        &[
            "vllm:request_params_n_bucket{engine=\"0\",le=\"2.0\"",
            "vllm:request_params_n_bucket{engine=\"1\",le=\"2.0\"",
        ],
    );
    let bounds = "changed vllm:request_params_n: bounds: [1.0, 5.0, 10.0, 20.0], were [1.0, 2.0, 5.0, 10.0, 20.0]";
    check("bounds", &bound, &[bounds]);
    let option = without(&full, &["vllm:kv_block_lifetime_seconds"]);
    check("option", &option, &["gone vllm:kv_block_lifetime_seconds: the page has others of kv_cache_metrics"]);
    let renamed = full.replace("mamba_cache_mode=", "mamba_mode=");
    check("info", &renamed, &["changed vllm:cache_config_info: labels: new mamba_mode, gone mamba_cache_mode"]);
}

/// A dashboard of one row, with a panel per query.
fn dashboard(queries: &[(&str, &str)]) -> String {
    let panel = |(title, query): &(&str, &str)| json!({ "title": title, "targets": [{ "expr": query }] });
    // Some panels have no queries, or have them in a library.
    let others = [json!({ "title": "text" }), json!({ "title": "library", "libraryPanel": { "uid": "a" } })];
    let panels: Vec<_> = queries.iter().map(panel).chain(others).collect();
    let variables = [
        json!({ "name": "model", "query": { "query": "label_values(vllm:request_success_total, model_name)" } }),
        json!({ "name": "busy", "query": "query_result(vllm:num_requests_running)" }),
    ];
    json!({ "title": "vLLM", "templating": { "list": variables }, "panels": [{ "title": "row", "panels": panels }] })
        .to_string()
}

#[test]
fn panels_that_have_data_are_not_listed() {
    let queries = [
        (
            "latency",
            "histogram_quantile(0.99, sum by(le) (rate(vllm:e2e_request_latency_seconds_bucket{model_name=\"$m\"}[$__rate_interval])))",
        ),
        (
            "mean",
            "rate(vllm:time_to_first_token_seconds_sum[5m]) / on(engine) rate(vllm:time_to_first_token_seconds_count[5m] offset 1h)",
        ),
        (
            "reasons",
            "sum(increase(vllm:request_success_total{finished_reason=~\"stop|done\", namespace=~\"a|b\"}[1h])) by (finished_reason)",
        ),
        ("comment", "# vllm:gone's {\nvllm:num_requests_running # {vllm:gone}"),
        ("pattern", "sum({__name__=~\"vllm:num_requests_.*|vllm:gone\"}) or {__name__=~\"vllm:(gone)\"}"),
        ("subquery", "max_over_time(rate(vllm:num_preemptions_total[$__rate_interval])[1h:5m])"),
        ("made", "sum by (pool) (label_replace(vllm:num_requests_running, \"pool\", \"$1\", \"pod\", \"(.*)-.*\"))"),
        (
            "bound",
            "vllm:time_to_first_token_seconds_bucket{le=\"0.5\"} / vllm:time_to_first_token_seconds_bucket{le=\"+Inf\"}",
        ),
        ("other", "up{job=\"vllm\"} == 1 or vector(0)"),
        ("option", "{__name__=\"vllm:spec_decode_num_drafts_total\"} > 1e3 and -vllm:kv_cache_usage_perc"),
        ("variable", "rate(vllm:${metric}_total[5m])"),
    ];
    let (code, output) = run("full-dashboard.json", &dashboard(&queries));
    assert_eq!(code, Some(0), "{output}");
    let expected = [
        "note: \"library\": its queries are in a library, so they weren't checked",
        "note: \"option\": vllm:spec_decode_num_drafts_total needs the option spec_decode",
        "note: \"other\": up isn't vLLM's, so it wasn't checked",
        "note: \"pattern\": a pattern chooses the metric, so it wasn't checked",
        "note: \"variable\": a variable chooses the metric, so it wasn't checked",
        "note: 13 queries read",
        &format!("no drift from vLLM {VLLM_VERSION}"),
    ];
    assert!(output.lines().eq(expected), "{output}");
}

#[test]
fn panels_that_would_be_empty_are_listed() {
    for (query, expected) in [
        ("vllm:gpu_cache_usage_perc", "empty \"p\": vllm:gpu_cache_usage_perc isn't in the set"),
        (
            "sum(vllm:prompt_tokens)",
            "empty \"p\": vllm:prompt_tokens isn't in the set, which has vllm:prompt_tokens_total",
        ),
        (
            "vllm:request_success_total{finished_reason=\"done\"}",
            "empty \"p\": vllm:request_success_total has no finished_reason=\"done\"",
        ),
        (
            "vllm:request_success_total{finished_reason=~\"done|.*gone.*\"}",
            "empty \"p\": vllm:request_success_total has no finished_reason=~\"done|.*gone.*\"",
        ),
        (
            "rate({__name__=~\"vllm:gpu_.*|vllm:.*_gone\"}[5m])",
            "empty \"p\": no metric of the set is like \"vllm:gpu_.*|vllm:.*_gone\"",
        ),
        (
            "vllm:time_to_first_token_seconds_bucket{le=\"0.3\"}",
            "empty \"p\": vllm:time_to_first_token_seconds_bucket has no le=\"0.3\"",
        ),
        ("rate(vllm:num_preemptions_total{user='x'}[1m])", "label \"p\": vllm:num_preemptions_total has no label user"),
        ("sum by (user) (vllm:num_preemptions_total)", "label \"p\": groups by user, which no family of the query has"),
    ] {
        let (code, output) = run("empty-panel.json", &dashboard(&[("p", query)]));
        assert_eq!(code, Some(1), "{output}");
        let library = "note: \"library\": its queries are in a library, so they weren't checked";
        let end = format!("{library}\nnote: 3 queries read\n1 finding: drift from vLLM {VLLM_VERSION}\n");
        assert_eq!(output, format!("{expected}\n{end}"));
    }
}

#[test]
fn help_says_what_it_takes() {
    let output = DRIFT.command().arg("--help").output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"usage: vllm-drift PAGE|DASHBOARD"), "{output:?}");
    assert_eq!(DRIFT.command().output().unwrap().status.code(), Some(2));
}

#[test]
fn what_is_neither_a_page_nor_a_dashboard_is_refused() {
    for (content, reason) in [
        ("", "no family"),
        ("\r\n\n", "no family"),
        ("# EOF\n", "no family"),
        ("<!doctype html>\n<html></html>\n", "line 1"),
        ("<html>404 page not found</html>", "line 1"),
        ("[]", "no panel"),
        ("# TYPE up gauge\nup 1\n", "no family of the page is vLLM's"),
        ("# TYPE vllm:x gauge\nvllm:x{a=\"b} 1\n", "line 2"),
        ("# TYPE vllm:x gauge\nvllm:x many\n", "many"),
        ("{\"panels\": []}", "no panel"),
        ("{\"panels\": [", "JSON"),
    ] {
        let (code, output) = run("odd-input", content);
        assert!(code == Some(2) && output.starts_with("error: ") && output.contains(reason), "{content}: {output}");
    }
}
