//! What log lines count, and over which interval: of engines that attach, leave and are replaced,
//! and after idle time.

#[path = "common/log_rig.rs"]
mod log_rig;

use std::time::Duration;

use log_rig::Rig;
use proptest::prelude::*;
use tachometer_vllm::{
    Config, IterationStats, LogLevel, LogStyle, PerfStats, PromptTokens, SchedulerStats, SpecDecodeStats, StepStats,
};

const STYLES: [LogStyle; 2] = [LogStyle::PerEngine, LogStyle::Aggregated];

/// Computed prompt tokens, generated tokens, preemptions.
fn count(rig: &mut Rig, engine: usize, [computed, generation_tokens, preemptions]: [u64; 3]) {
    let prompt_tokens = PromptTokens { computed, ..Default::default() };
    let iteration = IterationStats { prompt_tokens, generation_tokens, preemptions, ..Default::default() };
    rig.record(engine, &StepStats { iteration: Some(&iteration), ..Default::default() });
}

/// Replaces an engine by another with the same labels.
fn replace(rig: &mut Rig, engine: usize) {
    drop(rig.all.engines.remove(engine));
    rig.all.attach(&engine.to_string());
    let last = rig.all.engines.pop().unwrap();
    rig.all.engines.insert(engine, last);
}

/// Throughputs and preemptions of each line.
fn counted(rig: &mut Rig, now: f64) -> Vec<[String; 3]> {
    let lines = rig.lines(now).into_iter().map(|line| line.text).filter(|line| line.contains("Avg prompt"));
    let number = |line: &str, name: &str| {
        let number = line.split_once(name).map_or("0", |(_, rest)| rest.split([' ', ',']).next().unwrap());
        number.to_owned()
    };
    lines
        .map(|line| ["prompt throughput: ", "generation throughput: ", "Preemptions: "].map(|name| number(&line, name)))
        .collect()
}

#[test]
fn an_engine_with_the_labels_of_another_counts_from_zero() {
    for style in STYLES {
        // More than its predecessor, equally much, and less.
        for (counts, expected) in [
            ([500, 60, 3], ["50.0", "6.0", "3"]),
            ([400, 40, 2], ["40.0", "4.0", "2"]),
            ([300, 40, 1], ["30.0", "4.0", "1"]),
            ([0, 0, 0], ["0.0", "0.0", "0"]),
        ] {
            let mut rig = Rig::new(Config::new(), style, 1);
            count(&mut rig, 0, [400, 40, 2]);
            assert_eq!(counted(&mut rig, 10.0), [["40.0", "4.0", "2"]]);
            replace(&mut rig, 0);
            count(&mut rig, 0, counts);
            assert_eq!(counted(&mut rig, 20.0), [expected], "{style:?}");
            count(&mut rig, 0, [10, 10, 1]);
            assert_eq!(counted(&mut rig, 30.0), [["1.0", "1.0", "1"]], "{style:?}");
        }
    }
}

#[test]
fn engines_that_stayed_count_on_whichever_others_were_replaced() {
    for (style, expected) in [
        (LogStyle::PerEngine, &[["10.0", "1.0", "1"], ["50.0", "6.0", "3"], ["90.0", "9.0", "4"]][..]),
        (LogStyle::Aggregated, &[["150.0", "16.0", "8"]]),
    ] {
        let mut rig = Rig::new(Config::new(), style, 3);
        (0..3).for_each(|engine| count(&mut rig, engine, [400, 40, 2]));
        counted(&mut rig, 10.0);
        replace(&mut rig, 2);
        count(&mut rig, 2, [7_000, 700, 70]); // shown in no line: it left before the next one
        (1..3).for_each(|engine| replace(&mut rig, engine));
        count(&mut rig, 0, [100, 10, 1]);
        count(&mut rig, 1, [500, 60, 3]);
        count(&mut rig, 2, [900, 90, 4]);
        assert_eq!(counted(&mut rig, 20.0), expected);
    }
}

#[test]
fn an_engine_that_left_takes_nothing_from_those_that_stayed() {
    for (style, all, one) in [
        (LogStyle::PerEngine, &[["10.0", "1.0", "1"]][..], ["40.0", "4.0", "2"]),
        (LogStyle::Aggregated, &[["10.0", "1.0", "1"]], ["40.0", "4.0", "2"]),
    ] {
        let mut rig = Rig::new(Config::new(), style, 2);
        (0..2).for_each(|engine| count(&mut rig, engine, [400, 40, 2]));
        counted(&mut rig, 10.0);
        drop(rig.all.engines.pop());
        count(&mut rig, 0, [100, 10, 1]);
        assert_eq!(counted(&mut rig, 20.0), all);
        // It comes back much later, and counts from zero all the same.
        rig.all.attach("1");
        count(&mut rig, 1, [400, 40, 2]);
        assert!(counted(&mut rig, 30.0).contains(&one.map(str::to_owned)), "{style:?}");
    }
}

