//! Mutants of this crate: see the core's `src/mutants.rs`. It has its own macro, since the core
//! exports nothing for tests.

/// `mutant!(real, "name" => mutated, …)` evaluates to `real`. In a build with mutants it evaluates
/// to the expression for the selected name, if that is one of these.
#[cfg(not(tachometer_mutants))]
macro_rules! mutant {
    ($real:expr, $($name:literal => $mutated:expr),+ $(,)?) => {
        $real
    };
}

#[cfg(tachometer_mutants)]
macro_rules! mutant {
    ($real:expr, $($name:literal => $mutated:expr),+ $(,)?) => {
        match std::env::var("TACHOMETER_MUTANT").as_deref() {
            $(Ok($name) => $mutated,)+
            _ => $real,
        }
    };
}
