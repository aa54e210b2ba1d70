//! vLLM's log lines: what happened since the previous lines, in vLLM's words.

use std::{collections::HashMap, fmt, mem};

use tachometer::{EngineView, Snapshot};

use self::values::{Counters, Gauges, finite_if, living};
use crate::{Families, families::log::LogFamilies};

mod values;

/// One line per engine, or one line for all engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogStyle {
    /// `Engine 000: …` for each engine, named by its label `engine`.
    PerEngine,
    /// `2 Engines Aggregated: …`: sums, and the mean KV cache usage of all engines.
    Aggregated,
}

/// The log level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLevel {
    /// Tokens were computed or generated in this interval or in the previous one.
    Info,
    /// No tokens were computed or generated for two intervals.
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

/// A line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Its log level.
    pub level: LogLevel,
    /// Its text, without a line feed at the end.
    pub text: String,
}

#[cfg(feature = "log")]
impl LogLine {
    /// Logs the line through the [`log`](https://docs.rs/log) facade, with the target
    /// `tachometer_vllm`. Needs the feature `log`.
    pub fn log(&self) {
        let level = match self.level {
            LogLevel::Info => ::log::Level::Info,
            LogLevel::Debug => ::log::Level::Debug,
        };
        ::log::log!(target: "tachometer_vllm", level, "{}", self.text);
    }
}

/// Describes what happened between two snapshots, as vLLM's loggers do. [`Families::log_lines`]
/// returns it.
///
/// All rates and counts cover the interval since the previous call. Prompt tokens are those that
/// were computed here, neither cached nor received. Hit rates cover the last 1,000 requests. An
/// engine's line may be followed by one about its drafts and one about its estimated work
/// ([`Config::mfu`](crate::Config::mfu)), if it reported any in the interval.
///
/// An engine that attached in the interval counts from zero, even if it has the labels of one that
/// left: engines are told apart by their [incarnation](EngineView::incarnation), never by their
/// counts. An engine that left has no line, and adds nothing to the line about all engines. To see
/// what it counted last, let it [linger](tachometer::Engine::linger) for longer than an interval.
/// Then it has a line, or a share in the line about all engines, for each interval in which it
/// still counted something, even if another engine has its labels by now. The line about all
/// engines neither counts it as an engine nor includes its gauges.
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
/// let lines = families.log_lines(LogStyle::PerEngine, &snapshot, 0.0);
/// let mut lines = lines.expect("they are switched on");
/// // Every ten seconds or so:
/// registry.snapshot(&mut snapshot);
/// for line in lines.next(&snapshot, start.elapsed().as_secs_f64()) {
///     println!("{} {}", line.level, line.text);
///     # assert_eq!(line.text, "Engine 000: Avg prompt throughput: 0.0 tokens/s, \
///     # Avg generation throughput: 0.0 tokens/s, \
///     # Running: 0 reqs, Waiting: 0 reqs, GPU KV cache usage: 0.0%");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogLines {
    families: Families,
    log: LogFamilies,
    style: LogStyle,
    /// What the KV cache is in, as lines name it.
    device: String,
    /// When the previous lines were written.
    last_at: f64,
    engines: Vec<Engine>,
    /// Any engine computed or generated tokens in the previous interval. Used by the aggregated
    /// line.
    any_active: bool,
}

/// What is remembered about an engine.
#[derive(Debug, Default)]
struct Engine {
    incarnation: u64,
    counters: Counters,
    /// It computed or generated tokens in the previous interval.
    active: bool,
}

impl Families {
    /// Log lines about what engines do after `snapshot`, which was taken at the time `now`: seconds
    /// on a monotonic clock, from any origin. An empty snapshot means that no engine has done
    /// anything yet. All snapshots must be of one registry.
    ///
    /// `None` without [`Config::log_lines`](crate::Config::log_lines).
    ///
    /// # Panics
    /// If the snapshot was taken of a registry with another schema.
    #[must_use]
    pub fn log_lines(&self, style: LogStyle, snapshot: &Snapshot, now: f64) -> Option<LogLines> {
        let (families, log, engines) = (*self, self.log?, Vec::new());
        let mut lines =
            LogLines { families, log, style, device: "GPU".to_owned(), last_at: now, engines, any_active: false };
        lines.growth(snapshot);
        Some(lines)
    }
}

impl LogLines {
    /// Chooses the device whose KV cache lines are about, by its type in vLLM: `cuda` (ROCm has it
    /// too, and so has this until it is called) is `GPU`, and any other is in upper case.
    #[must_use]
    pub fn device_type(mut self, device_type: &str) -> Self {
        self.device = if device_type == "cuda" { "GPU".to_owned() } else { device_type.to_uppercase() };
        self
    }