#[test]
fn what_a_lingering_engine_counted_last_is_in_one_more_line() {
    for (style, expected) in [
        (LogStyle::PerEngine, &[["10.0", "1.0", "1"], ["3.0", "0.2", "0"]][..]),
        (LogStyle::Aggregated, &[["13.0", "1.2", "1"]]),
    ] {
        let mut rig = Rig::new(Config::new(), style, 2);
        (0..2).for_each(|engine| count(&mut rig, engine, [400, 40, 2]));
        counted(&mut rig, 10.0);
        count(&mut rig, 0, [100, 10, 1]);
        count(&mut rig, 1, [30, 2, 0]);
        let (engine, ..) = rig.all.engines.pop().unwrap();
        drop(engine.linger(Duration::from_secs(100_000)));
        assert_eq!(counted(&mut rig, 20.0), expected);
        // The next one with its labels ends the lingering, and counts from zero.
        rig.all.attach("1");
        count(&mut rig, 1, [500, 50, 3]);
        let replaced = counted(&mut rig, 30.0);
        assert_eq!(replaced.last().unwrap(), &["50.0", "5.0", "3"], "{style:?}");
        assert_eq!(replaced.len(), expected.len());
    }
}

/// Compares what each line is about, and the requests that run there.
#[test]
fn an_engine_that_lingers_counts_only_for_what_it_counted() {
    for (style, expected) in [
        (LogStyle::PerEngine, [&["Engine 000: 4", "Engine 001: 8"][..], &["Engine 000: 4"]]),
        (LogStyle::Aggregated, [&["1 Engines Aggregated: 4"], &["1 Engines Aggregated: 4"]]),
    ] {
        let mut rig = Rig::new(Config::new(), style, 2);
        let busy = |running| SchedulerStats { running, kv_cache_usage: 0.5, ..Default::default() };
        rig.scheduler(0, &busy(4));
        rig.scheduler(1, &busy(8));
        count(&mut rig, 1, [0, 30, 0]);
        let (engine, recorder, _) = rig.all.engines.pop().unwrap();
        drop(engine.linger(Duration::from_secs(100_000)));
        let mut shown = |now| -> Vec<String> {
            let lines = rig.lines(now).into_iter();
            lines
                .map(|line| {
                    assert!(line.text.contains("usage: 50.0%"), "{}", line.text);
                    let (label, rest) = line.text.split_once("Avg").unwrap();
                    let (_, running) = rest.split_once("Running: ").unwrap();
                    format!("{label}{}", running.split(' ').next().unwrap())
                })
                .collect()
        };
        assert_eq!(shown(10.0), expected[0]);
        assert_eq!(shown(20.0), expected[1], "it counted nothing more");
        drop(recorder);
    }
}

#[test]
fn what_a_lingering_engine_counted_is_told_even_if_it_was_replaced() {
    for (style, expected) in [
        (LogStyle::PerEngine, &[["3.0", "0.2", "0"], ["7.0", "0.7", "1"], ["50.0", "5.0", "3"]][..]),
        (LogStyle::Aggregated, &[["60.0", "5.9", "4"]]),
    ] {
        let mut rig = Rig::new(Config::new(), style, 1);
        count(&mut rig, 0, [400, 40, 2]);
        counted(&mut rig, 10.0);
        // Two of them leave within one interval.
        for counts in [[30, 2, 0], [70, 7, 1], [500, 50, 3]] {
            count(&mut rig, 0, counts);
            if counts[0] < 500 {
                let (engine, ..) = rig.all.engines.pop().unwrap();
                drop(engine.linger(Duration::from_secs(100_000)));
                rig.all.attach("0");
            }
        }
        assert_eq!(counted(&mut rig, 20.0), expected);
        count(&mut rig, 0, [10, 10, 1]);
        assert_eq!(counted(&mut rig, 30.0), [["1.0", "1.0", "1"]], "{style:?}");
    }
}

#[test]
fn a_time_that_is_not_finite_takes_nothing_from_the_next_lines() {
    for style in STYLES {
        let mut rig = Rig::new(Config::new(), style, 1);
        for now in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            count(&mut rig, 0, [100, 10, 1]);
            assert!(rig.lines(now).is_empty());
        }
        assert_eq!(counted(&mut rig, 10.0), [["30.0", "3.0", "3"]], "{style:?}");
    }
}

