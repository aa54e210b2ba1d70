//! The paths by which a source names its own crate: in a `use`, or within code.

use std::collections::HashSet;

/// What a source names.
pub(crate) struct Names {
    pub(crate) paths: Vec<Path>,
    /// The words of its code, apart from `use`.
    pub(crate) words: HashSet<String>,
}

pub(crate) struct Path {
    /// From the root of the crate.
    pub(crate) segments: Vec<String>,
    /// If it is in a `use`: the name that it gets.
    pub(crate) imported: Option<String>,
    /// Whether that is a `pub use`.
    pub(crate) public: bool,
}

impl Path {
    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// The module of a file: `a::b` for `a/b.rs` and for `a/b/mod.rs`.
pub(crate) fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap();
    let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

pub(crate) fn names(file: &str, source: &str) -> Names {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let is_child =
        |name: &str| tokens.windows(3).any(|next| next[0].text == "mod" && next[1].text == name && next[2].text == ";");
    let (mut names, mut in_use, mut at) = (Names { paths: Vec::new(), words: HashSet::new() }, None, 0);
    while at < tokens.len() {
        let Token { text: token, depth } = tokens[at];
        let before = if at == 0 { "" } else { text(at - 1) };
        match token {
            "use" if is_word(text(at + 1)) => in_use = Some(before == "pub" || before == ")"),
            ";" => in_use = None,
            _ if text(at + 1) == "::" && before != "::" && is_root(token, depth, is_child) => {
                let own = module(file).into_iter().chain((0..depth).map(|_| "an inline module".to_owned()));
                let mut tree = Tree { text: &text, module: own.collect(), names: &mut names, in_use };
                at = tree.walk(at, Vec::new(), true);
                continue;
            }
            word if in_use.is_none() && is_word(word) => _ = names.words.insert(word.to_owned()),
            _ => (),
        }
        at += 1;
    }
    names
}

/// A child module's name begins a path too, in the file that declares it.
fn is_root(token: &str, depth: usize, is_child: impl Fn(&str) -> bool) -> bool {
    ["crate", "self", "super"].contains(&token) || depth == 0 && is_word(token) && is_child(token)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Reads a path, or a tree of paths.
struct Tree<'t, F> {
    text: &'t F,
    module: Vec<String>,
    names: &'t mut Names,
    in_use: Option<bool>,
}

impl<'t, F: Fn(usize) -> &'t str> Tree<'_, F> {
    /// Adds the paths that begin at a token behind `prefix`. Returns where the next token is.
    fn walk(&mut self, mut at: usize, mut prefix: Vec<String>, mut first: bool) -> usize {
        loop {
            let name = (self.text)(at);
            if first && name != "crate" {
                prefix.clone_from(&self.module);
            }
            match name {
                "{" => return self.group(at + 1, &prefix),
                "crate" | "self" => (),
                "super" => assert!(prefix.pop().is_some(), "`super` in the root"),
                name => prefix.push(name.to_owned()),
            }
            (first, at) = (false, at + 1);
            let next = (self.text)(at + 1);
            if (self.text)(at) != "::" || !(is_word(next) || ["{", "*"].contains(&next)) {
                break;
            }
            at += 1;
        }
        let renamed = self.in_use.is_some() && (self.text)(at) == "as";
        let imported = if renamed { Some((self.text)(at + 1).to_owned()) } else { prefix.last().cloned() };
        let path = Path {
            segments: prefix,
            imported: imported.filter(|_| self.in_use.is_some()),
            public: self.in_use == Some(true),
        };
        self.names.paths.push(path);
        if renamed { at + 2 } else { at }
    }

    fn group(&mut self, mut at: usize, prefix: &[String]) -> usize {
        while (self.text)(at) != "}" {
            at = match (self.text)(at) {
                "," => at + 1,
                "" => panic!("a group without an end"),
                _ => self.walk(at, prefix.to_vec(), false),
            };
        }
        at + 1
    }
}

#[derive(Clone, Copy)]
struct Token<'s> {
    text: &'s str,
    /// How many inline modules it is in.
    depth: usize,
}

/// The words and signs of a source that is formatted as rustfmt does it. No comments.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut inline) = (Vec::new(), Vec::new());
    for line in source.lines() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        if code.starts_with("//") {
            continue;
        }
        let code = code.split(" // ").next().unwrap();
        if code == "}" && inline.last() == Some(&indent) {
            inline.pop();
        }
        let mut rest = code;
        while let Some(first) = rest.chars().next() {
            let end = if is_word(rest) {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(Token { text: &rest[..end], depth: inline.len() });
            }
            rest = &rest[end..];
        }
        if starts_inline_module(code) {
            inline.push(indent);
        }
    }
    tokens
}

/// Whether a line is `mod a {`, with or without `pub`.
pub(crate) fn starts_inline_module(code: &str) -> bool {
    let code = if code.starts_with("pub") { code.split_once(' ').map_or("", |(_, code)| code) } else { code };
    code.starts_with("mod ") && code.ends_with('{')
}
