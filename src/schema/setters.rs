//! The settings of a schema.

use super::{SchemaBuilder, limits::Limits};

impl SchemaBuilder {
    /// Adds a label with the same value to all samples, the crate's own included: a cluster, say,
    /// or a version. On pages it comes before all other labels. The value is any UTF-8.
    /// [`build`](Self::build) checks the name: no family and no engine may have it too.
    ///
    /// Labels that a scraper adds by itself (`job`, `instance`) are better left to it.
    ///
    /// ```
    /// # use tachometer::{Registry, Schema};
    /// let mut schema = Schema::builder(&["engine"]);
    /// schema.const_label("cluster", "eu-1");
    /// let steps = schema.counter::<u64>("steps", "Steps of the engine.").declare()?;
    /// let registry = Registry::new(schema.build()?);
    /// let engine = registry.attach(&["0"])?;
    /// # let mut page = Vec::new();
    /// # registry.render(&mut page);
    /// # let page = String::from_utf8(page)?;
    /// # assert!(page.contains("\nsteps_total{cluster=\"eu-1\",engine=\"0\"} 0\n"));
    /// # assert!(page.contains("\ntachometer_rendered_bytes_total{cluster=\"eu-1\"} 0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn const_label(&mut self, name: &str, value: &str) -> &mut Self {
        self.const_labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits how many exclusive recorders an engine can have at the same time, and how many the
    /// registry can. From 1 to 1,024; the default is 64. Each takes a slab, and every snapshot
    /// reads all slabs.
    pub fn max_recorders(&mut self, limit: usize) -> &mut Self {
        self.limits.max_recorders = limit.clamp(1, Limits::MAX_RECORDERS);
        self
    }

    /// Limits the samples (lines of a page) of an engine, and likewise those of the registry. The
    /// default is 20,000. The crate's [own samples](crate::docs::self_metrics) don't count. The
    /// limit holds for the whole schema, no matter when it is set.
    pub fn max_samples(&mut self, limit: usize) -> &mut Self {
        self.limits.max_samples = limit;
        self
    }

    /// Lets tests reach the limit.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn max_text(&mut self, limit: usize) -> &mut Self {
        self.limits.max_text = limit;
        self
    }

    /// Sets how many threads have a shard of their own for what they record with shared recorders
    /// ([`Engine::shared_recorder`](crate::Engine::shared_recorder)), at most 1,024. All further
    /// threads share one more, where recording takes about three times as long, and longer if they
    /// meet. The default is the number of threads that can run at the same time
    /// ([`available_parallelism`](std::thread::available_parallelism)) and two more, at most 64.
    /// Only an engine with shared recorders has shards. Each shard takes 8 bytes per word, and
    /// every snapshot reads all of them.
    pub fn shards(&mut self, shards: usize) -> &mut Self {
        self.limits.shards = Some(shards);
        self
    }
}
