//! What tests have in common that nothing is allocated.

#[path = "allocator.rs"]
pub(crate) mod allocator;
#[path = "sources.rs"]
mod sources;

#[track_caller]
pub(crate) fn assert_none(what: &str, mut f: impl FnMut()) {
    f(); // warms up
    assert_eq!(allocator::calls(f), 0, "{what}: the allocator was called");
}

/// `test` calls each public method of the path: `calls` says of which sources, and on what they are
/// called in that file.
pub(crate) fn assert_each_is_called(test: &str, calls: &[(&str, &[&str])]) {
    let called = |receivers: &[&str], method: &str| {
        receivers.iter().any(|receiver| test.contains(&format!("{receiver}{method}(")))
    };
    for (prefix, receivers) in calls {
        for (file, source) in sources::sources(prefix) {
            let declared = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub fn "));
            for method in declared
                .map(|line| line.split(['(', '<']).next().unwrap())
                .filter(|name| !["new", "only", "as_slice", "remove", "remove_where"].contains(name))
            {
                assert!(called(receivers, method), "{method} of {file} isn't called in this test");
            }
        }
    }
}
