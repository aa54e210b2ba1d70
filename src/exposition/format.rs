//! The formats of a page, and which one a client gets.

use std::mem;

/// The format of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The Prometheus text format, version 0.0.4: what every scraper reads.
    #[default]
    Text,
    /// OpenMetrics text, version 1.0.0. It ends in `# EOF` and has the units of families. Counters
    /// with [exact names](crate::Declaration::exact_name) are of type `unknown` there, because
    /// OpenMetrics has no counters without `_total`.
    OpenMetrics,
}

/// How a client wants names that older ones can't read. All names on a page are legal everywhere,
/// so this changes the content type only.
#[derive(Clone, Copy)]
enum Escaping {
    /// Not asked for.
    None,
    AllowUtf8,
    /// Also the answer to `dots`, which would double the underscores of each name.
    Underscores,
    Values,
}

impl Format {
    /// The format for a client with this `Accept` header, and the `Content-Type` of the answer, to
    /// the letter. Without a header, `accept` is empty.
    ///
    /// The named type with the highest `q` wins, and of equals the first. `q` may be greater than
    /// 1, since a version of Prometheus sends such a wildcard. Parameters are in any order; of a
    /// repeated one the last counts. Protobuf, and whatever is unknown or malformed, is passed
    /// over. If nothing is left, the answer is [`Text`](Self::Text), which also serves wildcards.
    /// If the winner asks for an `escaping`, the content type names it; `dots` is answered by
    /// `underscores`, because names stay as declared.
    ///
    /// ```
    /// use tachometer::Format;
    ///
    /// let accept = "application/openmetrics-text;version=1.0.0;escaping=values;q=0.6,*/*;q=0.2";
    /// let (format, content_type) = Format::negotiate(accept);
    /// assert_eq!(format, Format::OpenMetrics);
    /// assert_eq!(content_type, format!("{}; escaping=values", format.content_type()));
    /// assert_eq!(Format::negotiate("*/*"), (Format::Text, Format::Text.content_type()));
    /// ```
    #[must_use]
    pub fn negotiate(accept: &str) -> (Self, &'static str) {
        let mut best: Option<Range> = None;
        for range in split(accept, ',').filter_map(Range::parse) {
            let better = best
                .as_ref()
                .is_none_or(|best| mutant!(range.q > best.q, "negotiation: the last of equals" => range.q >= best.q));
            if mutant!(better, "negotiation: the first named type" => best.is_none()) {
                best = Some(range);
            }
        }
        best.map_or((Self::Text, Self::Text.content_type()), |Range { format, escaping, .. }| {
            (format, format.escaped_as(escaping))
        })
    }

    /// The value of the `Content-Type` header for a page in this format, if no header of the client
    /// was [negotiated](Self::negotiate).
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        self.escaped_as(Escaping::None)
    }

    const fn escaped_as(self, escaping: Escaping) -> &'static str {
        macro_rules! content_type {
            ($base:literal) => {
                match escaping {
                    Escaping::None => $base,
                    Escaping::AllowUtf8 => concat!($base, "; escaping=allow-utf-8"),
                    Escaping::Underscores => concat!($base, "; escaping=underscores"),
                    Escaping::Values => concat!($base, "; escaping=values"),
                }
            };
        }
        match self {
            Self::Text => content_type!("text/plain; version=0.0.4; charset=utf-8"),
            Self::OpenMetrics => content_type!("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        }
    }
}

/// One of the types that a header names, if a page can be of that type.
struct Range {
    format: Format,
    q: f64,
    escaping: Escaping,
}

impl Range {
    /// `None` for any other type, and for one that the client refuses (`q=0`) or that is malformed.
    fn parse(range: &str) -> Option<Self> {
        let mut parts = split(range, ';').map(str::trim);
        let format = Format::named(parts.next()?)?;
        let mut range = Self { format, q: 1.0, escaping: Escaping::None };
        let mut version = None;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            match () {
                () if is(name, "q") => {
                    let q = value.parse().ok().filter(|q: &f64| q.is_finite() && *q >= 0.0);
                    range.q = mutant!(
                        q?,
                        "negotiation: a malformed q is 1" => q.unwrap_or(1.0),
                        "negotiation: q is at most 1" => q.filter(|q| *q <= 1.0)?,
                    );
                }
                () if is(name, "version") => version = Some(value),
                () if is(name, "escaping") => range.escaping = Escaping::named(value),
                () => {} // it says nothing about what a page has
            }
        }
        let fits = version.is_none_or(|version| format.has_version(version));
        let wanted = mutant!(range.q > 0.0, "negotiation: what is refused is served" => true);
        (wanted && mutant!(fits, "negotiation: any version fits" => true)).then_some(range)
    }
}

/// The parts of a header between these characters. Within quotes they are text, and so is a quote
/// behind a backslash.
fn split(header: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    header.split(move |c| {
        let is_text = quoted;
        match c {
            _ if mem::take(&mut escaped) => {}
            '\\' => escaped = mutant!(quoted, "negotiation: an escaped quote ends a string" => false),
            '"' => quoted = !quoted,
            _ => {}
        }
        c == separator && mutant!(!is_text, "negotiation: what is within quotes separates" => true)
    })
}

/// Whether a name is this one. Case doesn't matter.
fn is(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

impl Format {
    fn named(media_type: &str) -> Option<Self> {
        match media_type {
            _ if is(media_type, "text/plain") => Some(Self::Text),
            _ if is(media_type, "application/openmetrics-text") => Some(Self::OpenMetrics),
            _ => None,
        }
    }

    /// Whether a page is of this version. Version 1.0.0 of the text format only adds names that no
    /// page has.
    fn has_version(self, version: &str) -> bool {
        matches!((self, version), (Self::Text, "0.0.4" | "1.0.0") | (Self::OpenMetrics, "1.0.0"))
    }
}

impl Escaping {
    fn named(value: &str) -> Self {
        match value {
            "allow-utf-8" => Self::AllowUtf8,
            "underscores" => Self::Underscores,
            "dots" => mutant!(Self::Underscores, "negotiation: dots aren't answered" => Self::None),
            "values" => Self::Values,
            _ => Self::None,
        }
    }
}
