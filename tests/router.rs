//! The example `router`, run as a user runs it.

mod common;
#[path = "common/example.rs"]
mod example;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
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

/// How much a page has grown, in what a request adds at its end and before.
#[derive(Debug, PartialEq)]
struct Grown {
    aborted: f64,
    ended: f64,
    latencies: f64,
    prompts: [f64; 2],
    outputs: [f64; 2],
    first_tokens: f64,
}

impl Held {
    /// Sends a request on a connection of its own, and returns it without reading.
    fn send(&self, prompt_tokens: u64, tokens: u64) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(
            connection,
            "POST /generate/leaver/{prompt_tokens}/{tokens} HTTP/1.1\r\nHost: router\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        connection
    }

    /// The first page of which this holds.
    fn page_once(&self, holds: impl Fn(&common::Samples) -> bool) -> common::Samples {
        let patience = Instant::now() + Duration::from_secs(300);
        loop {
            let page = self.page();
            if holds(&page) {
                return page;
            }
            assert!(Instant::now() < patience, "{page:?}");
        }
    }

    /// The page when no request is at an engine, and how it has grown.
    fn grown(&self, before: &common::Samples) -> Grown {
        let after = self.page_once(|page| sum(page, "router:requests_in_flight") == 0.0);
        let grew = |name: &str| sum(&after, name) - sum(before, name);
        let aborted = |page: &common::Samples| -> f64 {
            let aborted = page.iter().filter(|((name, labels), _)| {
                name == "vllm:request_success_total" && labels.iter().any(|(_, value)| value == "abort")
            });
            aborted.map(|(_, value)| value).sum()
        };
        // What the engines count of all requests, and what each has at its end.
        assert_eq!(grew("vllm:generation_tokens_total"), grew("vllm:request_generation_tokens_sum"));
        assert_eq!(grew("vllm:generation_tokens_total"), grew("router:tenant_tokens_total"));
        assert_eq!(sum(&after, "tachometer_rejected_observations_total"), 0.0);
        Grown {
            aborted: aborted(&after) - aborted(before),
            ended: grew("vllm:request_success_total"),
            latencies: grew("vllm:e2e_request_latency_seconds_count"),
            prompts: [grew("vllm:prompt_tokens_total"), grew("vllm:request_prompt_tokens_sum")],
            outputs: [grew("vllm:generation_tokens_total"), grew("vllm:request_generation_tokens_count")],
            first_tokens: grew("vllm:time_to_first_token_seconds_count"),
        }
    }
}

#[test]
fn a_request_whose_client_leaves_while_tokens_stream_ends_once() {
    let router = Held::start();
    let before = router.page();
    let connection = router.send(100, 4096);
    let tokens = sum(&before, "vllm:inter_token_latency_seconds_count");
    router.page_once(|page| sum(page, "vllm:inter_token_latency_seconds_count") > tokens + 3.0);
    drop(connection);
    let grown = router.grown(&before);
    let [generated, _] = grown.outputs;
    assert!((5.0..4096.0).contains(&generated), "{grown:?}");
    let expected = Grown {
        aborted: 1.0,
        ended: 1.0,
        latencies: 1.0,
        prompts: [100.0; 2],
        outputs: [generated, 1.0],
        first_tokens: 1.0,
    };
    assert_eq!(grown, expected);
}

#[test]
fn a_request_whose_client_leaves_while_it_is_queued_ends_once() {
    const SLOTS: usize = 24;
    let router = Held::start();
    let before = router.page();
    let running: Vec<_> = (0..SLOTS).map(|_| router.send(100, 4096)).collect();
    router.page_once(|page| sum(page, "vllm:num_requests_running") == SLOTS as f64);
    let queued: Vec<_> = (0..3).map(|_| router.send(7, 5)).collect();
    router.page_once(|page| sum(page, "vllm:num_requests_waiting") == 3.0);
    drop(queued);
    let while_others_run = router.page_once(|page| sum(page, "router:requests_in_flight") == SLOTS as f64);
    let ended = |page| sum(page, "vllm:e2e_request_latency_seconds_count");
    assert_eq!(ended(&while_others_run) - ended(&before), 3.0);
    drop(running);
    let grown = router.grown(&before);
    let (all, [generated, _]) = (SLOTS as f64 + 3.0, grown.outputs);
    let expected = Grown {
        aborted: all,
        ended: all,
        latencies: all,
        // An engine that never began a prompt doesn't count it.
        prompts: [2_400.0, 2_421.0],
        outputs: [generated, all],
        first_tokens: SLOTS as f64,
    };
    assert_eq!(grown, expected);
}

#[test]
fn requests_whose_clients_leave_at_once_end_at_most_once() {
    const REQUESTS: usize = 200;
    let router = Held::start();
    let before = router.page();
    (0..REQUESTS).for_each(|_| drop(router.send(100, 4096)));
    // A connection may be gone before its request is looked at. A request that comes last and stays
    // shows that all others were seen.
    ureq::post(router.url("/generate/somebody/100/3")).send_empty().unwrap();
    let Grown { aborted, ended, latencies, prompts, outputs: [_, outputs], .. } = router.grown(&before);
    assert_eq!([ended, latencies, outputs], [aborted + 1.0; 3]);
    assert!(aborted <= REQUESTS as f64 && prompts[0] <= prompts[1], "{aborted} aborted, {prompts:?}");
    assert_eq!(prompts[1], 100.0 * ended);
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(router().get_program()).args(["--listen", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with(&format!("error: can't listen on 127.0.0.1:{port}: ")), "{stderr}");
}

#[test]
fn an_address_that_cannot_be_had_is_told() {
    let output = Command::new(router().get_program()).args(["--listen", "256.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: can't listen on 256.0.0.1:1: "));
}
