//! Declares the families of a descriptor.

use std::sync::Arc;

use tachometer::{SchemaBuilder, SchemaError};

use super::{
    error::DescriptorError,
    group::{self, Family, Group},
    limits::{Limits, within},
    read::{Descriptor, SampleKind},
};

/// The families of a descriptor, once they are declared. A clone is cheap.
#[derive(Clone, Debug)]
pub struct DescriptorFamilies {
    pub(super) families: Arc<[Family]>,
    pub(super) samples: Arc<[Sample]>,
}

/// What is taken from a payload, and the series that gets it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) family: usize,
    pub(super) series: usize,
    pub(super) kind: SampleKind,
    pub(super) path: Vec<String>,
    pub(super) scale: f64,
}

impl Descriptor {
    /// Declares the families in `schema`, which should have the engine labels of the registry that
    /// it joins. Entries with one name, type and list of bounds share a family, with the help of
    /// the first. A counter's name may end in `_total` or not.
    ///
    /// Families without constant labels are part of the step. The series of the others are
    /// [dynamic](tachometer::DynamicSeries), one per set of labels: they show at once.
    ///
    /// # Errors
    /// [`DescriptorError::TooMany`], or what the schema refuses: whatever no page may hold. An
    /// example is one name with two types. `schema` is then unchanged.
    pub fn declare(&self, schema: &mut SchemaBuilder, limits: Limits) -> Result<DescriptorFamilies, DescriptorError> {
        within("entries", self.entries.len(), limits.entries)?;
        let (groups, series) = group::groups(&self.entries, limits)?;
        within("samples", groups.iter().map(Group::samples).sum(), limits.samples)?;
        within("text", groups.iter().map(Group::text).sum(), limits.text)?;
        let all = |schema: &mut SchemaBuilder| {
            groups.iter().map(|group| group.declare(schema)).collect::<Result<_, SchemaError>>()
        };
        let families = mutant!(schema.all_or_nothing(all), "descriptor: half of it is declared" => all(schema))?;
        let samples = self.entries.iter().zip(series).map(|(entry, (family, series))| Sample {
            family,
            series,
            kind: entry.kind,
            path: entry.path.clone(),
            scale: entry.scale,
        });
        Ok(DescriptorFamilies { samples: samples.collect(), families })
    }
}
