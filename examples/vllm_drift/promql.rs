//! Finds metrics and labels in a PromQL expression. It reads what a dashboard needs: it doesn't
//! check the expression.

/// What an expression asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels by which it groups or matches.
    pub(crate) grouping: Vec<String>,
    /// Texts given to functions. Some name labels that the expression makes itself.
    pub(crate) texts: Vec<String>,
}

/// A metric and its label matchers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Selector {
    /// Empty if a variable or a pattern chooses it.
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

const KEYWORDS: [&str; 9] = ["and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"];
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Reads an expression, or the query of a dashboard's variable.
pub(crate) fn read(expression: &str) -> Query {
    let mut query = Query::default();
    let variable = expression.trim().strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let rest = match variable.map(|of| of.rsplit_once(',').unwrap_or(("", of))) {
        Some((of, label)) => {
            query.grouping.push(label.trim().to_owned());
            of
        }
        None => expression,
    };
    query.read(rest);
    query
}

impl Query {
    fn read(&mut self, mut rest: &str) {
        while let Some(first) = rest.chars().next() {
            rest = match first {
                '#' => rest.split_once('\n').map_or("", |(_, after)| after),
                '"' | '\'' | '`' => {
                    let (text, after) = string(rest);
                    self.texts.push(text.to_owned());
                    after
                }
                '[' => rest.split_once(']').map_or("", |(_, after)| after),
                '{' => self.braces(rest),
                '0'..='9' => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
                '$' => variable(rest),
                _ if is_name(first) => self.name(rest),
                _ => &rest[first.len_utf8()..],
            };
        }
    }

    /// A name: of a metric, a function or an operator.
    fn name<'r>(&mut self, rest: &'r str) -> &'r str {
        let (name, mut after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let lower = name.to_ascii_lowercase();
        let next = after.trim_start();
        if GROUPINGS.contains(&lower.as_str()) {
            let Some((labels, after)) = next.strip_prefix('(').and_then(|list| list.split_once(')')) else {
                return after;
            };
            let labels = labels.split(',').map(str::trim).filter(|label| label.starts_with(is_name));
            self.grouping.extend(labels.map(str::to_owned));
            return after;
        }
        // An aggregation may have its grouping before its argument.
        let grouped = GROUPINGS[..2].iter().any(|word| {
            next.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
                && next[word.len()..].trim_start().starts_with('(')
        });
        if next.starts_with('(') || grouped || KEYWORDS.contains(&lower.as_str()) {
            return after;
        }
        let mut metric = name.to_owned();
        while after.starts_with('$') {
            // The name goes on in a variable.
            metric.clear();
            after = variable(after).trim_start_matches(is_name);
        }
        self.selectors.push(Selector { metric, matchers: Vec::new() });
        match after.trim_start() {
            braces if braces.starts_with('{') => self.matchers(braces),
            _ => after,
        }
    }

    /// Matchers without a metric in front of them.
    fn braces<'r>(&mut self, rest: &'r str) -> &'r str {
        self.selectors.push(Selector::default());
        let after = self.matchers(rest);
        let selector = self.selectors.last_mut().expect("just pushed");
        let is_name = |matcher: &Matcher| matcher.label == "__name__" && matcher.operator == "=";
        if let Some(named) = selector.matchers.iter().position(is_name) {
            selector.metric = selector.matchers.remove(named).value;
        }
        after
    }

    /// Reads `{…}` into the last selector.
    fn matchers<'r>(&mut self, braces: &'r str) -> &'r str {
        let mut rest = &braces[1..];
        loop {
            rest = rest.trim_start_matches([',', ' ', '\r', '\n', '\t']);
            if rest.is_empty() || rest.starts_with('}') {
                return rest.get(1..).unwrap_or_default();
            }
            let Some(at) = rest.find(['"', '\'', '`']) else { return "" };
            let (label, operator) = rest[..at].split_at(rest[..at].find(['=', '!']).unwrap_or(at));
            let (value, after) = string(&rest[at..]);
            let (label, operator) = (label.trim().to_owned(), operator.trim().to_owned());
            let matcher = Matcher { label, operator, value: value.to_owned() };
            self.selectors.last_mut().expect("a selector has them").matchers.push(matcher);
            rest = after;
        }
    }
}

/// Whether a pattern takes all of a text. `None` if it has more than alternatives and `.*`.
pub(crate) fn takes(pattern: &str, text: &str) -> Option<bool> {
    let plain = |character: char| is_name(character) || matches!(character, '-' | '/' | ' ');
    let known = pattern.split('|').flat_map(|alternative| alternative.split(".*")).all(|part| part.chars().all(plain));
    known.then(|| pattern.split('|').any(|alternative| is_like(alternative, text)))
}

fn is_like(alternative: &str, text: &str) -> bool {
    let Some((first, others)) = alternative.split_once(".*") else { return alternative == text };
    let mut parts: Vec<&str> = others.split(".*").collect();
    let last = parts.pop().unwrap_or_default();
    let rest = text.strip_prefix(first);
    let rest = parts.iter().try_fold(rest, |rest, part| Some(rest?.split_once(part).map(|(_, after)| after))).flatten();
    rest.is_some_and(|rest| rest.ends_with(last))
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':')
}

/// What follows `$name`, `${name}` or `$__name`.
fn variable(rest: &str) -> &str {
    match rest.strip_prefix("${") {
        Some(braced) => braced.split_once('}').map_or("", |(_, after)| after),
        None => rest[1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    }
}

/// The content of the string at the beginning (with its escapes), and what follows.
fn string(rest: &str) -> (&str, &str) {
    let quote = rest.chars().next().expect("a quotation mark");
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if !escaped && character == quote {
            return (&rest[1..at], &rest[at + 1..]);
        }
        escaped = !escaped && character == '\\' && quote != '`';
    }
    (&rest[1..], "")
}
