//! Clients that are silent, slow, wrong or many. The fleet may open no more than 256 files.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::page::Serving;

/// The page of this many engines is larger than what the kernel buffers for a client that doesn't
/// read.
const MANY: &[&str] = &["--mixed", "256", "--limit", "256", "--speed", "max", "--hold"];
const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: fleet\r\n\r\n";
/// Not a bound that is tested: a test that fails must end, too.
const PATIENCE: Duration = Duration::from_secs(300);

/// A fleet that has finished its replay.
fn finished(arguments: &[&str]) -> Serving {
    let mut serving = Serving::with_few_files(arguments);
    serving.read_until("until Ctrl-C");
    serving
}

fn connect(serving: &Serving) -> TcpStream {
    let stream = TcpStream::connect(serving.address()).expect("the fleet listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream
}

/// What a page says of the engines. The rest counts the scrapes themselves.
fn of_engines(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with("vllm:")).collect()
}

/// Compares without printing them.
fn assert_same(page: &str, other: &str) {
    assert!(of_engines(page) == of_engines(other), "{} and {} bytes", page.len(), other.len());
}

/// Sends this, and reads until the server closes the connection.
fn exchange(serving: &Serving, request: &[u8]) -> String {
    let mut stream = connect(serving);
    // The server may refuse it before it has come to its end.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8(answer).expect("text")
}

/// Whether the server has closed the connection. Reads what it sent.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = std::iter::repeat_with(|| stream.read(&mut [0; 65536])).find(|read| !matches!(read, Ok(1..)));
    !matches!(read, Some(Err(error)) if error.kind() == ErrorKind::WouldBlock)
}

fn bytes_in_memory(serving: &Serving) -> u64 {
    let process = Process::new(serving.id()).expect("it runs");
    process.statm().expect("its memory").resident * procfs::page_size()
}

fn open_files(serving: &Serving) -> usize {
    Process::new(serving.id()).expect("it runs").fd_count().expect("its files")
}

/// Waits until this holds.
fn eventually(holds: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < patience, "it never holds");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn clients_that_say_nothing_leave_room_for_a_scrape() {
    let serving = finished(&["--limit", "5", "--speed", "max", "--hold"]);
    let before = (serving.scrape(), open_files(&serving));
    let silent: Vec<TcpStream> = (0..300).map(|_| connect(&serving)).collect();
    assert_same(&serving.scrape(), &before.0);
    eventually(|| silent.iter().filter(|stream| is_closed(stream)).count() >= 300 - 200);
    drop(silent);
    eventually(|| open_files(&serving) <= before.1);
}

#[test]
fn clients_that_never_read_leave_room_for_a_scrape_and_their_memory_goes_back() {
    let serving = finished(MANY);
    let page = serving.scrape();
    let before = (bytes_in_memory(&serving), open_files(&serving));
    let mut streams: Vec<TcpStream> = (0..200).map(|_| connect(&serving)).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(GET).expect("it is taken"));
    assert_same(&serving.scrape(), &page);
    // Without having read anything: what the server has given up shows in its files.
    eventually(|| open_files(&serving) <= before.1);
    let grown = bytes_in_memory(&serving).saturating_sub(before.0) / page.len() as u64;
    assert!(grown < 20, "200 clients leave {grown} pages behind");
    assert_same(&serving.scrape(), &page);
}

#[test]
fn a_head_that_comes_byte_by_byte_does_not_keep_its_place() {
    let serving = finished(&["--limit", "5", "--speed", "max", "--hold"]);
    let slow: Vec<TcpStream> = (0..202).map(|_| connect(&serving)).collect();
    let page = thread::scope(|scope| {
        let scrape = scope.spawn(|| serving.scrape());
        for bytes in 0.. {
            if scrape.is_finished() {
                break;
            }
            assert!(bytes < 10_000, "heads keep their places until they are too long");
            for mut stream in &slow {
                // A method without end. The connection may be closed already.
                let _ = stream.write_all(b"G");
            }
            thread::sleep(Duration::from_millis(10));
        }
        scrape.join().expect("it is answered")
    });
    assert!(page.contains("vllm:prompt_tokens_total"));
}

#[test]
fn slow_readers_get_the_whole_page() {
    let serving = finished(MANY);
    let page = serving.scrape();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = connect(&serving);
                stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it is taken");
                let (mut answer, mut piece) = (Vec::new(), vec![0; page.len() / 64]);
                while let read @ 1.. = stream.read(&mut piece).expect("the rest comes") {
                    answer.extend_from_slice(&piece[..read]);
                    thread::sleep(Duration::from_millis(5));
                }
                let answer = String::from_utf8(answer).expect("text");
                assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"));
                assert_same(&answer, &page);
            });
        }
    });
}

/// While others wait, the server closes the connection of a client that does nothing for a while.
/// On a busy machine that may be one whose thread didn't run. As a scraper would, it comes again.
#[test]
fn a_thousand_scrapes_at_once_all_get_the_page() {
    let serving = finished(&["--limit", "5", "--speed", "max", "--hold"]);
    let (page, together) = (serving.scrape(), Barrier::new(1_000));
    thread::scope(|scope| {
        for _ in 0..1_000 {
            let scrape = || {
                together.wait();
                let answer = (0..20).find_map(|_| serving.try_scrape("*/*").ok());
                assert_same(&answer.expect("one of 20 scrapes is answered whole").1, &page);
            };
            thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, scrape).expect("a thread");
        }
    });
}

