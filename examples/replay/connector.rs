//! Scenarios of a KV connector: the payloads that it reports, without engine steps.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use tachometer::{Engine, Recorder, Registry, Schema};
use tachometer_vllm::connectors::{ConnectorFamilies, ConnectorMetrics, KvConnector, Offloading, OffloadingSpec};
use tachometer_vllm::connectors::{TransferLog, Value};
use tachometer_vllm::{BucketFamily, Config, LogLevel, LogStyle};

use crate::args::Args;
use crate::json::Number;
use crate::python;

const FORMAT: u64 = 1;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Header(Header),
    Stats { engine: i64 },
    Log,
}

#[derive(Deserialize)]
struct Header {
    format: u64,
    connector: String,
    configuration: Configuration,
    engines: Vec<i64>,
    model_name: String,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    kv_connector_extra_config: Json,
    kv_cache_metrics: Option<bool>,
    custom_histogram_buckets: Option<BTreeMap<String, Vec<f64>>>,
}

/// What has to be kept as it is written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    t: Option<Number>,
}

/// The page, or the log lines.
pub(crate) fn output(args: &Args) -> Result<Vec<u8>> {
    let text = fs::read_to_string(&args.scenario)?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().context("the scenario is empty: it begins with a header")?;
    let Line::Header(header) = serde_json::from_str(header).context("line 1")? else {
        bail!("line 1: the scenario begins with something else than its header");
    };
    let mut replay = Replay::start(&header, args.log.map(Into::into)).context("line 1")?;
    for (index, line) in lines.filter(|_| !args.start) {
        replay.apply(line, index + 1).with_context(|| format!("line {}", index + 1))?;
    }
    Ok(if args.log.is_some() { replay.log.into_bytes() } else { own_families(&replay.registry.page()).into_bytes() })
}

struct Replay {
    registry: Registry,
    engines: HashMap<i64, EngineReplay>,
    /// One for each engine, with its number, or one for all.
    logs: Vec<(Option<i64>, TransferLog)>,
    log: String,
}

struct EngineReplay {
    recorder: Recorder,
    metrics: ConnectorMetrics,
    /// Dropping it would remove its series.
    _attached: Engine,
}

impl Replay {
    fn start(header: &Header, style: Option<LogStyle>) -> Result<Self> {
        if header.format != FORMAT {
            bail!("format {}: only {FORMAT} is known", header.format);
        }
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let Configuration { kv_connector_extra_config: extra, kv_cache_metrics, .. } = &header.configuration;
        let connector = connector(&header.connector, extra, kv_cache_metrics.unwrap_or(false))?;
        let families = ConnectorFamilies::declare(&mut schema, &connector, &config(&header.configuration)?)?;
        let registry = Registry::new(schema.build()?);
        let mut engines = HashMap::new();
        for number in &header.engines {
            let attached = registry.attach(&[&number.to_string(), &header.model_name])?;
            let (recorder, metrics) = (attached.recorder()?, families.metrics(&attached));
            engines.insert(*number, EngineReplay { recorder, metrics, _attached: attached });
        }
        let logs = match style {
            Some(LogStyle::PerEngine) => {
                header.engines.iter().map(|engine| (Some(*engine), families.transfer_log())).collect()
            }
            Some(_) => vec![(None, families.transfer_log())],
            None => Vec::new(),
        };
        Ok(Self { registry, engines, logs, log: String::new() })
    }

    fn apply(&mut self, line: &str, number: usize) -> Result<()> {
        let written: Written<'_> = serde_json::from_str(line)?;
        match serde_json::from_str(line)? {
            Line::Header(_) => bail!("a second header"),
            Line::Stats { engine } => {
                let payload = written.payload.context("there is no payload")?;
                self.record(engine, payload.get().as_bytes(), number)
            }
            Line::Log => {
                let t = written.t.context("there is no time")?;
                let t = python::text(&t.written).map_err(anyhow::Error::msg)?;
                self.write_log(&t.to_string());
                Ok(())
            }
        }
    }

