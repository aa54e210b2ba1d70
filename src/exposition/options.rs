//! What a page has.

use crate::schema::choice::FamilyChoice;

/// What a page has. By default these are all families, without the times of their creation.
///
/// ```
/// # use tachometer::{Format, PageOptions, Registry, Schema};
/// # let mut schema = Schema::builder(&["engine"]);
/// # let tokens = schema.counter::<u64>("tokens", "Tokens.").declare()?;
/// # let waiting = schema.gauge::<i64>("requests_waiting", "").declare()?;
/// # let registry = Registry::new(schema.build()?);
/// # let _engine = registry.attach(&["0"])?;
/// let options = PageOptions::new().families(["requests_waiting"]);
/// let mut page = Vec::new();
/// registry.render_as(Format::OpenMetrics, &options, &mut page);
/// let lines = "# TYPE requests_waiting gauge\nrequests_waiting{engine=\"0\"} 0\n# EOF\n";
/// assert_eq!(String::from_utf8(page)?, lines);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PageOptions {
    created: bool,
    /// The families that the page has.
    pub(crate) families: FamilyChoice,
}

impl PageOptions {
    /// All families, without the times of their creation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds when each counter and histogram began at zero, as `_created` samples: when the engine
    /// attached, or when a series with dynamic labels was looked up first. They follow the other
    /// samples with the same labels, where Prometheus looks for them. Only OpenMetrics has them.
    /// The families of [collectors](crate::Registry::collector) have none, because nobody knows
    /// since when their values count.
    ///
    /// Prometheus stores them as series of their own, unless
    /// `--enable-feature=created-timestamp-zero-ingestion` makes it use them. So they are off by
    /// default.
    #[must_use]
    pub fn created(mut self) -> Self {
        self.created = true;
        self
    }

    /// Only families that expose one of these names: that of the family itself or of its samples,
    /// as `x`, `x_total`, `x_bucket` or `x_created`. The page always has the whole family. A name
    /// that nothing exposes is ignored. With a second call, only families in both lists are left.
    ///
    /// Such a page costs what it shows: nothing else is read from engines, and a
    /// [collector](crate::Registry::collector) that has none of the families isn't called.
    #[must_use]
    pub fn families(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.families.narrow(names.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn has_created(&self) -> bool {
        self.created
    }
}
