//! Formats, and which client gets which page.

mod http;
mod negotiation;
mod pages;