    /// The lines about the time since the previous snapshot. `snapshot` was taken at the time
    /// `now`. If that is NaN or infinite, there are no lines, and the next ones cover this time
    /// too.
    ///
    /// # Panics
    /// If the snapshot was taken of a registry with another schema.
    pub fn next(&mut self, snapshot: &Snapshot, now: f64) -> Vec<LogLine> {
        self.next_with(snapshot, now, |_, _| None)
    }

    /// As [`next`](Self::next), with one more line after those about an engine and its drafts, or
    /// about all engines: where vLLM has the line about KV transfers. `further` gets the engine, or
    /// `None` if the lines are about all, and the level of its lines.
    ///
    /// ```
    /// # use tachometer::Snapshot;
    /// # use tachometer_vllm::{LogLines, connectors::TransferLog};
    /// # fn example(lines: &mut LogLines, snapshot: &Snapshot, now: f64, log: &mut TransferLog) {
    /// let lines = lines.next_with(snapshot, now, |_, level| log.line(level));
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the snapshot was taken of a registry with another schema.
    pub fn next_with(
        &mut self,
        snapshot: &Snapshot,
        now: f64,
        mut further: impl FnMut(Option<&EngineView<'_>>, LogLevel) -> Option<LogLine>,
    ) -> Vec<LogLine> {
        if !now.is_finite() {
            return Vec::new();
        }
        let growth = self.growth(snapshot);
        let seconds = now - mem::replace(&mut self.last_at, now);
        match self.style {
            LogStyle::PerEngine => self.of_each(snapshot, &growth, seconds, &mut further),
            LogStyle::Aggregated => self.of_all(snapshot, &growth, seconds, &mut |level| further(None, level)),
        }
    }

    /// How much the counters of each engine in the snapshot grew since the previous snapshot.
    fn growth(&mut self, snapshot: &Snapshot) -> Vec<Counters> {
        let known = mem::take(&mut self.engines).into_iter();
        let mut known: HashMap<_, _> = known.map(|engine| (engine.incarnation, engine)).collect();
        let mut growth = Vec::new();
        for view in counting(snapshot) {
            let (incarnation, counters) = (view.incarnation(), Counters::read(&self.families, &self.log, &view));
            let engine = known.remove(&incarnation).unwrap_or_default();
            growth.push(counters.since(&engine.counters));
            self.engines.push(Engine { incarnation, counters, ..engine });
        }
        growth
    }

    fn of_each(
        &mut self,
        snapshot: &Snapshot,
        growth: &[Counters],
        seconds: f64,
        further: &mut impl FnMut(Option<&EngineView<'_>>, LogLevel) -> Option<LogLine>,
    ) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let (families, log, device) = (&self.families, &self.log, &*self.device);
        for ((view, growth), engine) in counting(snapshot).zip(growth).zip(&mut self.engines) {
            if view.lingers() && *growth == Counters::default() {
                continue;
            }
            let (prefix, gauges) = (&prefix(&view), &Gauges::read(families, log, &view));
            let writer = LineWriter { families, device, prefix, growth, gauges, seconds };
            writer.write(&mut engine.active, &mut lines, &mut |level| further(Some(&view), level));
        }
        lines
    }

    fn of_all(
        &mut self,
        snapshot: &Snapshot,
        growth: &[Counters],
        seconds: f64,
        further: &mut dyn FnMut(LogLevel) -> Option<LogLine>,
    ) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let (families, log, device) = (&self.families, &self.log, &*self.device);
        let mut sum = growth.iter().fold(Counters::default(), |sum, one| sum.plus(one));
        // Estimates are for one device: their sum over engines means nothing.
        sum.perf_reports = 0;
        let gauges = &Gauges::of_all(families, log, snapshot);
        let prefix = &format!("{} Engines Aggregated: ", living(snapshot).count());
        let writer = LineWriter { families, device, prefix, growth: &sum, gauges, seconds };
        writer.write(&mut self.any_active, &mut lines, further);
        lines
    }
}

/// All engines that may have counted something, those that were replaced first.
fn counting(snapshot: &Snapshot) -> impl Iterator<Item = EngineView<'_>> {
    snapshot.replaced().chain(snapshot.engines())
}

/// `Engine 007: `. A label that isn't a number is printed as it is.
fn prefix(engine: &EngineView<'_>) -> String {
    let label = engine.label("engine").unwrap_or_default();
    match label.parse::<i64>() {
        Ok(number) => format!("Engine {number:03}: "),
        Err(_) => format!("Engine {label}: "),
    }
}

/// Writes the lines about one engine, or about all.
struct LineWriter<'a> {
    families: &'a Families,
    device: &'a str,
    prefix: &'a str,
    growth: &'a Counters,
    gauges: &'a Gauges,
    /// The length of the interval.
    seconds: f64,
}

