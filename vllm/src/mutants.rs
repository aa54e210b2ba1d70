//! Mutants of this crate: see the core's `src/mutants.rs`. A macro of its own, since the core exports
//! nothing for tests.

/// `mutant!(real, "name" => mutated, …)` is `real`. In a build with mutants it is what stands behind
/// the name that was chosen, if it is one of these.
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