#[test]
fn engines_that_swap_their_labels_are_other_engines() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 2);
    count(&mut rig, 0, [400, 40, 2]);
    count(&mut rig, 1, [100, 10, 1]);
    counted(&mut rig, 10.0);
    rig.all.engines.clear();
    rig.all.attach("1");
    rig.all.attach("0");
    count(&mut rig, 0, [500, 50, 3]);
    count(&mut rig, 1, [500, 50, 3]);
    assert_eq!(counted(&mut rig, 20.0), [["50.0", "5.0", "3"]; 2]);
}

#[test]
fn drafts_estimates_and_corrupted_requests_of_a_replaced_engine_count_from_zero() {
    let mut rig = Rig::new(Config::new().nan_check(true).mfu(true), LogStyle::PerEngine, 1);
    let record = |rig: &mut Rig, factor| {
        let iteration = IterationStats { corrupted: factor, ..Default::default() };
        let spec_decode = SpecDecodeStats {
            drafts: factor,
            draft_tokens: 2 * factor,
            accepted_tokens: factor,
            accepted_per_position: &[factor],
            ..Default::default()
        };
        let perf = PerfStats { flops: 1e13 * factor as f64, read_bytes: 1e10 * factor as f64, ..Default::default() };
        let scheduler = SchedulerStats { spec_decode: Some(spec_decode), perf: Some(perf), ..Default::default() };
        rig.record(0, &StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() });
    };
    record(&mut rig, 3);
    rig.lines(10.0);
    replace(&mut rig, 0);
    record(&mut rig, 4);
    let lines = rig.lines(20.0);
    assert!(lines[0].text.ends_with("Corrupted: 4 reqs"), "{lines:?}");
    let drafts = "Accepted throughput: 0.40 tokens/s, Drafted throughput: 0.80 tokens/s, Accepted: 4 tokens, Drafted: 8 tokens, \
        Per-position acceptance rate: 1.000, ";
    assert!(lines[1].text.contains(drafts), "{lines:?}");
    assert_eq!(lines[2].text, "Engine 000: MFU: 4.0 TF/s/device 4.0 GB/s/device");
}

#[test]
fn a_new_engine_is_not_active_because_another_was() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    rig.generate(0, 1);
    assert_eq!(rig.line(10.0).level, LogLevel::Info);
    replace(&mut rig, 0);
    assert_eq!(rig.line(20.0).level, LogLevel::Debug);
}

#[test]
fn every_rate_covers_the_interval_of_its_line() {
    let mut rig = Rig::new(Config::new().spec_decode(2).mfu(true), LogStyle::PerEngine, 1);
    let spec_decode = SpecDecodeStats {
        drafts: 2,
        draft_tokens: 4,
        accepted_tokens: 3,
        accepted_per_position: &[2, 1],
        ..Default::default()
    };
    let perf = PerfStats { flops: 4e13, read_bytes: 3e10, write_bytes: 1e10, ..Default::default() };
    let scheduler = SchedulerStats { spec_decode: Some(spec_decode), perf: Some(perf), ..Default::default() };
    let iteration = IterationStats { generation_tokens: 3, ..Default::default() };
    let step = StepStats { scheduler: Some(&scheduler), iteration: Some(&iteration), ..Default::default() };
    for now in [10.0, 20.0, 30.0, 40.0] {
        assert_eq!(rig.lines(now).len(), 1, "idle");
    }
    let expected = [
        "SpecDecoding metrics: Mean acceptance length: 2.50, Accepted throughput: 0.30 tokens/s, Drafted throughput: 0.40 \
         tokens/s, Accepted: 3 tokens, Drafted: 4 tokens, Per-position acceptance rate: 1.000, 0.500, Avg Draft acceptance \
         rate: 75.0%",
        "Engine 000: MFU: 4.0 TF/s/device 4.0 GB/s/device",
    ];
    for now in [50.0, 60.0] {
        rig.record(0, &step);
        let texts: Vec<_> = rig.lines(now).into_iter().map(|line| line.text).collect();
        assert!(texts[0].contains("Avg generation throughput: 0.3 tokens/s"), "{texts:?}");
        assert_eq!(texts[1..], expected);
    }
    rig.record(0, &step);
    let lines = rig.lines(60.0);
    assert!(lines[1].text.contains("Accepted throughput: 0.00 tokens/s"), "no time has passed: {lines:?}");
    assert!(lines[2].text.ends_with("MFU: 0.0 TF/s/device 0.0 GB/s/device"), "no time has passed: {lines:?}");
}

