//! An info on its way into the schema.

use super::{
    SchemaBuilder, check_labels,
    error::SchemaError,
    handle::Info,
    layout::{InfoLayout, Scope},
    owner,
};

/// An info that is being described; [`declare`](InfoDeclaration::declare) checks it and returns its handle. See
/// [`SchemaBuilder::info`].
#[must_use = "an info is only part of the schema once `declare` was called"]
#[derive(Debug)]
pub struct InfoDeclaration<'b, const N: usize> {
    builder: &'b mut SchemaBuilder,
    parts: InfoParts,
}

/// What is known of the info so far.
#[derive(Clone, Debug)]
pub(super) struct InfoParts {
    pub(super) name: String,
    pub(super) help: String,
    labels: Vec<String>,
    /// `None`: all of the schema's.
    engine_labels: Option<Vec<String>>,
}

impl<'b, const N: usize> InfoDeclaration<'b, N> {
    pub(super) fn new(builder: &'b mut SchemaBuilder, name: &str, help: &str, labels: [&str; N]) -> Self {
        let labels = labels.map(str::to_owned).into();
        let parts = InfoParts { name: name.to_owned(), help: help.to_owned(), labels, engine_labels: None };
        Self { builder, parts }
    }

    /// Chooses which of the schema's engine labels the samples have, and in which order. All unless called.
    ///
    /// Where the samples of several engines would have the same values for them, a page shows one: that with the greatest
    /// value (by [`f64::total_cmp`]), of equal ones that of the engine which attached last.
    pub fn engine_labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.parts.engine_labels = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// Checks the info, adds it to the schema and returns its handle. Whether its labels fit the engine labels is
    /// checked by [`SchemaBuilder::build`].
    ///
    /// # Errors
    /// [`SchemaError`] names what is wrong and how to mend it; the builder is left as it was.
    pub fn declare(self) -> Result<Info<N>, SchemaError> {
        let schema = self.builder.schema_number(Scope::Engine);
        let index = self.builder.add_info(self.parts)?;
        Ok(Info { schema, index })
    }
}

impl InfoParts {
    /// Checks the info's own labels.
    pub(super) fn check_own_labels(&self) -> Result<(), SchemaError> {
        check_labels(&owner(&self.name), self.labels.iter())
    }

    /// Finds the chosen labels among the schema's `engine_labels`.
    pub(super) fn layout(self, engine_labels: &[String]) -> Result<InfoLayout, SchemaError> {
        let chosen = self.engine_labels.as_deref().unwrap_or(engine_labels);
        check_labels(&owner(&self.name), chosen.iter().chain(&self.labels))?;
        let place = |label: &String| {
            let place = engine_labels.iter().position(|other| other == label);
            place.ok_or_else(|| SchemaError::UnknownEngineLabel { family: self.name.clone(), label: label.clone() })
        };
        let engine_labels = chosen.iter().map(place).collect::<Result<_, _>>()?;
        Ok(InfoLayout { labels: self.labels.into(), engine_labels })
    }
}
