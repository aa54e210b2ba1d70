//! The connectors of vLLM 0.33.0: a table each. Their rows are in the order of vLLM's page.

use super::{
    summary::{Figure, Stat, Summary},
    sums::Percentile,
    table::{Absent, At, At::Key, Exists, Exists::FirstEvent, Exists::Start, FamilyRow, Known, Metric::*, Sample},
    table::{Table, Take},
};

pub(super) mod hisparse;
pub(super) mod offloading;
mod storage;
mod transfer;

pub(super) use self::{
    storage::{HF3FS, MOONCAKE_STORE, SIMPLE_CPU_OFFLOAD, UMBP},
    transfer::{MOONCAKE, NIXL_PULL, NIXL_PUSH},
};

/// Where the connectors whose payloads tag their numbers have them.
const DATA: At<'static> = Key("data");
const TYPES: Known<'static> = Known { path: &[Key("types")], absent: Absent::Nothing };
