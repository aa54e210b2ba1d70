//! The other crates' side of `docs/from-prometheus.md` is what the package `compare` compiles.

const DOCUMENT: &str = include_str!("../../docs/from-prometheus.md");
const COMPILED: &str = include_str!("../../compare/src/moving.rs");

/// Lines without their indentation.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// The blocks that the document doesn't compile.
fn snippets(document: &str) -> Vec<Vec<&str>> {
    let blocks = document.split("```text\n").skip(1);
    blocks.map(|block| lines(block.split("\n```").next().expect("a closing fence"))).collect()
}

fn has(compiled: &str, snippet: &[&str]) -> bool {
    lines(compiled).windows(snippet.len()).any(|lines| lines == snippet)
}

#[test]
fn each_snippet_is_compiled() {
    let snippets = snippets(DOCUMENT);
    assert_eq!(snippets.len(), DOCUMENT.matches("```text").count());
    assert!(snippets.len() >= 4);
    for snippet in snippets {
        assert!(has(COMPILED, &snippet), "compare/src/moving.rs hasn't got\n{}", snippet.join("\n"));
    }
}

#[test]
fn one_that_differs_is_found() {
    let block = |text: &str| format!("```text\n{text}\n```\n");
    assert!(has("x\n    a();\n    b();\n", &snippets(&block("a();\nb();"))[0]));
    assert!(!has("a();\nc();\nb();\n", &snippets(&block("a();\nb();"))[0]));
}
