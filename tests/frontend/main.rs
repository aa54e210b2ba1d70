//! The example `frontend`, run as a user runs it.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/example.rs"]
mod example;
mod leaving;
mod numbers;
mod page;
mod server;

use std::process::Command;

use serde_json::json;

use crate::{
    page::Page,
    server::{Asked, COMPLETIONS, Server, read},
};

/// Requests that an engine takes.
const MAX_IN_FLIGHT: usize = 32;

fn frontend() -> Command {
    static FRONTEND: example::Example = example::Example::new("frontend");
    FRONTEND.command()
}

#[test]
fn adapters_show_while_requests_use_them() {
    const INFO: &str = "vllm:lora_requests_info";
    let server = Server::start();
    let lora = |model| server.send(&Asked { model, ..Asked::default() });
    assert!(!server.page().has(INFO));
    let (sql, _base) = (lora("sql"), lora("simulated"));
    server.page_once(|page| page.sum(INFO, &[("running_lora_adapters", "sql")]) > 0.0);
    let chat = [lora("chat"), lora("chat")];
    server.page_once(|page| page.sum(INFO, &[("running_lora_adapters", "chat,sql")]) > 0.0);
    server.page_once(|page| page.sum("vllm:num_requests_running", &[]) == 4.0); // no slot is left
    let late = lora("late");
    let page = server.page_once(|page| page.sum(INFO, &[("waiting_lora_adapters", "late")]) > 0.0);
    assert_eq!(page.samples(INFO, &[("max_lora", "2")]).count(), 1, "only the newest");
    drop((sql, late));
    server.page_once(|page| page.sum(INFO, &[("running_lora_adapters", "chat"), ("waiting_lora_adapters", "")]) > 0.0);
    drop(chat);
    let page = server.page_once(|page| !page.has(INFO));
    assert_eq!(page.sum("frontend:requests_in_flight", &[]), 1.0);
}

#[test]
fn a_connector_announces_its_families_and_leaves() {
    let server = Server::start();
    let loads = json!({"name": "disk_kv:loads", "help": "Blocks loaded.", "labels": ["engine", "tier"]});
    let errors = json!({"name": "disk_kv:errors", "help": "Failures.", "labels": ["cause"]});
    let flushes = json!({"name": "disk_kv:flushes", "help": "Flushes.", "labels": []});
    let families = json!([loads, errors, flushes]).to_string();
    assert_eq!(server.call("PUT", "/connector/disk", &families).0, 201);
    let odd = "a \"b\"\n\\c";
    for (name, label_values, add) in [
        ("disk_kv:loads", &["0", "ram"][..], 3),
        ("disk_kv:loads", &["0", "ram"], 4),
        ("disk_kv:errors", &[odd], 1),
        ("disk_kv:flushes", &[], 2),
    ] {
        let counted = json!({"name": name, "label_values": label_values, "add": add}).to_string();
        assert_eq!(server.call("POST", "/connector/disk", &counted).0, 204);
    }
    let page = server.page();
    assert_eq!(page.sum("disk_kv:loads_total", &[("engine", "0"), ("tier", "ram")]), 7.0);
    assert_eq!(page.sum("disk_kv:loads_total", &[]), 7.0);
    assert_eq!(page.sum("disk_kv:errors_total", &[]), 1.0);
    assert_eq!(page.sum("disk_kv:flushes_total", &[]), 2.0);

    let wrong = [("disk_kv:loads", &["0"][..]), ("disk_kv:flushes", &["0"]), ("disk_kv:stores", &["0", "ram"])];
    for (name, label_values) in wrong {
        let counted = json!({"name": name, "label_values": label_values, "add": 1}).to_string();
        assert_eq!(server.call("POST", "/connector/disk", &counted).0, 404);
    }
    for name in ["disk_kv:errors", "vllm:prompt_tokens", "http_requests"] {
        let clash = json!([{"name": name, "help": "", "labels": ["a"]}]).to_string();
        let (status, why) = server.call("PUT", "/connector/other", &clash);
        assert!(status == 409 && why.contains(name), "{status} {why}");
    }
    assert_eq!(server.call("DELETE", "/connector/disk", "").0, 204);
    assert!(!server.page().has("disk_kv:loads_total"));
    assert_eq!(server.call("PUT", "/connector/disk", &families).0, 201);
    assert_eq!(server.page().sum("disk_kv:loads_total", &[]), 0.0, "it begins anew");
}

#[test]
fn requests_go_to_the_shortest_queue_and_an_engine_drains() {
    let server = Server::start();
    let in_flight = |page: &Page| ["0", "1"].map(|name| page.sum("frontend:requests_in_flight", &[("engine", name)]));
    let mut first = server.send(&Asked::default());
    read(&mut first, 1);
    assert_eq!(server.call("PUT", "/engine/1", "").0, 201);
    let mut second = server.send(&Asked::default());
    read(&mut second, 1);
    assert_eq!(in_flight(&server.page()), [1.0; 2]);

    assert_eq!(server.call("DELETE", "/engine/0", "").0, 202);
    let short = Asked { words: 3, ..Asked::default() };
    (0..3).for_each(|_| assert_eq!(short.send(&server).len(), 3));
    read(&mut first, 5); // it still runs
    let page = server.page();
    let ended = ["0", "1"].map(|name| page.sum("vllm:request_success_total", &[("engine", name)]));
    assert_eq!((ended, in_flight(&page)), ([0.0, 3.0], [1.0; 2]));
    assert_eq!(server.call("PUT", "/engine/0", "").0, 409, "it is still there");
    drop(first);
    server.page_once(|page| page.samples("vllm:request_success_total", &[("engine", "0")]).count() == 0);
    assert_eq!(server.call("PUT", "/engine/0", "").0, 201);
    assert_eq!(short.send(&server).len(), 3);
    let page = server.page();
    assert_eq!(page.sum("vllm:request_success_total", &[("engine", "0")]), 1.0, "it begins anew");
}

#[test]
fn a_full_engine_gets_no_more() {
    let server = Server::start();
    let _held: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| server.send(&Asked { words: 10_000, ..Asked::default() })).collect();
    server.page_once(|page| page.sum("frontend:requests_in_flight", &[]) == MAX_IN_FLIGHT as f64);
    assert_eq!(server.call("POST", COMPLETIONS, &Asked { words: 1, ..Asked::default() }.body()).0, 503);
    let page = server.page();
    assert_eq!(page.sum("vllm:admission_rejections_total", &[]), 1.0);
    assert_eq!(page.sum("frontend:requests_in_flight", &[]), MAX_IN_FLIGHT as f64);
}

#[test]
fn a_page_may_be_openmetrics_and_of_chosen_families() {
    let server = Server::start();
    let url = |query| format!("http://{}/metrics{query}", server.address);
    // In two lines of the header.
    let request = ureq::get(url("")).header("accept", "application/json");
    let mut page = request.header("accept", "application/openmetrics-text; version=1.0.0").call().unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(page.body_mut().read_to_string().unwrap().ends_with("# EOF\n"));
    let mut page = ureq::get(url("?name[]=frontend:requests_in_flight")).call().unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let page = page.body_mut().read_to_string().unwrap();
    let samples: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples, ["frontend:requests_in_flight{engine=\"0\",model_name=\"simulated\"} 0"]);
}

#[test]
fn an_address_that_is_taken_or_is_none_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [&taken.local_addr().unwrap().to_string(), "--help"] {
        let output = frontend().arg(address).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&format!("can't listen on {address}")), "{error}");
    }
}
