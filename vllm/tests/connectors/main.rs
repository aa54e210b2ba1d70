//! KV connectors: what their tables record and print, against what vLLM's own code printed.

mod goldens;
mod numbers;
mod page;
mod refused;
mod rig;
mod wire;
