//! Lines on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to stderr. A closed stderr is no reason to panic, as `eprintln` would: the replay,
/// its report and the exit code matter more.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
