//! What is measured: families, their series and their bounds. All of it is fixed before the first
//! engine attaches.
//!
//! `builder` and `declare` declare and check. The other modules of the crate build on the other
//! files. There is one validator (`SchemaBuilder::add`), and all outputs rely on it.

pub(crate) mod bounds;
mod builder;
pub(crate) mod declare;
mod error;
pub(crate) mod family;
pub(crate) mod handle;
mod label_enum;
pub(crate) mod layout;
pub(crate) mod limits;
mod name;
pub(crate) mod number;
mod room;
mod search;
pub(crate) mod self_families;
mod setters;
pub(crate) mod shape;
#[cfg(all(test, not(loom)))]
mod tests;
pub(crate) mod value;

use std::{fmt, sync::Arc};

pub use self::{builder::SchemaBuilder, error::SchemaError};
use self::{
    family::Family,
    layout::{Layout, Scope},
    limits::Limits,
    self_families::SelfFamilies,
};

/// What is measured: all declared families. It never changes, and is cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    engine_labels: Vec<String>,
    /// Names and values.
    const_labels: Vec<(String, String)>,
    families: Vec<Family>,
    /// One per scope.
    layouts: [Arc<Layout>; Scope::COUNT],
    self_families: SelfFamilies,
    limits: Limits,
}

impl Schema {
    pub(crate) fn engine_labels(&self) -> &[String] {
        &self.0.engine_labels
    }

    /// Labels that all samples have, with their values.
    pub(crate) fn const_labels(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.const_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.0.families
    }

    pub(crate) fn layout(&self, scope: Scope) -> &Arc<Layout> {
        &self.0.layouts[scope as usize]
    }

    pub(crate) fn self_families(&self) -> &SelfFamilies {
        &self.0.self_families
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.families().iter().map(|family| &family.name).collect();
        f.debug_struct("Schema").field("engine_labels", &self.engine_labels()).field("families", &names).finish()
    }
}
