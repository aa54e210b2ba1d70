//! The processor: its name, and which of its cores a thread runs on.

use std::sync::OnceLock;

use core_affinity::CoreId;

/// The cores that this process may use, as they were before a thread was kept on one.
fn cores() -> &'static [CoreId] {
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default())
}

/// Keeps the calling thread on the `number`-th core.
pub(crate) fn pin(number: usize) {
    if let Some(core) = cores().get(number) {
        core_affinity::set_for_current(*core);
    }
}

/// Its name and how many cores this process may use.
pub(crate) fn name() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |line: &str| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned());
    let model = information.lines().find_map(named).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{model}, {} cores, {}", cores().len(), std::env::consts::OS)
}

/// The compiler that is installed: the one that built this, unless it was replaced since.
pub(crate) fn compiler() -> String {
    let output = std::process::Command::new("rustc").arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    version.split(" (").next().unwrap_or_default().to_owned()
}
