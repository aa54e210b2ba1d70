//! Mutants: something that a promise rests on is taken away or changed, so that a check can be seen
//! to fail. `scripts/mutants` lists them, chooses each in turn, and runs the check.
//!
//! No normal build has them: without `--cfg tachometer_mutants` the macro stands for the real code
//! alone. With it, `TACHOMETER_MUTANT=NAME` chooses one when the process starts.

/// `mutant!(real, "name" => mutated, …)` is `real`, or what stands behind the name that was chosen.
/// Without `real` it is nothing, unless it is chosen.
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

/// The chosen mutant's name, or nothing. Never modelled: also under loom a standard static.
#[cfg(tachometer_mutants)]
pub(crate) fn chosen() -> &'static str {
    static CHOSEN: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var("TACHOMETER_MUTANT").unwrap_or_default());
    &CHOSEN
}
