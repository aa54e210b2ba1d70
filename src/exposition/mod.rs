//! Bytes from a snapshot.

mod format;
mod joined;
mod lines;
mod number;
mod options;
mod renderer;

pub use self::{format::Format, options::PageOptions, renderer::Renderer};
pub(crate) use self::{number::write_milliseconds, renderer::Style};
