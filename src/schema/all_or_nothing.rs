//! Families that are declared together or not at all.

use super::SchemaBuilder;

impl SchemaBuilder {
    /// Runs `declare`, which declares several families. If it fails, none of them is declared, and
    /// the builder is as it was before. Forget the handles that `declare` got by then: other
    /// families take their places. For libraries that declare a set.
    ///
    /// ```
    /// # use tachometer::{Schema, SchemaError};
    /// let mut schema = Schema::builder();
    /// schema.counter::<u64>("hits", "Hits of my own cache.").declare()?;
    /// let refused = schema.all_or_nothing(|schema| {
    ///     let queries = schema.counter::<u64>("queries", "Of a library's cache.").declare()?;
    ///     let hits = schema.counter::<u64>("hits", "Of a library's cache.").declare()?;
    ///     Ok::<_, SchemaError>([queries, hits])
    /// });
    /// assert!(refused.is_err());
    /// schema.counter::<u64>("queries", "Queries of my own cache.").declare()?; // the name is free
    /// # Ok::<(), SchemaError>(())
    /// ```
    ///
    /// # Errors
    /// Those of `declare`.
    pub fn all_or_nothing<T, E>(&mut self, declare: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let mut draft = self.duplicate();
        let declared = declare(&mut draft)?;
        *self = draft;
        Ok(declared)
    }

    /// Not `Clone`: handles of one builder would fit the other's schema, and mean other series.
    fn duplicate(&self) -> Self {
        Self {
            drafts: self.drafts.clone(),
            engine_labels: self.engine_labels.clone(),
            engine_labels_twice: self.engine_labels_twice,
            families: self.families.clone(),
            exposed: self.exposed.clone(),
            infos: self.infos.clone(),
            limits: self.limits,
        }
    }
}
