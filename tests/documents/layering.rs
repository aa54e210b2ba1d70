//! The arrows between modules are those of the table in DESIGN.md: a path that it doesn't allow
//! fails.
use crate::{
    paths::{self, Path},
    sources,
};

const DESIGN: &str = include_str!("../../DESIGN.md");
/// What the row of a crate says that it may import.
const CRATE: &str = "the public API only";

/// What a module may import: modules, or parts of them (`schema::layout`).
type May = Vec<String>;

/// The rows of the table: a module and what it may import. Crates have rows too: there the compiler
/// checks.
fn table() -> Vec<(String, May)> {
    let mut table: Vec<(String, May)> = Vec::new();
    for row in rows().filter(|row| !row.contains(CRATE)) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let module = cells[1].trim_matches('`').to_owned();
        let may = match cells[3] {
            "all of the above" => table.iter().map(|(module, _)| module.clone()).collect(),
            // Every second piece is between backticks.
            list => list.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
        };
        table.push((module, may));
    }
    table
}

fn rows() -> impl Iterator<Item = &'static str> {
    let rows = DESIGN.lines().skip_while(|line| !line.starts_with("| module ")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
}

/// What a file names of its own crate, in `use` or in code, from the root of the crate.
fn imports(file: &str, source: &str) -> Vec<String> {
    paths::names(file, source).paths.iter().map(Path::text).collect()
}

/// The sources of a module, `module.rs` or all under `module/`.
fn sources(module: &str) -> Vec<(String, String)> {
    let inside = |file: &str| file == format!("{module}.rs") || file.starts_with(&format!("{module}/"));
    sources::sources(module).into_iter().filter(|(file, _)| inside(file)).collect()
}

fn allowed(import: &str, module: &str, may: &May) -> bool {
    let begins_with =
        |path: &str| import.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    begins_with(module) || may.iter().any(|module| begins_with(module))
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table = table();
    assert_eq!(table.len(), 14, "{table:?}");
    for (module, may) in &table {
        let sources = sources(module);
        assert!(!sources.is_empty(), "{module} is in the table, but there is no such module");
        for (file, source) in sources {
            for import in imports(&file, &source) {
                assert!(
                    allowed(&import, module, may),
                    "{file} imports crate::{import}, and {module} may import {may:?} only"
                );
            }
        }
    }
}

#[test]
fn every_module_is_in_the_table() {
    let table = table();
    let declared = include_str!("../../src/lib.rs").lines().filter_map(|line| {
        let line = line.trim_start_matches("pub ");
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    for module in declared.filter(|module| *module != "tests") {
        assert!(table.iter().any(|(row, _)| row == module), "{module} isn't in DESIGN.md's table");
    }
}

#[test]
fn the_core_does_not_need_the_set() {
    let manifest = include_str!("../../Cargo.toml");
    let crates: Vec<_> = rows().filter(|row| row.contains(CRATE)).collect();
    assert!(crates.len() == 1 && crates[0].contains("`tachometer-vllm`"), "{crates:?}");
    assert!(manifest.contains("members = [\"vllm\"]"), "each member has a row in DESIGN.md's table");
    // A unit test that used the set would have two copies of the core. Documentation may show it.
    for (file, source) in sources::sources("") {
        let mut code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert!(!code.any(|line| line.contains("tachometer_vllm")), "{file} uses the set");
    }
}

#[test]
fn a_forbidden_import_would_be_seen() {
    let source =
        "use crate::{\n    schema::{a, b},\n    slab::Slab as S,\n};\nfn f() { crate::record::x() } // crate::y\n";
    assert_eq!(imports("store/row.rs", source), ["schema::a", "schema::b", "slab::Slab", "record::x"]);
    assert_eq!(imports("snapshot/mod.rs", "use super::record::Recorder;"), ["record::Recorder"]);
    assert_eq!(imports("schema/a.rs", "use super::{super::record, info};"), ["record", "schema::info"]);
    assert_eq!(imports("schema/a.rs", "fn f(x: super::super::record::Step<'_>) {}"), ["record::Step"]);
    assert_eq!(imports("schema/a.rs", "mod b {\n    use super::{super::super::record, C};\n}\n")[0], "record");
    assert_eq!(
        imports("schema/mod.rs", "mod a;\nfn f() { a::b(super::record::x, std::a::b) }"),
        ["schema::a::b", "record::x"]
    );
    let may = vec!["schema::layout".into()];
    assert!(allowed("schema::layout::Diagnostic", "slab", &may));
    assert!(!allowed("schema::layouts", "slab", &may));
}
