//! Files of tests.

use std::{ops::Deref, path::Path};

/// A file for one test, deleted when the test is over.
pub(crate) struct TempFile(String);

impl TempFile {
    /// In cargo's directory for tests, under a name that another run of the tests doesn't use.
    pub(crate) fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("a test can write its file");
        Self(path.to_str().expect("a path in UTF-8").to_owned())
    }
}

impl Deref for TempFile {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A file that stays does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}
