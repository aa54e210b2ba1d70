//! What a metrics server answers, for any HTTP layer: a function of a request's parts. Nothing here
//! opens a socket.
//!
//! The repository's directory `servers` has a file to copy for each of axum, hyper, actix-web and
//! tiny_http. Compression, timeouts and the number of connections are the HTTP layer's. So are
//! large pages for slow clients: [`Registry::chunks`] has them piece by piece.

use crate::{
    exposition::{Format, PageOptions},
    registry::Registry,
};

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// 200, 404 or 405.
    pub status: u16,
    /// Names, in lower case, and values. `content-length` is left to the server.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Empty for `HEAD`, whose answer may have no `content-length` but the page's.
    pub body: Vec<u8>,
}

/// Answers a request. `GET` and `HEAD` of `/metrics` and `/metrics/` are served; another path is
/// 404, another method 405. Never panics, whatever the arguments are.
///
/// `options` are the server's. `query` is what follows the `?`: each `name[]=…` in it chooses a
/// family, as with [`PageOptions::families`], among those that the server's options have. The rest
/// of it is ignored. `accept` is the `Accept` header, by which [`Format::negotiate`] chooses the
/// format. What a request doesn't have is an empty string. A server that writes nothing but text
/// gives an empty `accept`.
///
/// Allocates. Lock-free, as [`Registry::render`].
///
/// ```
/// use tachometer::{PageOptions, Registry, Schema, http};
///
/// let mut schema = Schema::builder(&["engine"]);
/// schema.gauge::<i64>("requests_waiting", "").declare()?;
/// let registry = Registry::new(schema.build()?);
/// let _engine = registry.attach(&["0"])?;
///
/// let query = "name[]=requests_waiting&name[]=requests_running";
/// let response = http::respond(&registry, &PageOptions::new(), "GET", "/metrics", query, "*/*");
/// assert_eq!(response.status, 200);
/// assert_eq!(response.headers, [("content-type", "text/plain; version=0.0.4; charset=utf-8")]);
/// assert_eq!(response.body, b"# TYPE requests_waiting gauge\nrequests_waiting{engine=\"0\"} 0\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn respond(
    registry: &Registry,
    options: &PageOptions,
    method: &str,
    path: &str,
    query: &str,
    accept: &str,
) -> Response {
    let known = matches!(path, "/metrics" | "/metrics/");
    if mutant!(!known, "http: a path that ends in a slash is unknown" => path != "/metrics", "http: any path is served" => false)
    {
        return refused(404, None, "not found\n", method);
    }
    if mutant!(!matches!(method, "GET" | "HEAD"), "http: any method is served" => false) {
        return refused(405, Some(("allow", "GET, HEAD")), "method not allowed\n", method);
    }
    let (format, content_type) = Format::negotiate(accept);
    let mut response = Response { status: 200, headers: vec![("content-type", content_type)], body: Vec::new() };
    if mutant!(method == "GET", "http: HEAD has a body" => true) {
        let names = names(query);
        let of_server = mutant!(options.clone(), "http: the server's families don't count" => PageOptions::new());
        let chosen = (!names.is_empty()).then(|| of_server.families(names));
        registry.render_as(format, chosen.as_ref().unwrap_or(options), &mut response.body);
    }
    response
}

fn refused(status: u16, header: Option<(&'static str, &'static str)>, why: &str, method: &str) -> Response {
    let content_type = ("content-type", "text/plain; charset=utf-8");
    let body = if method == "HEAD" { Vec::new() } else { why.into() };
    Response { status, headers: [content_type].into_iter().chain(header).collect(), body }
}

/// The values of `name[]` in a query.
fn names(query: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let is_name = |key| mutant!(decoded(key) == "name[]", "http: keys aren't decoded" => key == "name[]");
    pairs.filter(|(key, _)| is_name(key)).map(|(_, name)| decoded(name)).collect()
}

/// The text that was encoded for a query. A `%` that isn't followed by two hexadecimal digits stays
/// as it is, and so does a `+`: no name has a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        bytes.push(match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after;
                let digits = [hexadecimal(*high), hexadecimal(*low)];
                mutant!(digits[0] << 4 | digits[1], "http: digits are swapped" => digits[1] << 4 | digits[0])
            }
            (byte, _) => *byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |digit| digit as u8)
}
