//! Any request: the answer has a known status and content type, and its page is one that a parser
//! of its format accepts, with nothing on it that wasn't chosen.

use openmetrics_parser::{openmetrics::parse_openmetrics, prometheus::parse_prometheus};
use tachometer::{Format, PageOptions, Registry, Schema, http};

/// Method, path, query and `Accept`, each on a line of its own.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n').chain(["", "", "", ""]);
    let [method, path, query, accept] = std::array::from_fn(|_| lines.next().unwrap_or_default());

    let mut schema = Schema::builder(&["engine"]);
    schema.gauge::<i64>("a:b", "").declare().expect("a valid name");
    schema.counter::<u64>("tokens", "Tokens.").declare().expect("a valid name");
    schema.counter::<u64>("exact", "").exact_name().declare().expect("a valid name");
    schema.histogram::<f64>("seconds", "", &[0.5]).declare().expect("a valid name");
    let registry = Registry::new(schema.build().expect("a valid schema"));
    let _engine = registry.attach(&["0"]).expect("the first engine");

    let (format, content_type) = Format::negotiate(accept);
    assert!(content_type.starts_with(format.content_type()));
    let response = http::respond(&registry, &PageOptions::new().created(), method, path, query, accept);
    assert!(matches!(response.status, 200 | 404 | 405));
    if response.status != 200 || method == "HEAD" {
        return;
    }
    assert_eq!(response.headers, [("content-type", content_type)]);
    let page = String::from_utf8(response.body).expect("UTF-8");
    match format {
        Format::Text if page.is_empty() => {} // nothing was chosen
        Format::Text => drop(parse_prometheus(&page).unwrap_or_else(|error| panic!("{error}, in\n{page}"))),
        Format::OpenMetrics if page == "# EOF\n" => {}
        Format::OpenMetrics => drop(parse_openmetrics(&page).unwrap_or_else(|error| panic!("{error}, in\n{page}"))),
    }
    let chosen = query.matches('=').count() == 1 && query.split('&').any(|pair| pair == "name[]=a:b");
    assert!(!chosen || page.contains("a:b") && !page.contains("tokens"), "not what was chosen, in\n{page}");
    let all = !query.contains("]=") && !query.contains('%');
    assert!(!all || page.contains("a:b") && page.contains("tokens"), "something was chosen, in\n{page}");
}
