//! Each server, asked by a real client over loopback.

use std::{
    io::{self, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use flate2::read::GzDecoder;
use openmetrics_parser::{openmetrics::parse_openmetrics, prometheus::parse_prometheus};
use tachometer::{Format, Registry, Schema};
use tachometer_servers::{actix, axum, hyper, tiny_http};
use ureq::{Agent, Body, http::Response};

/// What newer Prometheus servers send.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Two families and an engine.
fn registry() -> Registry {
    let mut schema = Schema::builder(&["engine"]);
    let tokens = schema.counter::<u64>("generation_tokens", "Tokens.").declare().unwrap();
    schema.gauge::<i64>("requests_running", "Requests.").declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut step = recorder.step();
    step.add(tokens, 5);
    step.commit();
    // It is attached as long as the process.
    Box::leak(Box::new((engine, recorder)));
    registry
}

/// A server, and a client of it.
struct Served {
    url: String,
    client: Agent,
    compresses: bool,
}

fn each(check: impl Fn(&Served)) {
    type Serve = fn(TcpListener, Registry) -> io::Result<()>;
    let servers: [(&str, Serve, bool); 4] = [
        ("actix-web", actix::serve, true),
        ("axum", axum::serve, true),
        ("hyper", hyper::serve, false),
        ("tiny_http", tiny_http::serve, false),
    ];
    for (name, serve, compresses) in servers {
        println!("{name}"); // shown if it fails
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || serve(listener, registry()).unwrap());
        let config = Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
        check(&Served { url, client: config.build().into(), compresses });
    }
}

impl Served {
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(self.client.run(request.body(()).unwrap()).unwrap())
    }

    fn get(&self, path: &str, accept: &str) -> Answer {
        self.ask("GET", path, &[("accept", accept), ("accept-encoding", "identity")])
    }
}

struct Answer {
    response: Response<()>,
    body: Vec<u8>,
}

impl Answer {
    fn read(response: Response<Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        let body = body.read_to_vec().unwrap();
        Self { response: Response::from_parts(parts, ()), body }
    }

    fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }
}

#[test]
fn the_page_is_served_in_the_format_that_is_asked_for() {
    each(|served| {
        for (path, accept) in [("/metrics", "*/*"), ("/metrics/", "text/plain"), ("/metrics?x=%", "")] {
            let text = served.get(path, accept);
            assert_eq!((text.status(), text.header("content-type")), (200, Some(Format::Text.content_type())));
            assert!(text.text().contains("\ngeneration_tokens_total{engine=\"0\"} 5\n"), "{}", text.text());
            parse_prometheus(text.text()).unwrap();
        }
        let open = served.get("/metrics", PROMETHEUS);
        let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
        assert_eq!((open.status(), open.header("content-type")), (200, Some(expected)));
        assert!(open.text().contains("\ngeneration_tokens_total{engine=\"0\"} 5\n"), "{}", open.text());
        parse_openmetrics(open.text()).unwrap();
    });
}

#[test]
fn an_accept_header_in_several_lines_is_one() {
    each(|served| {
        let lines = [("accept", "application/json"), ("accept", "application/openmetrics-text")];
        let answer = served.ask("GET", "/metrics", &lines);
        assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text;"));
    });
}

#[test]
fn a_query_chooses_families() {
    each(|served| {
        for name in ["name[]", "name%5B%5D"] {
            let chosen = served.get(&format!("/metrics?{name}=requests_running&{name}=unknown"), "*/*");
            let help = "# HELP requests_running Requests.\n# TYPE requests_running gauge\n";
            assert_eq!(chosen.text(), format!("{help}requests_running{{engine=\"0\"}} 0\n"));
        }
        let none = served.get("/metrics?name[]=unknown", "*/*");
        assert_eq!((none.status(), none.text()), (200, ""));
    });
}

#[test]
fn head_is_get_without_the_page() {
    each(|served| {
        for path in ["/metrics", "/metrics/"] {
            let head = served.ask("HEAD", path, &[("accept", PROMETHEUS)]);
            let get = served.get(path, PROMETHEUS);
            assert_eq!((head.status(), head.text()), (200, ""));
            assert_eq!(head.header("content-type"), get.header("content-type"));
        }
        // RFC 9110, 8.6: if there is a length, it is the page's.
        let chosen = "/metrics?name[]=requests_running";
        let (head, get) = (served.ask("HEAD", chosen, &[]), served.get(chosen, "*/*"));
        let length = head.header("content-length");
        assert!(length.is_none() || length == get.header("content-length"), "{length:?}");
        // The same connection serves what comes next.
        assert_eq!(served.ask("HEAD", "/elsewhere", &[]).status(), 404);
        assert_eq!(served.get("/metrics", "*/*").status(), 200);
    });
}

#[test]
fn a_connection_serves_many_requests_at_once() {
    each(|served| {
        let address = served.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            |method, end| format!("{method} /metrics?name[]=requests_running HTTP/1.1\r\nHost: x\r\n{end}\r\n");
        let requests = ["GET", "HEAD", "PUT", "GET"].map(|method| request(method, "")).concat();
        stream.write_all((requests + &request("GET", "Connection: close\r\n")).as_bytes()).unwrap();
        let answers = io::read_to_string(stream).unwrap();
        let statuses = answers.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3));
        assert_eq!(statuses.collect::<Vec<_>>(), ["200", "200", "405", "200", "200"]);
        assert_eq!(answers.matches("# TYPE requests_running gauge\n").count(), 3);
    });
}

#[test]
fn other_methods_and_paths_are_refused() {
    each(|served| {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            for path in ["/metrics", "/metrics/"] {
                let answer = served.ask(method, path, &[("content-length", "0")]);
                assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
            }
        }
        for path in ["/", "/metric", "/metrics//", "/metrics/x", "/Metrics", "/x/metrics"] {
            assert_eq!(served.get(path, "*/*").status(), 404, "{path}");
        }
    });
}

#[test]
fn the_page_is_compressed_where_the_stack_does_it() {
    each(|served| {
        let plain = served.get("/metrics?name[]=generation_tokens_total", PROMETHEUS);
        assert_eq!(plain.header("content-encoding"), None);
        let headers = [("accept", PROMETHEUS), ("accept-encoding", "gzip")];
        let answer = served.ask("GET", "/metrics?name[]=generation_tokens_total", &headers);
        assert_eq!(answer.header("content-encoding"), served.compresses.then_some("gzip"));
        let page = if served.compresses {
            io::read_to_string(GzDecoder::new(&*answer.body)).unwrap()
        } else {
            answer.text().to_owned()
        };
        assert_eq!(page, plain.text());
        assert_eq!(answer.header("content-type"), plain.header("content-type"));
    });
}