#[test]
fn the_rates_of_all_engines_and_of_a_diffusion_model_cover_the_interval_too() {
    let spec_decode = SpecDecodeStats { drafts: 2, draft_tokens: 80, accepted_tokens: 30, ..Default::default() };
    let step = SchedulerStats { spec_decode: Some(spec_decode), ..Default::default() };
    for (config, throughputs) in [
        (Config::new(), "Accepted throughput: 6.00 tokens/s, Drafted throughput: 16.00 tokens/s"),
        (Config::new().diffusion(true), "Committed token throughput: 6.00 tokens/s"),
    ] {
        let mut rig = Rig::new(config, LogStyle::Aggregated, 2);
        [10.0, 20.0, 30.0].into_iter().for_each(|now| _ = rig.lines(now));
        (0..2).for_each(|engine| rig.scheduler(engine, &step));
        let lines = rig.lines(40.0);
        assert!(lines[1].text.contains(throughputs), "{lines:?}");
    }
}

#[test]
fn an_older_snapshot_gives_no_negative_rates() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    let older = rig.all.snapshot();
    rig.generate(0, 100);
    rig.lines(10.0);
    let text = rig.lines.next(&older, 20.0).remove(0).text;
    assert!(text.contains("Avg generation throughput: 0.0 tokens/s"), "{text}");
}

#[test]
fn engines_may_attach_and_detach_between_lines() {
    let mut rig = Rig::new(Config::new(), LogStyle::Aggregated, 2);
    rig.generate(0, 100);
    rig.generate(1, 100);
    assert!(
        rig.line(10.0)
            .text
            .starts_with("2 Engines Aggregated: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 20.0")
    );
    // Its replacement counts from zero, and what was counted before isn't printed again.
    drop(rig.all.engines.remove(0));
    rig.all.attach("0");
    rig.generate(1, 30);
    rig.all.attach("2");
    rig.generate(2, 20);
    assert!(
        rig.line(20.0)
            .text
            .starts_with("3 Engines Aggregated: Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 5.0")
    );
    rig.all.engines.clear();
    let idle = rig.line(30.0);
    assert!(
        idle.text.starts_with("0 Engines Aggregated: ") && idle.text.ends_with("GPU KV cache usage: 0.0%"),
        "{idle:?}"
    );
}

#[test]
fn what_happened_before_the_first_snapshot_is_not_printed() {
    let mut rig = Rig::new(Config::new(), LogStyle::PerEngine, 1);
    rig.generate(0, 1_000);
    rig.lines = rig.all.families.log_lines(LogStyle::PerEngine, &rig.all.snapshot(), 100.0).unwrap();
    rig.generate(0, 10);
    assert!(rig.line(110.0).text.contains("Avg generation throughput: 1.0 tokens/s"));
}

/// What happens to one of three engines.
#[derive(Clone, Copy, Debug)]
enum Event {
    Count([u64; 3]),
    Replace,
    Line,
}

proptest! {
    /// Compared with counts that are kept by hand and set back where an engine is replaced.
    #[test]
    fn lines_show_what_the_present_engines_counted(events in prop::collection::vec(
        (0..3_usize, prop_oneof![
            3 => [0..500_u64, 0..500_u64, 0..5_u64].prop_map(Event::Count),
            1 => Just(Event::Replace),
            1 => Just(Event::Line),
        ]), 0..60,
    )) {
        for style in STYLES {
            let mut rig = Rig::new(Config::new(), style, 3);
            let (mut expected, mut now) = ([[0; 3]; 3], 0.0);
            for (engine, event) in events.iter().copied().chain([(0, Event::Line)]) {
                match event {
                    Event::Count(counts) => {
                        count(&mut rig, engine, counts);
                        expected[engine] = [0, 1, 2].map(|which| expected[engine][which] + counts[which]);
                    }
                    Event::Replace => {
                        replace(&mut rig, engine);
                        expected[engine] = [0; 3];
                    }
                    Event::Line => {
                        now += 4.0;
                        let show = |[prompt, generated, preempted]: [u64; 3]| {
                            let [prompt, generated] = [prompt, generated].map(|n| format!("{:.1}", n as f64 / 4.0));
                            [prompt, generated, preempted.to_string()]
                        };
                        let sum = [0, 1, 2].map(|which| expected.iter().map(|counts| counts[which]).sum());
                        let mut shown = if style == LogStyle::Aggregated { vec![show(sum)] } else { expected.map(show).to_vec() };
                        let mut counted = counted(&mut rig, now);
                        // Lines are in the order in which engines attached.
                        shown.sort();
                        counted.sort();
                        prop_assert_eq!(counted, shown);
                        expected = [[0; 3]; 3];
                    }
                }
            }
        }
    }
}
