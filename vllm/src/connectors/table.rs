//! What a connector reports, as data: its families, where a payload has their numbers, and how
//! they are taken.

use super::summary::Summary;

/// A KV connector: its families in the order of the page, and its log line.
///
/// A connector of your own is a table, too. Its families are in the same schema as vLLM's and are
/// recorded in the same step, so a scrape shows a transfer together with the prompt tokens that it
/// brought, or shows neither.
///
/// ```
/// use tachometer::{Registry, Schema};
/// use tachometer_vllm::{Config, Families, LogLevel, connectors::*};
///
/// const fn sample(path: &'static [At<'static>], take: Take) -> Sample<'static> {
///     Sample { path, take, absent: Absent::Refused, value: 0 }
/// }
///
/// /// KV that is fetched from disks.
/// const DISKS: Table<'static> = Table {
///     name: "DiskConnector",
///     families: &[
///         FamilyRow {
///             name: "disk_kv:fetch_seconds",
///             help: "Duration of a fetch.",
///             metric: Metric::Histogram(&[0.01, 0.1, 1.0]),
///             labels: &[],
///             exists: Exists::Start,
///             samples: &[sample(&[At::Key("fetches")], Take::ObserveEach)],
///         },
///         FamilyRow {
///             name: "disk_kv:failures_total",
///             help: "Fetches that failed, by cause.",
///             metric: Metric::Counter,
///             labels: &["cause"],
///             exists: Exists::FirstEvent,
///             samples: &[sample(&[At::Key("failures"), At::EachKey], Take::Count)],
///         },
///     ],
///     known: &[],
///     tagged: false,
///     summary: Summary::Figures {
///         of_none: "0",
///         figures: &[Figure { label: "Num fetches", stat: Stat::Items("fetches") }],
///     },
/// };
///
/// let mut schema = Schema::builder(&["engine", "model_name"]);
/// let families = Families::declare(&mut schema, &Config::new())?;
/// let disks = ConnectorFamilies::declare(&mut schema, &KvConnector::Own(DISKS), &Config::new())?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0", "llama"])?;
/// let mut recorder = engine.recorder()?;
/// let mut metrics = families.engine_metrics(&mut recorder);
/// let (mut fetches, mut log) = (disks.metrics(&engine), disks.transfer_log());
///
/// let failures = [("timeout".into(), 2.into())];
/// let payload = [
///     ("fetches".into(), Value::Floats(&[0.02, 0.5])), // seconds
///     ("failures".into(), Value::map(&failures)),
/// ];
/// let payload = Value::map(&payload);
/// let mut step = recorder.step();
/// # let stats = tachometer_vllm::StepStats::default();
/// metrics.record(&mut step, &stats);
/// fetches.record(&mut step, &payload)?;
/// step.commit();
/// log.add(&payload)?;
///
/// let page = registry.page();
/// let labels = r#"engine="0",model_name="llama""#;
/// assert!(page.contains(&format!("disk_kv:fetch_seconds_count{{{labels}}} 2\n")));
/// assert!(page.contains(&format!("disk_kv:failures_total{{{labels},cause=\"timeout\"}} 2\n")));
/// assert_eq!(log.line(LogLevel::Info).unwrap().text, "KV Transfer metrics: Num fetches=2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table<'a> {
    /// The name of its class, under which a payload of several connectors has its part.
    pub name: &'a str,
    /// Its families.
    pub families: &'a [FamilyRow<'a>],
    /// What a payload has besides: places that no family takes numbers from.
    pub known: &'a [Known<'a>],
    /// Whether the payload tags each name of its map `data` with the type of its family, in its map
    /// `types`.
    pub tagged: bool,
    /// What its log line says.
    pub summary: Summary,
}

/// A family: a row of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FamilyRow<'a> {
    /// Its name as printed: a counter's ends in `_total`.
    pub name: &'a str,
    /// Its help text.
    pub help: &'a str,
    /// Its type.
    pub metric: Metric<'a>,
    /// The labels whose values come with the payload, in the order of the path.
    pub labels: &'a [&'a str],
    /// When its series exist.
    pub exists: Exists<'a>,
    /// Where its numbers are. Several add to one family.
    pub samples: &'a [Sample<'a>],
}

/// The type of a family, and of its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric<'a> {
    /// A counter of integers.
    Counter,
    /// A counter of floats.
    FloatCounter,
    /// A gauge that keeps what was recorded last.
    Gauge,
    /// A histogram with these upper bounds.
    Histogram(&'a [f64]),
}

impl Metric<'_> {
    /// Its name on a page.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Counter | Self::FloatCounter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// When the series of a family exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exists<'a> {
    /// From the start, as 0.
    Start,
    /// From the start, one for each of these values. [`Sample::value`] says which it adds to.
    StartBy {
        /// The name of the label.
        label: &'a str,
        /// Its values.
        values: &'a [&'a str],
    },
    /// Once a payload has a number for it, a 0 included.
    FirstEvent,
}

/// Where a payload has numbers, and how they are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The way from the payload to the numbers.
    pub path: &'a [At<'a>],
    /// What is done with them.
    pub take: Take,
    /// What holds if the last step of the path leads nowhere.
    pub absent: Absent,
    /// The index of its series among the values of [`Exists::StartBy`].
    pub value: usize,
}

/// A place in a payload that no family takes numbers from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<'a> {
    /// The way to it.
    pub path: &'a [At<'a>],
    /// What holds if it is absent.
    pub absent: Absent,
}

/// A step on the way into a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At<'a> {
    /// The value of this key of a map.
    Key(&'a str),
    /// Each value of a map whose keys are tuples of label values. As many values as the family has
    /// labels.
    Labels,
    /// Each value of a map whose keys are the values of one label.
    EachKey,
    /// Each item of a list of maps, whose values under these keys are label values.
    EachRecord(&'a [&'a str]),
}

/// How a number is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Adds an integer.
    Count,
    /// Adds each integer of a list.
    SumOfList,
    /// Adds a float.
    Float,
    /// Sets the gauge to a number.
    Set,
    /// Sets the gauge to the last number of a list. An empty list leaves it.
    SetLast,
    /// Observes each number of a list, or a single number.
    ObserveEach,
    /// Adds 1 for each map that the path leads to.
    One,
    /// Sets a gauge to 1 for each map of a list; the family's labels are keys of the map. A label
    /// that the map lacks is empty.
    Info,
}

/// What a payload without a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The payload doesn't fit.
    Refused,
    /// Nothing is recorded.
    Nothing,
    /// The number is 0.
    Zero,
}

/// Writes rows of a table: `name metric exists [labels] "help" { [path] take absent (value), … }`.
macro_rules! rows {
    ($($name:literal $metric:expr, $exists:expr, [$($label:literal),*] $help:literal
        { $([$($at:expr),+] $take:ident $absent:ident $($value:literal)?),* $(,)? })+) => {
        &[$(FamilyRow {
            name: $name,
            help: $help,
            metric: $metric,
            labels: &[$($label),*],
            exists: $exists,
            samples: &[$(Sample {
                path: &[$($at),+],
                take: Take::$take,
                absent: Absent::$absent,
                value: 0 $(+ $value)?,
            }),*],
        }),+]
    };
}
