//! The other crates' side of `docs/from-prometheus.md`. It is compiled here, and its pages are
//! checked. A test of the documents compares the two texts, indentation aside.

use anyhow::ensure;

/// Fails unless each snippet's page has the sample that the document says.
pub(crate) fn check() -> anyhow::Result<()> {
    let (prometheus, client, metrics) = (prometheus()?, client()?, metrics()?);
    for (page, sample) in [
        (&prometheus, "http_requests_total{status=\"ok\"} 1"),
        (&prometheus, "http_request_seconds_count 1"),
        (&prometheus, "pool_connections 7"),
        (&client, "served_tokens_total{tenant=\"acme\"} 12"),
        (&metrics, "queue_depth 0"),
        (&metrics, "queue_failures_total{reason=\"full\"} 1"),
    ] {
        ensure!(page.lines().any(|line| line == sample), "{sample} isn't in\n{page}");
    }
    Ok(())
}

fn prometheus() -> anyhow::Result<String> {
    use prometheus::{
        Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
        core::{Collector, Desc},
        proto::MetricFamily,
    };

    let registry = Registry::new();
    let requests = IntCounterVec::new(Opts::new("http_requests_total", "Requests."), &["status"])?;
    let seconds = HistogramOpts::new("http_request_seconds", "Of a request.").buckets(vec![0.1, 1.0]);
    let seconds = Histogram::with_opts(seconds)?;
    registry.register(Box::new(requests.clone()))?;
    registry.register(Box::new(seconds.clone()))?;

    let timer = seconds.start_timer();
    requests.with_label_values(&["ok"]).inc();
    timer.observe_duration();

    struct Pool(IntGauge);

    impl Collector for Pool {
        fn desc(&self) -> Vec<&Desc> {
            self.0.desc()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            self.0.set(connections());
            self.0.collect()
        }
    }

    registry.register(Box::new(Pool(IntGauge::new("pool_connections", "Open connections.")?)))?;

    let page = TextEncoder::new().encode_to_string(&registry.gather())?;
    Ok(page)
}

fn connections() -> i64 {
    7
}

fn client() -> anyhow::Result<String> {
    use prometheus_client::{
        encoding::{EncodeLabelSet, prometheus_text},
        metrics::{counter::Counter, family::Family},
        registry::Registry,
    };

    #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Tenant {
        tenant: String,
    }

    let tokens = Family::<Tenant, Counter>::default();
    let mut registry = Registry::default();
    registry.register("served_tokens", "Tokens served.", tokens.clone());

    let acme = Tenant { tenant: "acme".to_owned() };
    tokens.get_or_create(&acme).inc_by(12);

    let mut page = String::new();
    prometheus_text::encode(&mut page, &registry)?;
    tokens.remove(&acme);
    Ok(page)
}

/// Records into a recorder of its own, rather than into the one of the program.
fn metrics() -> anyhow::Result<String> {
    use metrics::{counter, describe_gauge, gauge};
    use metrics_exporter_prometheus::PrometheusBuilder;

    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe_gauge!("queue_depth", "Requests that wait.");

        gauge!("queue_depth").increment(1.0);
        counter!("queue_failures_total", "reason" => "full").increment(1);
        gauge!("queue_depth").decrement(1.0);
    });
    Ok(handle.render())
}
