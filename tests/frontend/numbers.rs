//! Every number on the page is what clients sent and got.

use std::{collections::BTreeMap, thread};

use crate::{
    page::Page,
    server::{Asked, COMPLETIONS, Server},
};

/// Tenants with a series each.
const MAX_TENANTS: usize = 8;

/// What clients sent and got.
#[derive(Default)]
struct Totals {
    requests: u64,
    prompt_tokens: u64,
    max_tokens: u64,
    tokens: u64,
    /// Answers that end with the prompt, and of more than one token.
    stopped: u64,
    long: u64,
    by_tenant: BTreeMap<String, u64>,
}

impl Totals {
    /// Sends some requests of all kinds, in order.
    fn of_client(server: &Server, client: usize) -> Self {
        let mut totals = Self::default();
        for number in client * 12..client * 12 + 12 {
            let user = format!("tenant {}", number % 12);
            let (words, max_tokens) = (1 + number % 7, 1 + number % 5);
            let asked = Asked { words, max_tokens, stream: number % 2 == 0, user: &user, ..Asked::default() };
            let got = asked.send(server);
            assert_eq!(got, (0..words.min(max_tokens)).map(|word| format!("w{word}")).collect::<Vec<_>>());
            totals.requests += 1;
            totals.prompt_tokens += words as u64;
            totals.max_tokens += max_tokens as u64;
            totals.tokens += got.len() as u64;
            totals.stopped += u64::from(words <= max_tokens);
            totals.long += u64::from(got.len() > 1);
            *totals.by_tenant.entry(user).or_default() += 1;
        }
        totals
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.prompt_tokens += other.prompt_tokens;
        self.max_tokens += other.max_tokens;
        self.tokens += other.tokens;
        self.stopped += other.stopped;
        self.long += other.long;
        other
            .by_tenant
            .into_iter()
            .for_each(|(tenant, requests)| *self.by_tenant.entry(tenant).or_default() += requests);
    }

    fn compare(&self, page: &Page) {
        let sum = |name: &str| page.sum(&format!("vllm:{name}"), &[]);
        let requests = self.requests as f64;
        assert_eq!(page.phases(), [requests; 8]);
        assert_eq!(
            ["stop", "length"].map(|reason| page.ended(reason)),
            [self.stopped, self.requests - self.stopped].map(|n| n as f64)
        );
        assert_eq!(sum("request_success_total"), requests, "nothing else");
        assert_eq!([sum("prompt_tokens_total"), sum("request_prompt_tokens_sum")], [self.prompt_tokens as f64; 2]);
        assert_eq!([sum("generation_tokens_total"), sum("request_generation_tokens_sum")], [self.tokens as f64; 2]);
        assert_eq!(sum("request_params_max_tokens_sum"), self.max_tokens as f64);
        assert_eq!(sum("inter_token_latency_seconds_count"), (self.tokens - self.requests) as f64);
        assert_eq!(sum("request_time_per_output_token_seconds_count"), self.long as f64);
        assert_eq!(page.sum("tachometer_rejected_observations_total", &[]), 0.0);
    }
}

#[test]
fn every_number_is_what_clients_sent_and_got() {
    let server = Server::start();
    assert_eq!(server.call("PUT", "/engine/1", "").0, 201);
    let mut totals = Totals::default();
    thread::scope(|scope| {
        let clients = [0, 1, 2, 3].map(|client| {
            scope.spawn({
                let server = &server;
                move || Totals::of_client(server, client)
            })
        });
        clients.into_iter().for_each(|client| totals.add(client.join().unwrap()));
    });
    let page = server.idle();
    totals.compare(&page);

    // Tenants in excess share a series.
    let name = "frontend:tenant_ttft_seconds_count";
    let mut tenants: BTreeMap<String, u64> =
        page.samples(name, &[]).map(|(labels, count)| (labels[0].1.clone(), count as u64)).collect();
    let others = tenants.remove("other").unwrap();
    assert_eq!(tenants.len(), MAX_TENANTS);
    assert!(tenants.iter().all(|(tenant, count)| totals.by_tenant[tenant] == *count), "{tenants:?}");
    assert_eq!(tenants.values().sum::<u64>() + others, totals.requests);
    if cfg!(target_os = "linux") {
        assert!(page.sum("process_resident_memory_bytes", &[]) > 0.0);
    }
}

/// By method, handler and status class.
const RESPONSES: [(&str, &str, &str, f64); 10] = [
    ("POST", COMPLETIONS, "2xx", 1.0),
    ("POST", COMPLETIONS, "4xx", 3.0),
    ("POST", COMPLETIONS, "5xx", 1.0),
    ("GET", COMPLETIONS, "4xx", 1.0),
    ("GET", "other", "4xx", 1.0),
    ("other", "/metrics", "4xx", 1.0),
    ("PUT", "/engine/{name}", "4xx", 1.0),
    ("DELETE", "/engine/{name}", "4xx", 1.0),
    ("DELETE", "/engine/{name}", "2xx", 1.0),
    ("DELETE", "/connector/{name}", "4xx", 1.0),
];

#[test]
fn responses_are_counted_by_method_handler_and_status_class() {
    let server = Server::start();
    let asked = Asked { words: 1, max_tokens: 1, ..Asked::default() };
    asked.send(&server);
    let calls = [
        ("POST", COMPLETIONS, "{", 400),
        ("POST", COMPLETIONS, "{\"prompt\": \"a\", \"stream\": true}", 422),
        ("POST", COMPLETIONS, "{\"prompt\": \"a\", \"max_tokens\": 0, \"stream\": true}", 422),
        ("GET", COMPLETIONS, "", 405),
        ("GET", "/nowhere", "", 404),
        ("PATCH", "/metrics", "", 405),
        ("PUT", "/engine/0", "", 409),
        ("DELETE", "/engine/none", "", 404),
        ("DELETE", "/engine/0", "", 202),
        ("POST", COMPLETIONS, &asked.body(), 503),
        ("DELETE", "/connector/none", "", 404),
    ];
    for (method, path, body, status) in calls {
        assert_eq!(server.call(method, path, body).0, status, "{method} {path} {body}");
    }
    let page = server.page_once(|page| count(page, "http_request_duration_seconds_count") == 12.0);
    for (method, handler, status, responses) in RESPONSES {
        let labels = [("method", method), ("handler", handler), ("status", status)];
        assert_eq!(page.sum("http_requests_total", &labels), responses, "{labels:?}");
        let times = page.sum("http_request_duration_seconds_count", &labels[..2]);
        assert_eq!(times, page.sum("http_requests_total", &labels[..2]));
    }
    assert_eq!(count(&page, "http_requests_total"), 12.0, "nothing else");
    assert_eq!(pages(&server.page(), "http_requests_total"), pages(&page, "http_requests_total") + 1.0);
    assert_eq!(page.sum("vllm:admission_rejections_total", &[]), 1.0);
}

/// How many pages there were.
fn pages(page: &Page, name: &str) -> f64 {
    page.sum(name, &[("method", "GET"), ("handler", "/metrics")])
}

/// How many responses there were besides pages.
fn count(page: &Page, name: &str) -> f64 {
    page.sum(name, &[]) - pages(page, name)
}
