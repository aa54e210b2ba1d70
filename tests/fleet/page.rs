//! The page while the fleet runs.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use openmetrics_parser::PrometheusValue;
use openmetrics_parser::prometheus::parse_prometheus;

use crate::support::*;

/// A running example, killed when the test is over.
pub(crate) struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    url: String,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(fleet(), Stdio::null(), arguments)
    }

    /// The fleet may open no more than 256 files.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_few_files(arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""]).arg(fleet().get_program());
        Self::start_with(shell, Stdio::null(), arguments)
    }

    fn start_with(mut command: Command, stdout: Stdio, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        let mut serving =
            Self { stderr: BufReader::new(child.stderr.take().expect("stderr is piped")), child, url: String::new() };
        let listening = serving.read_until("listening on ");
        listening.trim().rsplit(' ').next().expect("a word").clone_into(&mut serving.url);
        serving
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn address(&self) -> &str {
        self.url.split('/').nth(2).expect("a host")
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> i32 {
        self.child.id().try_into().expect("Linux numbers processes so")
    }

    /// Ends the fleet. Returns what it has written since the last line that was read.
    #[cfg(target_os = "linux")]
    pub(crate) fn rest_of_stderr(mut self) -> String {
        self.child.kill().expect("it runs");
        io::read_to_string(&mut self.stderr).expect("stderr is text")
    }

    /// The next line of stderr that contains `wanted`.
    pub(crate) fn read_until(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).expect("stderr is text"), 0, "stderr ended without `{wanted}`");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// Sends a signal; returns the exit code.
    #[cfg(unix)]
    fn interrupt(&mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }

    pub(crate) fn scrape(&self) -> String {
        let (content_type, page) = self.scrape_accepting("*/*");
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        page
    }

    /// The content type, and the page.
    fn scrape_accepting(&self, accept: &str) -> (String, String) {
        self.try_scrape(accept).expect("the page is served")
    }

    pub(crate) fn try_scrape(&self, accept: &str) -> Result<(String, String), ureq::Error> {
        let mut response = ureq::get(&self.url).header("accept", accept).call()?;
        let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
        Ok((content_type, response.body_mut().read_to_string()?))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a page says of one engine.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scraped {
    prompt_tokens: f64,
    by_source: f64,
    computed: f64,
    generated: f64,
    iteration_tokens_sum: f64,
    ended: f64,
    e2e_latencies: f64,
}

impl Scraped {
    /// Takes in a counter's sample.
    fn count(&mut self, family: &str, source: Option<&str>, value: f64) {
        match family {
            "vllm:prompt_tokens_total" => self.prompt_tokens = value,
            "vllm:prompt_tokens_by_source_total" => {
                self.by_source += value;
                if source == Some("local_compute") {
                    self.computed = value;
                }
            }
            "vllm:generation_tokens_total" => self.generated = value,
            "vllm:request_success_total" => self.ended += value,
            _ => {}
        }
    }

    fn assert_identities(&self, page: &str) {
        assert_eq!(self.prompt_tokens, self.by_source, "prompt tokens = sum of sources, in\n{page}");
        assert_eq!(self.iteration_tokens_sum, self.computed + self.generated, "iteration tokens, in\n{page}");
        assert_eq!(self.ended, self.e2e_latencies, "ended requests = latencies, in\n{page}");
    }

    fn grown_since(&self, earlier: &Self) -> bool {
        self.prompt_tokens >= earlier.prompt_tokens
            && self.generated >= earlier.generated
            && self.ended >= earlier.ended
    }
}

/// The engines of a page, read by a parser that isn't ours.
fn parse(page: &str, engines: usize) -> Vec<Scraped> {
    let exposition = parse_prometheus(page).unwrap_or_else(|error| panic!("{error}, in\n{page}"));
    let mut scraped = vec![Scraped::default(); engines];
    for (name, family) in &exposition.families {
        for sample in family.iter_samples() {
            let labels = sample.get_labelset().expect("labels");
            let Some(engine) = labels.get_label_value("engine") else { continue };
            let engine = &mut scraped[engine.parse::<usize>().expect("engines are numbered")];
            match &sample.value {
                PrometheusValue::Counter(counter) => {
                    engine.count(name, labels.get_label_value("source"), counter.value.as_f64());
                }
                PrometheusValue::Histogram(histogram) if name == "vllm:iteration_tokens_total" => {
                    engine.iteration_tokens_sum = histogram.sum.as_ref().expect("a sum").as_f64();
                }
                PrometheusValue::Histogram(histogram) if name == "vllm:e2e_request_latency_seconds" => {
                    engine.e2e_latencies = histogram.count.expect("a count") as f64;
                }
                _ => {}
            }
        }
    }
    scraped
}

/// The different pages of a fleet of four engines that runs at this speed, until this many requests
/// have ended.
fn scraped_while_running(speed: &str, layout: &[&str], ended: f64) -> Vec<Vec<Scraped>> {
    let serving = Serving::start(&[&["--speed", speed, "--hold"], layout].concat());
    let patience = Instant::now() + Duration::from_secs(1_000);
    let mut pages: Vec<Vec<Scraped>> = Vec::new();
    while pages.last().is_none_or(|page| page.iter().map(|engine| engine.ended).sum::<f64>() < ended) {
        assert!(Instant::now() < patience, "the replay doesn't end: {:?}", pages.last());
        let page = serving.scrape();
        let engines = parse(&page, 4);
        engines.iter().for_each(|engine| engine.assert_identities(&page));
        if let Some(earlier) = pages.last() {
            assert!(engines.iter().zip(earlier).all(|(now, earlier)| now.grown_since(earlier)), "{earlier:?}\n{page}");
        }
        if pages.last() != Some(&engines) {
            pages.push(engines);
        }
    }
    pages
}

#[test]
fn the_identities_hold_in_every_scrape_of_the_running_fleet() {
    // In P/D each of the built-in workload's requests ends at two engines.
    for (layout, ended) in [(&["--prefill", "2", "--decode", "2"][..], 3_000.0), (&["--mixed", "4"], 1_500.0)] {
        // Slower where the machine is too slow for so many scrapes.
        let mut runs = ["60", "20", "6", "2"].into_iter().map(|speed| scraped_while_running(speed, layout, ended));
        let pages = runs.find(|pages| pages.len() >= 20).expect("20 different pages, at one of these speeds");
        for (first, last) in pages[0].iter().zip(&pages[pages.len() - 1]) {
            assert!(last.prompt_tokens > first.prompt_tokens && last.generated > first.generated);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_held_fleet_serves_until_it_is_interrupted() {
    for (arguments, code) in [(&[][..], 0), (&["--miscount"], 1)] {
        let trace = fixture("mooncake.jsonl");
        let base = ["--trace", &trace, "--mixed", "1", "--speed", "max", "--hold"];
        let mut serving = Serving::start(&[&base, arguments].concat());
        serving.read_until("until Ctrl-C");
        assert_eq!(parse(&serving.scrape(), 1)[0].prompt_tokens, PROMPTS as f64);
        assert_eq!(serving.interrupt("-INT"), Some(code));
    }
}

#[test]
fn a_page_for_browsers_reads_families_that_the_scrape_has() {
    let serving = Serving::start(&["--hold", "--limit", "1", "--speed", "max"]);
    let mut response = ureq::get(serving.url.trim_end_matches("metrics")).call().expect("the page is served");
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let html = response.body_mut().read_to_string().expect("the page is text");
    let scraped = serving.scrape();
    let families: Vec<&str> = html.split('"').filter(|text| text.starts_with("vllm:")).collect();
    assert_eq!(families.len(), 10);
    for family in families {
        assert!(scraped.lines().any(|line| line.starts_with(family)), "no {family}");
    }
}

#[test]
fn kv_transfers_show_in_the_families_of_the_connector() {
    // Of 128 KiB per token and 16 tokens per descriptor: prompts of 1,200, 1,200, 1,024, 700 and
    // 100 tokens.
    let (bytes, descriptors) = (PROMPTS << 17, 75 + 75 + 64 + 44 + 7);
    for (connector, other, engine) in [("nixl", "mooncake", 1), ("mooncake", "nixl", 0)] {
        let trace = fixture("mooncake.jsonl");
        let base = ["--trace", &trace, "--prefill", "1", "--decode", "1", "--speed", "max", "--hold"];
        let mut serving = Serving::start(&[&base[..], &["--connector", connector]].concat());
        serving.read_until("until Ctrl-C");
        let page = serving.scrape();
        for (sample, expected) in [
            ("xfer_time_seconds_count", 5),
            ("bytes_transferred_count", 5),
            ("bytes_transferred_sum", bytes),
            ("num_descriptors_sum", descriptors),
        ] {
            for number in [0, 1] {
                let expected = if number == engine { expected } else { 0 };
                let series = format!("vllm:{connector}_{sample}{{engine=\"{number}\",model_name=\"simulated\"}} ");
                let value = page.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok());
                assert_eq!(value, Some(expected as f64), "{series}in\n{page}");
            }
        }
        assert!(!page.contains(other), "families of {other}");
    }
}

#[test]
fn a_scraper_gets_the_format_that_it_asks_for_unless_the_fleet_has_only_text() {
    const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let base = ["--limit", "5", "--speed", "max", "--hold"];
    for (arguments, expected, end) in [
        (&[][..], "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"),
        (&["--format", "text"], "text/plain; version=0.0.4; charset=utf-8", "\n"),
    ] {
        let mut serving = Serving::start(&[&base, arguments].concat());
        serving.read_until("until Ctrl-C");
        let (content_type, page) = serving.scrape_accepting(ACCEPT);
        assert!(content_type.starts_with(expected), "{content_type}");
        assert!(page.ends_with(end) && page.contains("vllm:prompt_tokens_total"), "{page}");
        assert_eq!(page.contains("# EOF"), arguments.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn a_held_fleet_ends_well_when_it_is_told_to_terminate() {
    let mut serving = Serving::start(&["--limit", "5", "--speed", "max", "--hold"]);
    serving.read_until("until Ctrl-C");
    assert_eq!(serving.interrupt("-TERM"), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_fleet_is_held_though_its_report_cannot_be_written() {
    let full = std::fs::File::create("/dev/full").expect("Linux has it");
    let mut serving = Serving::start_with(fleet(), full.into(), &["--limit", "5", "--speed", "max", "--hold"]);
    serving.read_until("can't write the report");
    serving.read_until("until Ctrl-C");
    assert!(serving.scrape().contains("vllm:prompt_tokens_total"));
    assert_eq!(serving.interrupt("-INT"), Some(2));
}

#[test]
fn a_line_for_each_engine_shows_every_few_seconds() {
    // The replay takes minutes; the lines come after five seconds.
    let mut serving = Serving::start(&["--prefill", "1", "--decode", "1", "--speed", "1"]);
    for engine in ["engine 0 (prefill): ", "engine 1 (decode): "] {
        let line = serving.read_until("running");
        let numbers = line.strip_prefix(engine).unwrap_or_else(|| panic!("{line} is not of {engine}"));
        let form: Vec<&str> = numbers.split_whitespace().map(number_as_n).collect();
        let expected = "N running, N waiting, KV cache N %, N prompt tokens (N computed), N generated";
        assert_eq!(form.join(" "), expected, "{line}");
    }
}

fn number_as_n(word: &str) -> &str {
    match word {
        number if number.starts_with(|char: char| char.is_ascii_digit()) => "N",
        number if number.starts_with('(') => "(N",
        other => other,
    }
}
