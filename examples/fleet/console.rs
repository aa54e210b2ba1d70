//! Lines on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to stderr. If nobody can read it that is no reason to panic, as `eprintln` would: the replay, its report
/// and the exit code are worth more.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
