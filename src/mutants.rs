//! Mutants: each takes away or changes something that a promise rests on, so that a check can be
//! seen to fail. `scripts/mutants` lists them, chooses each in turn, and runs the check.
//!
//! No normal build has them: without `--cfg tachometer_mutants`, the macro is just the real code.
//! With it, `TACHOMETER_MUTANT=NAME` chooses one when the process starts.

/// `mutant!(real, "name" => mutated, …)` is `real`, unless a name is chosen: then it is the
/// expression after that name. Without `real`, it is nothing unless a name is chosen.
#[cfg(not(tachometer_mutants))]
macro_rules! mutant {
    ($($name:literal => $mutated:expr),+ $(,)?) => {};
    ($real:expr, $($name:literal => $mutated:expr),+ $(,)?) => {
        $real
    };
}

#[cfg(tachometer_mutants)]
macro_rules! mutant {
    ($($name:literal => $mutated:expr),+ $(,)?) => {
        mutant!((), $($name => $mutated),+)
    };
    ($real:expr, $($name:literal => $mutated:expr),+ $(,)?) => {
        match $crate::mutants::chosen() {
            $($name => $mutated,)+
            _ => $real,
        }
    };
}

/// The name of the chosen mutant, or nothing. It is never modelled: under loom, too, it is a
/// standard static.
#[cfg(tachometer_mutants)]
pub(crate) fn chosen() -> &'static str {
    static CHOSEN: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var("TACHOMETER_MUTANT").unwrap_or_default());
    &CHOSEN
}

/// Calls a closure under a lock, as code would that waits for other threads: for mutants.
#[cfg(tachometer_mutants)]
macro_rules! under_a_lock {
    ($call:expr) => {
        $crate::mutants::locked($call)
    };
}

#[cfg(tachometer_mutants)]
#[allow(clippy::disallowed_types)]
pub(crate) fn locked<R>(call: impl FnOnce() -> R) -> R {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _locked = LOCK.lock();
    call()
}
