//! vLLM's log lines: what happened since the lines before, in vLLM's own words.

use std::{fmt, mem};

use tachometer::{EngineView, Snapshot};

use self::interval::{Counts, State};
use crate::{Families, families::log::LogFamilies};

mod interval;

/// Whether there is a line for each engine, or one for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// `Engine 000: …` for each engine, by its label `engine`.
    PerEngine,
    /// `2 Engines Aggregated: …`: sums, and the mean KV cache usage of all engines.
    Aggregated,
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Tokens were computed or generated in this interval, or in the one before.
    Info,
    /// Nothing was for two intervals.
    Debug,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        })
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud it is.
    pub level: LogLevel,
    /// What it says, without a line feed at its end.
    pub text: String,
}

#[cfg(feature = "log")]
impl LogLine {
    /// Logs it through the [`log`](https://docs.rs/log) facade, with the target `tachometer_vllm`. With the feature `log`.
    pub fn log(&self) {
        let level = match self.level {
            LogLevel::Info => ::log::Level::Info,
            LogLevel::Debug => ::log::Level::Debug,
        };
        ::log::log!(target: "tachometer_vllm", level, "{}", self.text);
    }
}

/// Says what happened from one snapshot to the next, as vLLM's loggers do. From [`Families::log_lines`].
///
/// Throughputs are those of the interval since the lines before; prompt tokens are those that were computed here, neither cached nor
/// received. Hit rates are those of the last 1,000 requests. An engine's line may be followed by one about its drafts and one about its
/// estimated work ([`Config::mfu`](crate::Config::mfu)), for the time since there was such a line before.
///
/// ```
/// # use std::time::Instant;
/// # use tachometer::{Registry, Schema, Snapshot};
/// # use tachometer_vllm::{Config, Families, LogStyle};
/// let mut schema = Schema::builder(&["engine"]);
/// let families = Families::declare(&mut schema, &Config::new().log_lines(true))?;
/// let registry = Registry::new(schema.build()?);
/// let engine = registry.attach(&["0"])?;
///
/// let (mut snapshot, start) = (Snapshot::new(), Instant::now());
/// registry.snapshot(&mut snapshot);
/// let mut lines = families.log_lines(LogStyle::PerEngine, &snapshot, 0.0).expect("they are switched on");
/// // Every ten seconds or so:
/// registry.snapshot(&mut snapshot);
/// for line in lines.next(&snapshot, start.elapsed().as_secs_f64()) {
///     println!("{} {}", line.level, line.text);
///     # assert_eq!(line.text, "Engine 000: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 0.0 tokens/s, \
///     # Running: 0 reqs, Waiting: 0 reqs, GPU KV cache usage: 0.0%");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogLines {
    families: Families,
    log: LogFamilies,
    style: LogStyle,
    /// When the lines before were.
    before: f64,
    engines: Vec<Engine>,
    /// Of the lines about all engines.
    all: Clock,
}

/// What is remembered of an engine.
#[derive(Debug)]
struct Engine {
    labels: Vec<String>,
    counts: Counts,
    clock: Clock,
}

impl Engine {
    fn new(labels: &[String], now: f64) -> Self {
        Self { labels: labels.to_vec(), counts: Counts::default(), clock: Clock::new(now) }
    }
}

/// What an engine's lines say depends on the lines before only by this.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Tokens were computed or generated in the interval before.
    active: bool,
    /// When the last line about drafts was.
    drafts: f64,
    /// When the last line about estimated work was.
    mfu: f64,
}

impl Clock {
    const fn new(now: f64) -> Self {
        Self { active: false, drafts: now, mfu: now }
    }
}

impl Families {
    /// Log lines about what engines do from `snapshot` on, which was taken at the time `now`: seconds on a monotonic clock, from any
    /// origin. An empty snapshot stands for engines that haven't done anything.
    ///
    /// `None` without [`Config::log_lines`](crate::Config::log_lines).
    ///
    /// # Panics
    /// If the snapshot was taken of a registry with another schema.
    #[must_use]
    pub fn log_lines(&self, style: LogStyle, snapshot: &Snapshot, now: f64) -> Option<LogLines> {
        let (families, all) = (*self, Clock::new(now));
        let mut lines = LogLines { families, log: self.log?, style, before: now, engines: Vec::new(), all };
        lines.intervals(snapshot);
        Some(lines)
    }
}

