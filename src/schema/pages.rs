//! Families about pages: what reading and rendering took. The registry records them itself.

use super::{
    SchemaBuilder,
    declaration::Declaration,
    handle::{Counter, Histogram},
};

/// Their handles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageFamilies {
    pub(crate) retries: Counter<u64>,
    pub(crate) seconds: Histogram<f64>,
    pub(crate) bytes: Counter<u64>,
}

/// From a page of few engines to one that a scrape may give up on.
const SECONDS: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];

impl PageFamilies {
    pub(super) fn declare(builder: &mut SchemaBuilder) -> Self {
        let retries =
            "Tries of a snapshot to read a recorder that failed, each because a step was committed meanwhile.";
        let seconds = "How long rendering a page took, with its snapshot.";
        Self {
            retries: Declaration::new(builder, "tachometer_snapshot_retries", retries, &[]).declare_of_pages(),
            seconds: Declaration::new(builder, "tachometer_render_seconds", seconds, &SECONDS).declare_of_pages(),
            bytes: Declaration::new(builder, "tachometer_rendered_bytes", "Bytes of all pages.", &[])
                .declare_of_pages(),
        }
    }
}
