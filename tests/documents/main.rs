//! What the documents say, compared with the sources and with what is measured.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/one_engine.rs"]
mod one_engine;
#[path = "../common/one_step.rs"]
mod one_step;
#[macro_use]
#[path = "../common/auto_traits.rs"]
mod traits;

mod auto_traits;
mod circles;
mod claims;
mod comments;
mod compile_fail;
mod layering;
mod moving;
mod paths;
mod proofs;
mod readme;
mod self_metrics;
mod sizes;

use one_engine::shown;
use traits::sources;
