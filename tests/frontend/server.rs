//! The example, and the requests that it gets.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use ureq::http::Request;

use crate::{common, frontend, page::Page};

pub(crate) const COMPLETIONS: &str = "/v1/completions";
/// Longer than any test lasts.
pub(crate) const ENDLESS: usize = 100_000;

/// Stopped when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut child = frontend().arg("127.0.0.1:0").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.strip_prefix("serving ")?.split('/').nth(2)?.to_owned()));
        Self { child, address: address.expect("it serves") }
    }

    /// Status and body of a response. Without a body if `body` is empty.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let response = if body.is_empty() {
            agent.run(request.body(()).unwrap())
        } else {
            agent.run(request.header("content-type", "application/json").body(body.to_owned()).unwrap())
        };
        let mut response = response.unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    pub(crate) fn page(&self) -> Page {
        let (status, page) = self.call("GET", "/metrics", "");
        assert_eq!(status, 200);
        Page(common::parse(&page))
    }

    /// The first page of which this holds.
    pub(crate) fn page_once(&self, holds: impl Fn(&Page) -> bool) -> Page {
        let patience = Instant::now() + Duration::from_secs(300);
        loop {
            let page = self.page();
            if holds(&page) {
                return page;
            }
            assert!(Instant::now() < patience, "{page:?}");
        }
    }

    /// The page once no request is in flight.
    pub(crate) fn idle(&self) -> Page {
        self.page_once(|page| page.sum("frontend:requests_in_flight", &[]) == 0.0 && page.busy() == 0.0)
    }

    /// Sends a request on a connection of its own, without reading the response.
    pub(crate) fn send(&self, asked: &Asked) -> BufReader<TcpStream> {
        let (mut connection, body) = (TcpStream::connect(&self.address).unwrap(), asked.body());
        let head = format!("POST {COMPLETIONS} HTTP/1.1\r\nHost: frontend\r\nContent-Type: application/json\r\n");
        write!(connection, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        BufReader::new(connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it is there");
    }
}

/// A request with a prompt of this many words.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) words: usize,
    pub(crate) max_tokens: usize,
    pub(crate) stream: bool,
    pub(crate) model: &'a str,
    pub(crate) user: &'a str,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { words: ENDLESS, max_tokens: ENDLESS, stream: true, model: "simulated", user: "somebody" }
    }
}

impl Asked<'_> {
    pub(crate) fn body(&self) -> String {
        let Self { words, max_tokens, stream, model, user } = self;
        let prompt: Vec<_> = (0..*words).map(|word| format!("w{word}")).collect();
        let prompt = prompt.join(" ");
        json!({"prompt": prompt, "max_tokens": max_tokens, "stream": stream, "model": model, "user": user}).to_string()
    }

    /// Sends it, and returns the tokens of the answer.
    pub(crate) fn send(&self, server: &Server) -> Vec<String> {
        let (status, answer) = server.call("POST", COMPLETIONS, &self.body());
        assert_eq!(status, 200, "{answer}");
        if self.stream {
            answer.lines().filter_map(|line| Some(line.strip_prefix("data: ")?.to_owned())).collect()
        } else {
            answer.split(' ').map(str::to_owned).collect()
        }
    }
}

/// Reads this many tokens of a stream.
pub(crate) fn read(stream: &mut BufReader<TcpStream>, tokens: usize) {
    let lines = stream.lines().map(Result::unwrap);
    assert_eq!(lines.filter(|line| line.starts_with("data: ")).take(tokens).count(), tokens);
}
