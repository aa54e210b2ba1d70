//! Log lines through the facade of the crate `log`. With the feature `log`.

use std::sync::OnceLock;

use crossbeam_channel::{Receiver, Sender};
use tachometer_vllm::{LogLevel, LogLine};

/// Sends on what is logged.
struct Sink(Sender<(log::Level, String, String)>);

impl log::Log for Sink {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = (record.level(), record.target().to_owned(), record.args().to_string());
        self.0.send(line).expect("somebody listens");
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

#[test]
fn a_line_is_logged_at_its_level() {
    let logged = logged();
    for (level, expected) in [(LogLevel::Info, log::Level::Info), (LogLevel::Debug, log::Level::Debug)] {
        LogLine { level, text: "Engine 000: {} 100%".to_owned() }.log();
        let line = logged.try_recv().expect("it was logged");
        assert_eq!(line, (expected, "tachometer_vllm".to_owned(), "Engine 000: {} 100%".to_owned()));
    }
}
