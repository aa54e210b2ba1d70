//! `/metrics` on four HTTP stacks. Each file is all that a program needs: [`tachometer::http`]
//! decides, the stack carries.

pub mod actix;
pub mod axum;
pub mod hyper;
pub mod tiny_http;
