//! KV connectors: what their tables record and print, against what vLLM's own code printed.

mod configurations;
mod goldens;
mod lines;
mod numbers;
mod page;
mod refused;
mod rig;
mod wire;