/// An answer's status line and headers, but for the date.
fn head(answer: &str) -> Vec<&str> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or_default();
    head.lines().filter(|line| !line.starts_with("date: ")).collect()
}

fn request(method: &str, path: &str, header: &[u8]) -> Vec<u8> {
    let line = format!("{method} {path} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n");
    [line.as_bytes(), header, b"\r\n\r\n"].concat()
}

#[test]
fn what_is_wrong_gets_a_clear_status_and_harms_nobody() {
    let serving = finished(&["--limit", "5", "--speed", "max", "--hold"]);
    let (long, none) = ("a".repeat(60_000), b"X: y".as_slice());
    let huge = format!("X: {}", "y".repeat(1_000_000));
    let many: String = (0..200).map(|number| format!("X{number}: y\r\n")).collect();
    for (request, status) in [
        (request("GET", "/metrics", none), "200 OK"),
        (request("GET", "/metrics", b"X: \xff\xfe\x80"), "200 OK"),
        (request("GET", "/metrics", b"Accept: \xff\xfe\x80"), "200 OK"),
        (request("GET", "/metrics", b"Content-Length: 999999999999"), "200 OK"),
        (request("GET", "/metrics?name=%zz%00&&&=&name[]", none), "200 OK"),
        (request("GET", "/metrics", b"X: \0\x01\x02"), "400 Bad Request"),
        (request("GET", "/metrics", b"\xff\xfe\x80: x"), "400 Bad Request"),
        (request("GET", "/metrics", b"Content-Length: x"), "400 Bad Request"),
        (request("GET", "/metrics", huge.as_bytes()), "431 Request Header Fields Too Large"),
        (request("GET", "/metrics", many.as_bytes()), "431 Request Header Fields Too Large"),
        (request("GET", &format!("/metrics?{long}"), none), "431 Request Header Fields Too Large"),
        (request("G\0T", "/metrics", none), "400 Bad Request"),
        (request("GET", "/elsewhere", none), "404 Not Found"),
        (request("GET", "/../../etc/passwd", none), "404 Not Found"),
        (request("POST", "/metrics", none), "405 Method Not Allowed"),
        (request("get", "/metrics", none), "405 Method Not Allowed"),
        (request("BREW", "/metrics", none), "405 Method Not Allowed"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), "400 Bad Request"),
    ] {
        let answer = exchange(&serving, &request);
        let head = head(&answer);
        assert_eq!(head.first(), Some(&&*format!("HTTP/1.1 {status}")));
        assert_eq!(
            head.iter().any(|line| *line == "allow: GET, HEAD" || *line == "allow: GET,HEAD"),
            status.starts_with("405"),
            "{head:?}"
        );
        assert_eq!(answer.contains("vllm:prompt_tokens_total"), status == "200 OK", "{head:?}");
    }
    let answer = exchange(&serving, &request("HEAD", "/metrics", none));
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
    // What isn't a request at all is answered by leaving.
    exchange(&serving, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(serving.scrape().contains("vllm:prompt_tokens_total"));
    let stderr = serving.rest_of_stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_connection_serves_many_requests_at_once() {
    let serving = finished(&["--limit", "5", "--speed", "max", "--hold"]);
    let mut requests = String::new();
    let asked = [("GET", "200 OK"), ("HEAD", "200 OK"), ("BREW", "405 Method Not Allowed"), ("GET", "200 OK")];
    for (method, _) in asked.iter().cycle().take(400) {
        requests += &format!("{method} /metrics?name[]=vllm:kv_cache_usage_perc HTTP/1.1\r\nHost: fleet\r\n\r\n");
    }
    requests += "GET /metrics?name[]=none HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\r\n";
    let answers = exchange(&serving, requests.as_bytes());
    let statuses: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    let expected: Vec<&str> = asked.iter().cycle().take(400).chain([&asked[0]]).map(|(_, status)| *status).collect();
    assert_eq!(statuses, expected);
    assert_eq!(answers.matches("# TYPE vllm:kv_cache_usage_perc gauge\n").count(), 200);
    // That of HEAD is that of the page.
    let lengths: Vec<_> = answers.lines().filter(|line| line.starts_with("content-length: ")).take(4).collect();
    assert!(lengths[0] == lengths[1] && lengths[1] == lengths[3] && lengths[1] != lengths[2], "{lengths:?}");
}

#[test]
fn twenty_routers_poll_two_families_while_engines_run() {
    let mut serving = Serving::with_few_files(&["--speed", "60", "--hold"]);
    let url = format!(
        "http://{}/metrics?name[]=vllm:num_requests_running&name[]=vllm:kv_cache_usage_perc",
        serving.address()
    );
    while serving.scrape().matches("\nvllm:num_requests_running{").count() < 4 {
        thread::sleep(Duration::from_millis(1)); // the engines attach
    }
    let running = AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let router = ureq::Agent::new_with_defaults();
                while running.load(Ordering::Relaxed) {
                    let page = router.get(&url).call().expect("it is answered").body_mut().read_to_string();
                    let page = page.expect("text");
                    assert_eq!(page.lines().filter(|line| line.starts_with("# TYPE ")).count(), 2, "{page}");
                    assert_eq!(of_engines(&page).len(), 2 * 4, "{page}");
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
        serving.read_until("until Ctrl-C");
        running.store(false, Ordering::Relaxed);
    });
}
