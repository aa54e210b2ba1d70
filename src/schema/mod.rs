//! What is measured: families, their series and their bounds. All of it is fixed before the first
//! engine attaches.
//!
//! `builder` and `declare` declare and check. The other modules of the crate build on the other
//! files. There is one validator (`SchemaBuilder::add`), and all outputs rely on it.

pub(crate) mod bounds;
mod bucket_table;
mod builder;
pub(crate) mod choice;
pub(crate) mod declare;
mod error;
pub(crate) mod family;
pub(crate) mod handle;
mod label_enum;
pub(crate) mod layout;
pub(crate) mod limits;
mod name;
mod room;
pub(crate) mod self_families;
mod setters;
pub(crate) mod shape;
#[cfg(all(test, not(loom)))]
mod tests;
pub(crate) mod types;
pub(crate) mod value;

use std::{collections::HashMap, fmt, sync::Arc};

pub(crate) use self::name::exposes;
pub use self::{builder::SchemaBuilder, error::SchemaError};
use self::{
    family::Family,
    layout::{Diagnostic, Layout, Scope},
    limits::Limits,
    self_families::SelfFamilies,
};

/// What is measured: all declared families. It never changes, and is cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    engine_labels: Vec<String>,
    /// Names and values.
    const_labels: Vec<(String, String)>,
    /// The declared ones, and behind them the crate's own: the same in each schema.
    families: Vec<Family>,
    declared: usize,
    /// Every name that a declared family exposes, and the family's index.
    exposed: HashMap<String, usize>,
    /// One per scope.
    layouts: [Arc<Layout>; Scope::COUNT],
    self_families: SelfFamilies,
    limits: Limits,
}

impl Schema {
    /// Whether these are clones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn engine_labels(&self) -> &[String] {
        &self.0.engine_labels
    }

    /// Labels that all samples have, with their values.
    pub(crate) fn const_labels(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.const_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The declared families.
    pub(crate) fn families(&self) -> &[Family] {
        &self.0.families[..self.0.declared]
    }

    /// The index of the declared family that exposes a name.
    fn find(&self, name: &str) -> Option<usize> {
        self.0.exposed.get(name).copied()
    }

    /// The index of the crate's own family that exposes a name.
    fn find_own(&self, name: &str) -> Option<usize> {
        let mut own = self.own_families().iter();
        own.position(|family| name.starts_with(name::SELF_PREFIX) && family.exposes(name))
    }

    /// The crate's own families, in the same order in each schema. Those that say nothing about
    /// this schema are hidden.
    pub(crate) fn own_families(&self) -> &[Family] {
        &self.0.families[self.0.declared..]
    }

    /// Whether it has registry-wide families. If not, those of the crate about the registry's
    /// recorders are hidden, which come behind those about an engine's.
    pub(crate) fn has_registry_wide(&self) -> bool {
        !self.own_families()[Diagnostic::COUNT].hidden
    }

    /// Checks that this schema exposes no name that the other one exposes.
    pub(crate) fn check_names(&self, other: &Self) -> Result<(), SchemaError> {
        let (own, others) = (&self.0.exposed, &other.0.exposed);
        let shared = own.iter().filter_map(|(name, family)| Some((family, name, others.get(name)?)));
        let Some((family, exposed, other_family)) = shared.min() else { return Ok(()) };
        let (family, other) = (self.0.families[*family].name.clone(), other.0.families[*other_family].name.clone());
        if family == other {
            return Err(SchemaError::DuplicateFamily { family });
        }
        Err(SchemaError::ExposedNameClash { family, other, exposed: exposed.clone() })
    }

    /// The same schema with the constant labels of another one, on whose pages it is shown. Handles
    /// fit both.
    pub(crate) fn with_const_labels(&self, other: &Self) -> Result<Self, SchemaError> {
        for (name, _) in other.const_labels() {
            let label = || name.to_owned();
            if self.const_labels().any(|(own, _)| own == name) || self.engine_labels().iter().any(|own| own == name) {
                return Err(SchemaError::DuplicateLabel { family: None, label: label() });
            }
            for family in self.families() {
                let layout = self.layout(family.scope);
                let own = family.label_names(&layout.dynamic, &layout.infos);
                if mutant!(own.iter().any(|own| *own == name), "schema: a page's label that a family has" => false) {
                    return Err(SchemaError::DuplicateLabel { family: Some(family.name.clone()), label: label() });
                }
            }
        }
        let const_labels = other.0.const_labels.iter().chain(&self.0.const_labels).cloned().collect();
        Ok(Self(Arc::new(Inner { const_labels, ..Inner::clone(&self.0) })))
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
