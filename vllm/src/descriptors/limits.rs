//! How much a descriptor may declare.

use super::error::DescriptorError;

/// How much one descriptor may declare, since it comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries: metrics of the document. Several may share a family. The default is 256.
    pub entries: usize,
    /// Families. The default is 64.
    pub families: usize,
    /// Samples per engine: lines of a page. The default is 2,000.
    pub samples: usize,
    /// Constant labels of a family. The default is 8.
    pub labels: usize,
    /// Bytes of text of a page, per engine: names, help texts and labels. The default is 262,144.
    pub text: usize,
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 256, families: 64, samples: 2_000, labels: 8, text: 262_144, _non_exhaustive: () }
    }
}

pub(super) fn within(what: &'static str, found: usize, limit: usize) -> Result<(), DescriptorError> {
    let exceeded = mutant!(
        found > limit,
        "descriptor: any number of entries" => found > limit && what != "entries",
        "descriptor: any number of families" => found > limit && what != "families",
        "descriptor: any number of labels" => found > limit && what != "labels",
        "descriptor: any number of samples" => found > limit && what != "samples",
        "descriptor: any length of text" => found > limit && what != "text",
    );
    if exceeded { Err(DescriptorError::TooMany { what, found, limit }) } else { Ok(()) }
}
