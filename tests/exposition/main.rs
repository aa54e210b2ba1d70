//! Formats, and which client gets which page.

mod chosen;
mod http;
mod negotiation;
mod pages;