impl LineWriter<'_> {
    /// `active` is what it was in the previous interval.
    fn write(&self, active: &mut bool, lines: &mut Vec<LogLine>, further: &mut dyn FnMut(LogLevel) -> Option<LogLine>) {
        let tokens = [self.growth.computed_tokens, self.growth.generation_tokens];
        let throughputs = tokens.map(|tokens| self.rate(tokens as f64));
        let was_active = mem::replace(active, throughputs != [0.0; 2]);
        let level = if *active || was_active { LogLevel::Info } else { LogLevel::Debug };
        lines.push(LogLine { level, text: self.main(throughputs) });
        if self.growth.draft_reports > 0 {
            lines.push(LogLine { level, text: self.drafts() });
        }
        lines.extend(further(level));
        if self.growth.perf_reports > 0 {
            lines.push(LogLine { level, text: self.mfu() });
        }
    }

    /// The amount per second of the interval; 0 if no time has passed.
    fn rate(&self, amount: f64) -> f64 {
        if self.seconds > 0.0 { finite_if(amount.is_finite(), amount / self.seconds) } else { 0.0 }
    }

    fn main(&self, [prompt, generation]: [f64; 2]) -> String {
        let Gauges { running, waiting, deferred, kv_fetch, kv_cache_usage, lookups } = self.gauges;
        let mut parts = vec![
            format!("Avg prompt throughput: {} tokens/s", fixed(prompt, 1)),
            format!("Avg generation throughput: {} tokens/s", fixed(generation, 1)),
            format!("Running: {running} reqs"),
            format!("Waiting: {waiting} reqs"),
        ];
        if *deferred > 0 {
            parts.push(format!("Deferred: {deferred} reqs"));
        }
        if self.growth.preemptions > 0 {
            parts.push(format!("Preemptions: {}", self.growth.preemptions));
        }
        if *kv_fetch != [0; 3] {
            let [to_start, in_progress, completed] = kv_fetch;
            parts.push(format!(
                "KV fetch: {to_start} waiting to start, {in_progress} in progress, {completed} completed waiting"
            ));
        }
        let usage = finite_if(kv_cache_usage.is_finite(), kv_cache_usage * 100.0);
        parts.push(format!("{} KV cache usage: {}%", self.device, fixed(usage, 1)));
        let [prefix, external, multi_modal] = lookups.map(|lookups| lookups.hit_rate());
        let hit_rate = |parts: &mut Vec<String>, cache, rate: Option<f64>| {
            parts.extend(rate.map(|rate| format!("{cache} cache hit rate: {}%", fixed(rate * 100.0, 1))));
        };
        hit_rate(&mut parts, "Prefix", prefix);
        if self.families.corrupted_requests.is_some() {
            parts.push(format!("Corrupted: {} reqs", self.growth.corrupted));
        }
        hit_rate(&mut parts, "External prefix", external);
        hit_rate(&mut parts, "MM", multi_modal);
        format!("{}{}", self.prefix, parts.join(", "))
    }

    fn drafts(&self) -> String {
        let Counters { drafts, draft_tokens, accepted_tokens, .. } = *self.growth;
        let [d, t, a] = [drafts, draft_tokens, accepted_tokens].map(|count| count as f64);
        let accepted_throughput = fixed(self.rate(a), 2);
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
        let rates = self.growth.accepted_by_position().iter();
        let rates: Vec<_> = rates.map(|accepted| fixed(*accepted as f64 / d, 3)).collect();
        format!(
            "SpecDecoding metrics: Mean acceptance length: {}, Accepted throughput: {accepted_throughput} tokens/s, \
             Drafted throughput: {} tokens/s, Accepted: {accepted_tokens} tokens, Drafted: {draft_tokens} tokens, \
             Per-position acceptance rate: {}, Avg Draft acceptance rate: {}%",
            fixed(1.0 + a / d, 2),
            fixed(self.rate(t), 2),
            rates.join(", "),
            fixed(if t > 0.0 { a / t * 100.0 } else { f64::NAN }, 1),
        )
    }

    fn mfu(&self) -> String {
        let [tera, giga] = [(self.growth.flops, 1e12), (self.growth.bytes, 1e9)].map(|(n, unit)| self.rate(n) / unit);
        format!("{}MFU: {} TF/s/device {} GB/s/device", self.prefix, fixed(tera, 1), fixed(giga, 1))
    }
}

/// The number with this many decimals, as Python prints it: NaN in lower case.
fn fixed(number: f64, decimals: usize) -> String {
    if number.is_nan() { "nan".to_owned() } else { format!("{number:.decimals$}") }
}
