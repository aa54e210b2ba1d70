//! Log lines through the facade of the crate `log`. Needs the feature `log`.

use std::sync::OnceLock;

use crossbeam_channel::{Receiver, Sender};
use tachometer::{Registry, Schema, Snapshot};
use tachometer_vllm::{Config, Families, IterationStats, LogLevel, LogStyle, StepStats};

/// Sends what is logged to the test.
struct Sink(Sender<(log::Level, String, String)>);

impl log::Log for Sink {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = (record.level(), record.target().to_owned(), record.args().to_string());
        self.0.send(line).expect("the test listens");
    }

    fn flush(&self) {}
}

fn logged() -> Receiver<(log::Level, String, String)> {
    static SINK: OnceLock<Sink> = OnceLock::new();
    let (sender, receiver) = crossbeam_channel::unbounded();
    log::set_logger(SINK.get_or_init(|| Sink(sender))).expect("the first logger");
    log::set_max_level(log::LevelFilter::Debug);
    receiver
}

/// The engine's name has braces and a percent sign, which the log must print as they are.
#[test]
fn a_line_is_logged_at_its_level() {
    let logged = logged();
    let mut schema = Schema::builder(&["engine"]);
    let families = Families::declare(&mut schema, &Config::new().log_lines(true)).unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["{} 100%"]).unwrap();
    let mut recorder = engine.recorder().unwrap();
    let mut metrics = families.engine_metrics(&mut recorder);
    let mut lines = families.log_lines(LogStyle::PerEngine, &Snapshot::new(), 0.0).unwrap();
    for (tokens, level, expected) in [(0, LogLevel::Debug, log::Level::Debug), (1, LogLevel::Info, log::Level::Info)] {
        let iteration = IterationStats { generation_tokens: tokens, ..Default::default() };
        let mut step = recorder.step();
        metrics.record(&mut step, &StepStats { iteration: Some(&iteration), ..Default::default() });
        step.commit();
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        let line = lines.next(&snapshot, (10 * (tokens + 1)) as f64).remove(0);
        assert!(line.level == level && line.text.starts_with("Engine {} 100%: "), "{line:?}");
        line.log();
        let logged = logged.try_recv().expect("it was logged");
        assert_eq!(logged, (expected, "tachometer_vllm".to_owned(), line.text));
    }
}