impl LogLines {
    /// The lines about the time since the snapshot before. `snapshot` was taken at the time `now`.
    ///
    /// # Panics
    /// If the snapshot was taken of a registry with another schema.
    pub fn next(&mut self, snapshot: &Snapshot, now: f64) -> Vec<LogLine> {
        let intervals = self.intervals(snapshot);
        let time = Time { now, seconds: now - mem::replace(&mut self.before, now) };
        match self.style {
            LogStyle::PerEngine => self.of_each(snapshot, &intervals, time),
            LogStyle::Aggregated => self.of_all(snapshot, &intervals, time),
        }
    }

    /// How the counters of each engine in the snapshot grew since the snapshot before.
    fn intervals(&mut self, snapshot: &Snapshot) -> Vec<Counts> {
        let mut before = mem::take(&mut self.engines);
        let mut intervals = Vec::new();
        for view in snapshot.engines() {
            let (labels, counts) = (view.label_values(), Counts::read(&self.families, &self.log, &view));
            let mut engine = match before.iter().position(|engine| engine.labels == labels) {
                Some(known) => before.swap_remove(known),
                None => Engine::new(labels, self.before),
            };
            intervals.push(counts.since(&engine.counts));
            engine.counts = counts;
            self.engines.push(engine);
        }
        intervals
    }

    fn of_each(&mut self, snapshot: &Snapshot, intervals: &[Counts], time: Time) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let (families, log) = (&self.families, &self.log);
        for ((view, counts), engine) in snapshot.engines().zip(intervals).zip(&mut self.engines) {
            let (prefix, state) = (&prefix(&view), &State::read(families, log, &view));
            let about = About { families, prefix, counts, state, time };
            about.lines(&mut engine.clock, &mut lines);
        }
        lines
    }

    fn of_all(&mut self, snapshot: &Snapshot, intervals: &[Counts], time: Time) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let (families, log) = (&self.families, &self.log);
        let mut counts = intervals.iter().fold(Counts::default(), |sum, counts| sum.plus(counts));
        // Estimates are for one device: a sum over engines would say nothing.
        counts.perf_reports = 0;
        let state = &State::of_all(families, log, snapshot);
        let prefix = &format!("{} Engines Aggregated: ", intervals.len());
        About { families, prefix, counts: &counts, state, time }.lines(&mut self.all, &mut lines);
        lines
    }
}

/// `Engine 007: `; a label that isn't a number stands as it is.
fn prefix(engine: &EngineView<'_>) -> String {
    let label = engine.label("engine").unwrap_or_default();
    match label.parse::<i64>() {
        Ok(number) => format!("Engine {number:03}: "),
        Err(_) => format!("Engine {label}: "),
    }
}

/// The time of some lines, and how long their interval was: seconds.
#[derive(Clone, Copy)]
struct Time {
    now: f64,
    seconds: f64,
}

/// What the lines of an engine, or of all, are about.
struct About<'a> {
    families: &'a Families,
    prefix: &'a str,
    counts: &'a Counts,
    state: &'a State,
    time: Time,
}

