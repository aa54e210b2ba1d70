//! Whole requests.

use proptest::prelude::*;
use tachometer::{Engine, Format, PageOptions, Registry, Schema, http};

fn registry() -> (Registry, Engine) {
    let mut schema = Schema::builder(&["engine"]);
    schema.gauge::<i64>("vllm:waiting", "Waiting.").declare().unwrap();
    schema.gauge::<i64>("vllm:running", "").declare().unwrap();
    schema.counter::<u64>("tokens", "").declare().unwrap();
    schema.histogram::<u64>("lengths", "", &[1.0]).declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    (registry, engine)
}

fn get(query: &str) -> http::Response {
    http::respond(&registry().0, &PageOptions::new(), "GET", "/metrics", query, "")
}

/// The families of the page that answers a query.
#[track_caller]
fn assert_families(query: &str, families: &[&str]) {
    let page = String::from_utf8(get(query).body).unwrap();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    assert_eq!(types.collect::<Vec<_>>(), families, "{query:?}");
}

#[test]
fn get_and_head_of_both_paths_are_served() {
    let (registry, _engine) = registry();
    for path in ["/metrics", "/metrics/"] {
        let respond = |method, accept| http::respond(&registry, &PageOptions::new(), method, path, "", accept);
        let [get, head] = ["GET", "HEAD"].map(|method| respond(method, "application/openmetrics-text"));
        assert_eq!((get.status, head.status), (200, 200));
        assert_eq!(get.headers, [("content-type", Format::OpenMetrics.content_type())]);
        assert_eq!(get.headers, head.headers);
        assert!(get.body.ends_with(b"\n# EOF\n") && head.body.is_empty());
        let text = respond("GET", "");
        assert_eq!(text.headers, [("content-type", Format::Text.content_type())]);
        assert!(text.body.starts_with(b"# HELP vllm:waiting Waiting.\n") && !text.body.ends_with(b"# EOF\n"));
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    let (registry, _engine) = registry();
    let respond = |method, path| http::respond(&registry, &PageOptions::new(), method, path, "", "");
    for method in ["POST", "OPTIONS", "get", "", "\0", "GET ", "🦀"] {
        let response = respond(method, "/metrics");
        assert_eq!(response.status, 405, "{method}");
        assert!(response.headers.contains(&("allow", "GET, HEAD")), "{method}");
        assert_eq!(response.body, b"method not allowed\n");
    }
    for path in ["", "/", "/metric", "/metrics//", "/metrics/x", "//metrics", "/Metrics", "metrics", "/metrics?"] {
        for method in ["GET", "POST"] {
            let response = respond(method, path);
            assert_eq!((response.status, response.body.as_slice()), (404, &b"not found\n"[..]), "{path}");
        }
    }
    assert_eq!((respond("HEAD", "/").status, respond("HEAD", "/").body.len()), (404, 0));
}

#[test]
fn a_query_chooses_families_by_any_name_that_they_expose() {
    assert_families("name[]=vllm:waiting", &["vllm:waiting"]);
    assert_families("name%5B%5D=vllm%3Awaiting&name[]=tokens_total", &["vllm:waiting", "tokens_total"]);
    for key in ["name[]", "name%5b%5d", "name[%5D", "name%5B]", "%6E%61%6d%65%5B%5D", "n%61me[]"] {
        for name in ["vllm:running", "vllm%3arunning", "%76%6C%6c%6d:%72unning"] {
            assert_families(&format!("{key}={name}"), &["vllm:running"]);
        }
    }
    for other in
        ["name", "name[0]", "name%255B%255D", "Name[]", "name[]+", "+name[]", "%20name[]", "names[]", "name[][]"]
    {
        assert_eq!(get(&format!("{other}=lengths")).body.len(), get("").body.len(), "{other} says nothing");
    }
    assert_families("name[]=tokens&name[]=tokens_total&name[]=tokens_created", &["tokens_total"]);
    for name in ["lengths", "lengths_bucket", "lengths_sum", "lengths_count", "lengths_created"] {
        assert_families(&format!("name[]={name}"), &["lengths"]);
    }
    assert_families("name[]=tachometer_steps", &["tachometer_steps_total"]);
    assert_families("other=1&&=&name[]=vllm%3arunning&x", &["vllm:running"]);
    assert!(get("").body.len() > get("name[]=lengths").body.len());
    assert_eq!(get("x=y&name[]").body.len(), get("").body.len(), "nothing is chosen");
}

#[test]
fn unknown_names_give_an_empty_page() {
    for query in [
        "name[]=",
        "name[]=x",
        "name[]=vllm:waiting_total",
        "name[]=vllm:waitin",
        "name[]=VLLM:WAITING",
        "name[]=%ff%00",
        "name[]=%zz%",
        "name[]=vllm:waiting+",
        "name[]=+vllm:waiting",
        "name[]=vllm:waiting%20",
        "name[]=vllm:waiting%00",
        "name[]=vllm:waiting%c3%28",
        "name[]=%c0%ba",
        "name[]=vllm:waiting=",
        "name[]=vllm%253Awaiting",
        "name[]=vllm_waiting",
        "name[]=vllm:waiting_created",
        "name[]=lengths_total",
        "name[]=lengths_bucket{le=\"1.0\"}",
        "name[]=tokens_sum",
        "name[]=_total",
        "name[]=&name[]=",
        "name[]=tachometer",
    ] {
        assert_eq!((get(query).status, get(query).body), (200, Vec::new()), "{query}");
    }
    let (registry, _engine) = registry();
    let accept = "application/openmetrics-text";
    let response = http::respond(&registry, &PageOptions::new(), "GET", "/metrics", "name[]=x", accept);
    assert_eq!(response.body, b"# EOF\n");
}

#[test]
fn a_query_chooses_among_the_servers_families() {
    let (registry, _engine) = registry();
    let options = PageOptions::new().families(["tokens", "vllm:waiting"]);
    let families = |query| {
        let page = http::respond(&registry, &options, "GET", "/metrics", query, "").body;
        String::from_utf8(page).unwrap().lines().filter(|line| line.starts_with("# TYPE ")).count()
    };
    assert_eq!(
        ["", "name[]=tokens_total", "name[]=lengths&name[]=tokens", "name[]=lengths"].map(families),
        [2, 1, 1, 0]
    );
}

#[test]
fn an_endless_query_costs_what_was_given() {
    let query = "name[]=vllm:waiting&%zz=%&name[]=%f0%9f%a6%80&".repeat(20_000);
    assert_families(&query, &["vllm:waiting"]);
    let many: String = (0..10_000).map(|number| format!("name[]=x{number}&name[]=tokens_total&")).collect();
    assert_families(&many, &["tokens_total"]);
    let (registry, _engine) = registry();
    let options = PageOptions::new().families((0..10_000).map(|number| format!("x{number}")).chain(["tokens".into()]));
    let page = http::respond(&registry, &options, "GET", "/metrics", "name[]=tokens&name[]=lengths", "").body;
    assert_eq!(page.split(|byte| *byte == b'\n').count(), 3);
}

proptest! {
    #[test]
    fn nothing_panics(
        method in prop_oneof![Just("GET".to_owned()), Just("HEAD".to_owned()), any::<String>()],
        path in prop_oneof![Just("/metrics".to_owned()), any::<String>()],
        query in prop_oneof![any::<String>(), "(name(\\[\\]|%5B%5D)=[a-z:%+_]{0,9}&?){0,5}"],
        accept in any::<String>(),
    ) {
        let response = http::respond(&registry().0, &PageOptions::new(), &method, &path, &query, &accept);
        prop_assert!([200, 404, 405].contains(&response.status));
        prop_assert!(String::from_utf8(response.body).is_ok());
    }
}
