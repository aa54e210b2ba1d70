//! No file imports another that imports it in turn, whether at once or by way of others. One circle
//! may stay: the builder makes declarations, and declarations add families to the builder.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{
    paths::{self, Names, Path},
    sources,
};

/// The files of a crate, by module.
struct Files(BTreeMap<Vec<String>, File>);

struct File {
    name: String,
    names: Names,
}

/// For each file, the files that it imports, and what it imports of them.
type Imports<'f> = BTreeMap<&'f str, BTreeMap<&'f str, String>>;

impl Files {
    fn new(sources: Vec<(String, String)>) -> Self {
        let sources = sources.into_iter().filter(|(name, _)| !is_test(name));
        Self(
            sources
                .map(|(name, source)| {
                    let names = paths::names(&name, &without_tests(&source));
                    (paths::module(&name), File { name, names })
                })
                .collect(),
        )
    }

    /// The file that defines what a path names. Re-exports are followed.
    fn definer(&self, path: &[String]) -> &File {
        let mut module = path.len();
        let file = loop {
            match self.0.get(&path[..module]) {
                Some(file) => break file,
                None => module -= 1,
            }
        };
        let item = path.get(module);
        let imported = |other: &&Path| other.imported.is_some() && other.imported.as_ref() == item;
        match file.names.paths.iter().find(imported) {
            Some(other) if other.segments[..] != path[..=module] => self.definer(&other.segments),
            _ => file,
        }
    }

    fn imports(&self) -> Imports<'_> {
        let mut imports = Imports::new();
        for file in self.0.values() {
            let imports = imports.entry(&file.name).or_default();
            for path in file.names.paths.iter().filter(|path| counts(path, &file.names)) {
                let other = self.definer(&path.segments);
                if other.name != file.name && !is_exception(&file.name, &other.name) {
                    imports.entry(&other.name).or_insert_with(|| path.text());
                }
            }
        }
        imports
    }
}

/// Whether a file needs what a path names: it doesn't need a re-export that its code doesn't use.
/// `tests` replaces parts of the standard library in unit tests.
fn counts(path: &Path, names: &Names) -> bool {
    let used = || path.imported.as_ref().is_some_and(|name| names.words.contains(name));
    path.segments.first().is_none_or(|module| module != "tests") && (!path.public || used())
}

fn is_exception(file: &str, other: &str) -> bool {
    file == "schema/builder.rs" && other.starts_with("schema/declare/")
}

fn is_test(file: &str) -> bool {
    file.starts_with("tests/") || file.ends_with("tests.rs")
}

/// A source without its inline module `tests`.
fn without_tests(source: &str) -> String {
    let (mut kept, mut in_tests) = (String::new(), false);
    for line in source.lines() {
        in_tests |= line == "mod tests {";
        if !in_tests {
            kept.extend([line, "\n"]);
        }
        in_tests &= line != "}";
    }
    kept
}

/// A shortest circle through each file that is in one. Each circle is there once.
fn circles(sources: Vec<(String, String)>) -> Vec<String> {
    let files = Files::new(sources);
    let imports = files.imports();
    let mut found = Vec::new();
    for start in imports.keys() {
        let Some(circle) = circle(start, &imports) else { continue };
        // It begins with the first of its files.
        if circle.iter().min() == Some(start) {
            let steps = circle.iter().zip(circle.iter().skip(1).chain([start]));
            let steps = steps.map(|(file, next)| format!("{file} imports {} of {next}", imports[file][next]));
            found.push(steps.collect::<Vec<_>>().join(", "));
        }
    }
    found
}

fn circle<'f>(start: &'f str, imports: &Imports<'f>) -> Option<Vec<&'f str>> {
    let (mut importers, mut next) = (HashMap::new(), VecDeque::from([start]));
    while let Some(file) = next.pop_front() {
        for other in imports[file].keys() {
            if importers.contains_key(other) {
                continue;
            }
            importers.insert(*other, file);
            if *other == start {
                let mut circle = vec![file];
                while circle[circle.len() - 1] != start {
                    circle.push(importers[circle[circle.len() - 1]]);
                }
                circle.reverse();
                return Some(circle);
            }
            next.push_back(other);
        }
    }
    None
}

#[test]
fn files_of_the_core_import_each_other_in_no_circle() {
    let circles = circles(sources::sources(""));
    assert!(circles.is_empty(), "circles of imports:\n{}", circles.join("\n"));
}

#[test]
fn files_of_the_set_import_each_other_in_no_circle() {
    let circles = circles(sources::sources_in("vllm/src", ""));
    assert!(circles.is_empty(), "circles of imports:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_would_be_seen() {
    let made_up = |sources: &[(&str, &str)]| {
        circles(sources.iter().map(|(file, source)| (format!("{file}.rs"), (*source).to_owned())).collect())
    };
    let module = ("a/mod", "mod b;\nmod c;\npub use self::{b::B, c::C};\npub struct A;\n");
    let user = ("a/c", "use super::{A, B as Other};\npub struct C(Other);\n");
    assert_eq!(made_up(&[("lib", "mod a;"), module, ("a/b", "pub struct B;\n"), user]), [""; 0]);
    // By way of a re-export, and of a path in code.
    let back = ("a/b", "pub struct B(crate::a::C);\n");
    assert_eq!(
        made_up(&[("lib", "mod a;"), module, back, user]),
        ["a/b.rs imports a::C of a/c.rs, a/c.rs imports a::B of a/b.rs"]
    );
    // A parent that uses what it re-exports.
    let parent = ("a/mod", "mod c;\npub use self::c::C;\npub struct A;\nfn f() -> C { C }\n");
    let child = ("a/c", "pub struct C;\nmod sealed {\n    use super::{super::A, C};\n}\n");
    assert_eq!(
        made_up(&[("lib", "mod a;"), parent, child]),
        ["a/c.rs imports a::A of a/mod.rs, a/mod.rs imports a::c::C of a/c.rs"]
    );
    let three = [("a", "use crate::b;\n"), ("b", "use super::c::C;\n"), ("c", "fn f() { super::a::f() }\n")];
    assert_eq!(made_up(&three), ["a.rs imports b of b.rs, b.rs imports c::C of c.rs, c.rs imports a::f of a.rs"]);
    let exception = [
        ("schema/builder", "use super::declare::info::Info;\n"),
        ("schema/declare/info", "use crate::schema::builder::Builder;\n"),
    ];
    assert_eq!(made_up(&exception), [""; 0]);
    let tests = [("a", "use crate::b;\n"), ("b", "#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n")];
    assert_eq!(made_up(&tests), [""; 0]);
}
