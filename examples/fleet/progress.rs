//! What the user sees during the replay, on stderr: a bar of finished requests, and every few
//! seconds one line per engine.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use indicatif::{ProgressBar, ProgressStyle};
use tachometer::Registry;

use crate::console::say;
use crate::fleet::Fleet;
use crate::layout::Layout;
use crate::meters::Meters;
use crate::numbers::{self, EngineNumbers};
use crate::report::grouped;

const BAR_EVERY: Duration = Duration::from_millis(250);
const LINES_EVERY: Duration = Duration::from_secs(5);

/// Returns when all engines are done.
pub(crate) fn show_until_done(fleet: &Fleet, registry: &Registry, meters: Meters, layout: Layout, requests: u64) {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} requests, {elapsed}").expect("a valid template");
    let bar = ProgressBar::new(requests).with_style(style);
    let mut lines_at = Instant::now() + LINES_EVERY;
    while fleet.done().recv_timeout(BAR_EVERY) == Err(RecvTimeoutError::Timeout) {
        let engines = numbers::read(registry, meters, layout);
        let ended = engines.iter().filter(|engine| engine.role.ends_requests()).map(|engine| engine.requests);
        bar.set_position(ended.sum());
        if Instant::now() >= lines_at {
            lines_at += LINES_EVERY;
            // Not the bar's `println`: that prints nothing if stderr isn't a terminal.
            bar.suspend(|| engines.iter().for_each(|engine| say(line(engine))));
        }
    }
    bar.finish_and_clear();
}

fn line(engine: &EngineNumbers) -> String {
    format!(
        "engine {} ({}): {} running, {} waiting, KV cache {:.1} %, {} prompt tokens ({} computed), {} generated",
        engine.engine,
        engine.role.name(),
        engine.running,
        engine.waiting,
        engine.kv_cache_usage * 100.0,
        grouped(engine.prompt_tokens),
        grouped(engine.local_compute),
        grouped(engine.generation_tokens),
    )
}