impl About<'_> {
    fn lines(&self, clock: &mut Clock, lines: &mut Vec<LogLine>) {
        let tokens = [self.counts.computed_tokens, self.counts.generation_tokens];
        let throughputs = tokens.map(|tokens| rate(tokens as f64, self.time.seconds));
        let active = throughputs != [0.0; 2];
        let level = if active || clock.active { LogLevel::Info } else { LogLevel::Debug };
        clock.active = active;
        lines.push(LogLine { level, text: self.main(throughputs) });
        if self.counts.draft_reports > 0 {
            let seconds = self.time.now - mem::replace(&mut clock.drafts, self.time.now);
            lines.push(LogLine { level, text: self.drafts(seconds) });
        }
        if self.counts.perf_reports > 0 {
            let seconds = self.time.now - mem::replace(&mut clock.mfu, self.time.now);
            lines.push(LogLine { level, text: self.mfu(seconds) });
        }
    }

    fn main(&self, [prompt, generation]: [f64; 2]) -> String {
        let State { running, waiting, deferred, kv_fetch, kv_cache_usage, lookups } = self.state;
        let mut parts = vec![
            format!("Avg prompt throughput: {} tokens/s", fixed(prompt, 1)),
            format!("Avg generation throughput: {} tokens/s", fixed(generation, 1)),
            format!("Running: {running} reqs"),
            format!("Waiting: {waiting} reqs"),
        ];
        if *deferred > 0 {
            parts.push(format!("Deferred: {deferred} reqs"));
        }
        if self.counts.preemptions > 0 {
            parts.push(format!("Preemptions: {}", self.counts.preemptions));
        }
        if *kv_fetch != [0; 3] {
            let [to_start, in_progress, completed] = kv_fetch;
            parts.push(format!(
                "KV fetch: {to_start} waiting to start, {in_progress} in progress, {completed} completed waiting"
            ));
        }
        parts.push(format!("GPU KV cache usage: {}%", fixed(kv_cache_usage * 100.0, 1)));
        let [prefix, external, multi_modal] = lookups.map(|lookups| lookups.hit_rate());
        let hit_rate = |parts: &mut Vec<String>, cache, rate: Option<f64>| {
            parts.extend(rate.map(|rate| format!("{cache} cache hit rate: {}%", fixed(rate * 100.0, 1))));
        };
        hit_rate(&mut parts, "Prefix", prefix);
        if self.families.corrupted_requests.is_some() {
            parts.push(format!("Corrupted: {} reqs", self.counts.corrupted));
        }
        hit_rate(&mut parts, "External prefix", external);
        hit_rate(&mut parts, "MM", multi_modal);
        format!("{}{}", self.prefix, parts.join(", "))
    }

    fn drafts(&self, seconds: f64) -> String {
        let Counts { drafts, draft_tokens, accepted_tokens, .. } = *self.counts;
        let [d, t, a] = [drafts, draft_tokens, accepted_tokens].map(|count| count as f64);
        let accepted_throughput = fixed(rate(a, seconds), 2);
        if self.families.diffusion.is_some() {
            let share = |a: f64, b: f64| fixed(if b > 0.0 { a / b } else { f64::NAN }, 2);
            return format!(
                "DiffusionDecoding metrics: Committed token throughput: {accepted_throughput} tokens/s, Mean denoising \
                 steps per canvas: {}, Mean tokens committed per denoising step: {}, Committed: {accepted_tokens} tokens, \
                 Denoising steps: {drafts}, Canvas positions evaluated: {draft_tokens}",
                share(t, a),
                share(a, d),
            );
        }
        let rates = self.counts.accepted_by_position().iter();
        let rates: Vec<_> = rates.map(|accepted| fixed(*accepted as f64 / d, 3)).collect();
        format!(
            "SpecDecoding metrics: Mean acceptance length: {}, Accepted throughput: {accepted_throughput} tokens/s, \
             Drafted throughput: {} tokens/s, Accepted: {accepted_tokens} tokens, Drafted: {draft_tokens} tokens, \
             Per-position acceptance rate: {}, Avg Draft acceptance rate: {}%",
            fixed(1.0 + a / d, 2),
            fixed(rate(t, seconds), 2),
            rates.join(", "),
            fixed(if t > 0.0 { a / t * 100.0 } else { f64::NAN }, 1),
        )
    }

    fn mfu(&self, seconds: f64) -> String {
        let [tera, giga] =
            [(self.counts.flops, 1e12), (self.counts.bytes, 1e9)].map(|(n, unit)| rate(n, seconds) / unit);
        format!("{}MFU: {} TF/s/device {} GB/s/device", self.prefix, fixed(tera, 1), fixed(giga, 1))
    }
}

/// So much a second; 0 if no time has passed.
fn rate(amount: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount / seconds } else { 0.0 }
}

/// With so many decimals, as Python writes it: NaN in small letters.
fn fixed(number: f64, decimals: usize) -> String {
    if number.is_nan() { "nan".to_owned() } else { format!("{number:.decimals$}") }
}
