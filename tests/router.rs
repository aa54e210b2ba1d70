//! The example `router`, run as a user runs it.

mod common;
#[path = "common/example.rs"]
mod example;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

fn router() -> Command {
    static ROUTER: example::Example = example::Example::new("router");
    let mut command = ROUTER.command();
    // However slow this machine is, no engine is taken for stopped.
    command.args(["--listen", "127.0.0.1:0", "--stale", "1e9"]);
    command
}

/// What the example's clients ask for, in all.
fn asked(requests: u64) -> [u64; 3] {
    [requests, (0..requests).map(|number| 100 + number % 400).sum(), (0..requests).map(|number| 1 + number % 16).sum()]
}

/// Engine, requests, prompt tokens and tokens of each row of the table.
fn rows(stdout: &str) -> Vec<(String, [u64; 3])> {
    let lines = stdout.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), [2, 3, 4].map(|column| cells[column].parse().unwrap()))
        })
        .collect()
}

#[test]
fn it_ends_by_itself_and_every_request_is_counted_once() {
    const REQUESTS: u64 = 600;
    let output = router().args(["--requests", "600"]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let rows = rows(&stdout);
    assert_eq!(rows.iter().map(|(engine, _)| engine.as_str()).collect::<Vec<_>>(), ["small", "large", "late"]);
    assert_eq!([0, 1, 2].map(|column| rows.iter().map(|(_, row)| row[column]).sum::<u64>()), asked(REQUESTS));
    assert!(rows.iter().all(|(_, [requests, ..])| *requests > 0), "{stdout}");
    let tenants = stdout.lines().last().unwrap().strip_prefix("tokens by tenant: ").unwrap();
    let tokens = tenants.split(", ").map(|tenant| tenant.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!((tenants.split(", ").count(), tokens.sum::<u64>()), (9, asked(REQUESTS)[2]), "eight, and the others");
}

/// Stopped when it is dropped.
struct Held {
    child: Child,
    address: String,
}

impl Held {
    fn start() -> Self {
        let mut router = router();
        let router = router.args(["--requests", "30", "--hold"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = router.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.strip_prefix("serving ")?.split('/').nth(2)?.to_owned()));
        Self { child, address: address.expect("it serves") }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn page(&self) -> common::Samples {
        common::parse(&ureq::get(self.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it is there");
    }
}

fn sum(page: &common::Samples, name: &str) -> f64 {
    page.iter().filter(|((other, _), _)| other == name).map(|(_, value)| value).sum()
}

#[test]
fn it_serves_requests_and_a_page_over_http() {
    let router = Held::start();
    let before = router.page();
    let mut reply = ureq::post(router.url("/generate/somebody/100/3")).send_empty().unwrap();
    let reply = reply.body_mut().read_to_string().unwrap();
    assert!(reply.starts_with("engine la") && reply.ends_with(": 3 tokens\n"), "{reply}");
    let refused = ureq::post(router.url("/generate/somebody/100/0")).send_empty().unwrap_err();
    assert!(matches!(refused, ureq::Error::StatusCode(400)), "{refused}");

    let after = router.page();
    let grew = |name: &str| sum(&after, name) - sum(&before, name);
    assert_eq!(grew("vllm:request_success_total"), 1.0);
    assert_eq!(grew("vllm:generation_tokens_total"), 3.0);
    assert_eq!(grew("vllm:prompt_tokens_total"), 100.0);
    assert_eq!(grew("vllm:time_to_first_token_seconds_count"), 1.0);
    assert_eq!(grew("vllm:inter_token_latency_seconds_count"), 2.0);
    assert_eq!(grew("router:tenant_tokens_total"), 3.0);
    assert_eq!(
        (
            after.keys().filter(|(name, _)| name == "router:requests_in_flight").count(),
            sum(&after, "router:requests_in_flight")
        ),
        (2, 0.0)
    );
}

#[test]
fn an_address_that_cannot_be_had_is_told() {
    let output = Command::new(router().get_program()).args(["--listen", "256.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: can't listen on 256.0.0.1:1: "));
}