    /// A payload that doesn't fit is left out, and stderr says why.
    fn record(&mut self, engine: i64, json: &[u8], line: usize) -> Result<()> {
        let replay = self.engines.get_mut(&engine).with_context(|| format!("engine {engine} isn't in the header"))?;
        let payload = Value::from_json(json)?;
        let mut step = replay.recorder.step();
        let mut recorded = replay.metrics.record(&mut step, &payload);
        step.commit();
        for (of, log) in &mut self.logs {
            if of.is_none_or(|of| of == engine) {
                recorded = recorded.and_then(|()| log.add(&payload));
            }
        }
        if let Err(error) = recorded {
            let _ = writeln!(io::stderr(), "warning: line {line}: {error}");
        }
        Ok(())
    }

    fn write_log(&mut self, t: &str) {
        for (engine, log) in &mut self.logs {
            self.log.push_str(&format!("# log() at t={t}"));
            if let Some(engine) = engine {
                self.log.push_str(&format!(" engine={engine}"));
            }
            self.log.push('\n');
            if let Some(line) = log.line(LogLevel::Info) {
                self.log.push_str(&format!("{} {}\n", line.level, line.text));
            }
        }
    }
}

/// The bounds that matter to connectors.
fn config(configuration: &Configuration) -> Result<Config> {
    let residency = configuration.custom_histogram_buckets.as_ref().and_then(|all| all.get("kv_cache_residency"));
    Ok(residency.map_or(Config::new(), |bounds| Config::new().bounds(BucketFamily::KvCacheResidency, bounds.clone())))
}

fn connector<'a>(name: &'a str, extra: &'a Json, kv_cache_metrics: bool) -> Result<KvConnector<'a>> {
    Ok(match name {
        "NixlConnector" | "NixlPullConnector" => KvConnector::NixlPull,
        "NixlPushConnector" => KvConnector::NixlPush,
        "MooncakeConnector" => KvConnector::Mooncake,
        "MooncakeStoreConnector" => KvConnector::MooncakeStore,
        "OffloadingConnector" => KvConnector::Offloading(offloading(extra)),
        "SimpleCPUOffloadConnector" => KvConnector::SimpleCpuOffload,
        "HF3FSKVConnector" => KvConnector::Hf3fs,
        "HiSparseConnector" => KvConnector::HiSparse { kv_cache_metrics },
        "UMBPStoreConnector" => KvConnector::Umbp,
        "MultiConnector" => {
            let members = extra["connectors"].as_array().context("the connector has no members")?;
            let member = |member: &'a Json| {
                let name = member["kv_connector"].as_str().context("a member has no name")?;
                connector(name, &member["kv_connector_extra_config"], kv_cache_metrics)
            };
            KvConnector::Multi(members.iter().map(member).collect::<Result<_>>()?)
        }
        other => KvConnector::Without(other),
    })
}

fn offloading(extra: &Json) -> Offloading<'static> {
    let has_tier =
        |is_it: fn(&Json) -> bool| extra["secondary_tiers"].as_array().is_some_and(|tiers| tiers.iter().any(is_it));
    let spec = match extra["spec_name"].as_str() {
        None | Some("CPUOffloadingSpec") => OffloadingSpec::Cpu,
        Some("TieringOffloadingSpec") => OffloadingSpec::Tiering {
            kvcr: has_tier(|tier| tier["type"] == "kvcr" && is_true(&tier["enable_telemetry"])),
            info_labels: if has_tier(|tier| tier["type"] == "example") { &["example_info"] } else { &[] },
        },
        Some(_) => OffloadingSpec::Other { families: &[], info_labels: &[] },
    };
    Offloading { spec, store_threshold: integer(&extra["store_threshold"]) }
}

/// Python's `bool(value)`.
fn is_true(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(value) => *value,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(entries) => !entries.is_empty(),
    }
}

/// Python's `int(value)`. What is negative or no number is 0.
fn integer(value: &Json) -> u64 {
    match value {
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number.as_u64().unwrap_or(number.as_f64().unwrap_or(0.0) as u64),
        Json::String(text) => text.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

/// A page without what it says about itself.
fn own_families(page: &str) -> String {
    let name = |line: &str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").to_owned();
    let own = page.lines().filter(|line| !name(line).starts_with("tachometer_"));
    own.map(|line| format!("{line}\n")).collect()
}
