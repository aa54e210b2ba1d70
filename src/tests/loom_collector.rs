//! Models of the registry's collectors.

use loom::thread;

use super::explore::explore;
use crate::{Collector, CollectorError, Registry, Schema};

fn registry() -> Registry {
    Registry::new(Schema::builder(&[]).build().expect("a valid schema"))
}

fn collector(registry: &Registry) -> Result<Collector, CollectorError> {
    let mut schema = Schema::builder(&[]);
    schema.counter::<u64>("ticks", "").declare().expect("a valid family");
    registry.collector(schema.build().expect("a valid schema"), |_| Ok(()))
}

/// How often a page has the family.
fn shown(registry: &Registry) -> usize {
    registry.page().matches("\nticks_total 0\n").count()
}

/// Of two collectors with the same names, the one that comes second is refused.
#[test]
fn the_same_names_are_collected_once() {
    explore(3, [[true, false], [false, true]], || {
        let registry = registry();
        let other = registry.clone();
        let thread = thread::spawn(move || collector(&other).ok());
        let (own, others) = (collector(&registry).ok(), thread.join().unwrap());
        assert_eq!(shown(&registry), 1, "torn");
        [own.is_some(), others.is_some()]
    });
}

/// A page has all of a collector, or nothing of it.
#[test]
fn a_collector_comes_and_leaves_against_a_page() {
    explore(3, [0, 1], || {
        let registry = registry();
        let other = registry.clone();
        let thread = thread::spawn(move || drop(collector(&other)));
        let seen = shown(&registry);
        thread.join().unwrap();
        assert_eq!(shown(&registry), 0, "torn");
        seen
    });
}
