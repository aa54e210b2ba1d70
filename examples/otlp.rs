//! Turns a snapshot into OTLP/JSON: an `ExportMetricsServiceRequest`, as an OpenTelemetry collector
//! takes it by HTTP at `/v1/metrics`. The walk over a snapshot carries any other format likewise.
//!
//! `cargo run --example otlp` prints the request after a step of an engine with vLLM's families.
//!
//! In protobuf's JSON mapping, integers of 64 bits are strings, names are in camel case, and a
//! double that isn't finite is a string. OTLP asks for enums as numbers.
//! Source: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tachometer::{
    FamilyView, HistogramView, MetricType, ObservationValue, Registry, SampleValue, SampleView, Schema, Snapshot,
};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u32 = 2;

/// The request for a snapshot that was taken at this time. `resource` are attributes of the
/// process, such as `service.name`.
pub(crate) fn request(snapshot: &Snapshot, taken: SystemTime, resource: &[(&str, &str)]) -> Value {
    let nanoseconds = taken.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos()).to_string();
    let families = snapshot.families().filter(|family| family.samples().next().is_some());
    let metrics: Vec<Value> = families.map(|family| metric(&family, &nanoseconds)).collect();
    json!({
        "resourceMetrics": [{
            "resource": { "attributes": attributes(resource.iter().copied()) },
            "scopeMetrics": [{
                "scope": { "name": "tachometer" },
                "metrics": metrics,
            }],
        }],
    })
}

fn metric(family: &FamilyView<'_>, nanoseconds: &str) -> Value {
    let points: Vec<Value> = family.samples().map(|sample| point(&sample, nanoseconds)).collect();
    let (kind, data) = match family.metric_type() {
        MetricType::Counter => {
            ("sum", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true }))
        }
        MetricType::Histogram => ("histogram", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE })),
        _ => ("gauge", json!({ "dataPoints": points })),
    };
    // The name is without `_total`: whoever makes a page of it again appends that.
    let mut metric = json!({ "name": family.name(), "description": family.help(), kind: data });
    if let Some(unit) = family.unit() {
        metric["unit"] = unit_in_ucum(unit).into();
    }
    metric
}

/// Units as OpenTelemetry writes them.
fn unit_in_ucum(unit: &str) -> String {
    match unit {
        "seconds" => "s".to_owned(),
        "bytes" => "By".to_owned(),
        "ratio" => "1".to_owned(),
        other => format!("{{{other}}}"),
    }
}

/// The start time is left out, which means that it isn't known.
fn point(sample: &SampleView<'_>, nanoseconds: &str) -> Value {
    let mut point = match sample.value() {
        // There is no unsigned type.
        SampleValue::U64(value) => match i64::try_from(value) {
            Ok(value) => json!({ "asInt": value.to_string() }),
            Err(_) => json!({ "asDouble": value as f64 }),
        },
        SampleValue::I64(value) => json!({ "asInt": value.to_string() }),
        SampleValue::F64(value) => json!({ "asDouble": double(value) }),
        SampleValue::U64Histogram(histogram) => buckets(&histogram, histogram.sum() as f64),
        SampleValue::F64Histogram(histogram) => buckets(&histogram, histogram.sum()),
    };
    point["attributes"] = attributes(sample.labels());
    point["timeUnixNano"] = nanoseconds.into();
    point
}

fn buckets<T: ObservationValue>(histogram: &HistogramView<'_, T>, sum: f64) -> Value {
    let counts: Vec<String> = histogram.bucket_counts().iter().map(u64::to_string).collect();
    let mut point = json!({
        "count": histogram.count().to_string(),
        "bucketCounts": counts,
        "explicitBounds": histogram.upper_bounds(),
    });
    // A sum that can fall must be left out.
    if histogram.upper_bounds()[0] >= 0.0 {
        point["sum"] = double(sum);
    }
    point
}

fn double(value: f64) -> Value {
    match value {
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value if value.is_nan() => "NaN".into(),
        value => value.into(),
    }
}

fn attributes<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> Value {
    labels.map(|(name, value)| json!({ "key": name, "value": { "stringValue": value } })).collect()
}

#[allow(dead_code)] // a test has the functions above
fn main() -> Result<(), Box<dyn Error>> {
    let mut schema = Schema::builder(&["engine", "model_name"]);
    let families = tachometer_vllm::Families::declare(&mut schema, &tachometer_vllm::Config::new())?;
    let registry = Registry::new(schema.build()?);
    let engine = registry.attach(&["0", "llama"])?;
    let mut recorder = engine.recorder()?;
    let mut metrics = families.engine_metrics(&mut recorder);
    let mut step = recorder.step();
    metrics.record(&mut step, &tachometer_vllm::StepStats::default());
    step.commit();

    let mut snapshot = Snapshot::new();
    registry.snapshot(&mut snapshot);
    println!("{:#}", request(&snapshot, SystemTime::now(), &[("service.name", "llm-server")]));
    Ok(())
}
