//! The handles of what the registry records about its pages.

use super::handle::{Counter, Histogram};

/// The handles of the families about pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelfFamilies {
    pub(crate) retries: Counter<u64>,
    pub(crate) seconds: Histogram<f64>,
    pub(crate) bytes: Counter<u64>,
}
