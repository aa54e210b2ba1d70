//! What came of the works: rows for tables, JSON and charts, and the targets that were missed.

pub(crate) mod chart;
pub(crate) mod markdown;
mod text;

use serde::Serialize;

use crate::{
    gates::{self, SNAPSHOT_P99, SPEED_UP, Target},
    measure::{Times, lowest, median, quantile, ratios},
    peers::{Peer as _, Plain},
    works::torn::{Snapshots, Torn},
};

pub(crate) use self::text::{amount, table};

/// One crate at one work.
#[derive(Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) work: &'static str,
    #[serde(rename = "crate")]
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    /// That crate's time divided by ours: the median over repetitions.
    pub(crate) ratio: Option<f64>,
    /// The first and the last decile of the ratios.
    #[serde(skip)]
    pub(crate) spread: Option<(f64, f64)>,
    #[serde(skip)]
    pub(crate) repetitions: usize,
    /// A bound rather than a crate.
    #[serde(skip)]
    pub(crate) calibration: bool,
    /// What else there is to say.
    #[serde(skip)]
    pub(crate) note: String,
}

/// A target, and what was reached. It is passed if the best published crate is that much slower;
/// `plain` is named if it is faster than that one.
pub(crate) struct Verdict {
    pub(crate) work: &'static str,
    pub(crate) reached: String,
    pub(crate) gate: String,
    pub(crate) aim: String,
    pub(crate) passed: bool,
}

/// Rows and verdicts of all works so far.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Report {
    /// In the order in which they ran.
    pub(crate) fn works(&self) -> Vec<&'static str> {
        let mut works: Vec<_> = self.rows.iter().map(|row| row.work).collect();
        works.dedup();
        works
    }

    pub(crate) fn of_work(&self, work: &str) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.work == work).collect()
    }

    /// What a file has: crates, and the bound that a target names.
    pub(crate) fn published(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| !row.calibration || row.name == "fetch_add").collect()
    }

    /// Adds a work whose contenders were measured in pairs, ours first.
    pub(crate) fn add_paired(&mut self, work: &'static str, times: &[Times]) {
        let rows: Vec<_> = times.iter().map(|one| row(work, one, &times[0])).collect();
        if let Some(target) = gates::target(work) {
            self.verdicts.push(verdict(target, &rows));
        }
        self.rows.extend(rows);
    }

    /// Adds the work of two engines: first the times of two threads, then those of one.
    pub(crate) fn add_two_engines(&mut self, work: &'static str, times: &[Times]) {
        let (two, one) = times.split_at(times.len() / 2);
        let mut rows: Vec<_> = two.iter().map(|times| row(work, times, &two[0])).collect();
        let speed_ups: Vec<f64> = one.iter().zip(two).map(|(one, two)| 2.0 * median(&ratios(one, two))).collect();
        for (row, speed_up) in rows.iter_mut().zip(&speed_ups) {
            row.note = format!("{speed_up:.2} times one thread");
        }
        let loops = two.iter().position(|times| times.calibration).expect("plain loops run too");
        let part = speed_ups[0] / speed_ups[loops];
        self.verdicts.push(Verdict {
            work,
            reached: format!("{part:.2} of the speed-up of plain loops"),
            gate: SPEED_UP.to_string(),
            aim: String::new(),
            passed: part >= SPEED_UP,
        });
        self.rows.extend(rows);
    }

    pub(crate) fn add_torn(&mut self, work: &'static str, torn: &[Torn], snapshots: &Snapshots, processor: &str) {
        self.rows.extend(torn.iter().map(|torn| torn_row(work, torn)));
        let (ours, p99) = (&torn[0], snapshots.p99.as_secs_f64() * 1e9);
        let (most, asked_of) = SNAPSHOT_P99;
        let quick = p99 < most || !processor.contains(asked_of);
        self.verdicts.push(Verdict {
            work,
            reached: format!(
                "{} of {} scrapes and {} of {} snapshots torn, {} failed; p99 of a snapshot {}",
                ours.torn,
                ours.scrapes,
                snapshots.torn,
                snapshots.taken,
                ours.failed,
                amount(p99, "ns"),
            ),
            gate: format!("0 torn, 0 failed; p99 below {} on an {asked_of}", amount(most, "ns")),
            aim: String::new(),
            passed: ours.torn + ours.failed + snapshots.torn == 0 && ours.stopped.is_some() && quick,
        });
    }
}

fn row(work: &'static str, one: &Times, ours: &Times) -> Row {
    let ratios = ratios(one, ours);
    Row {
        work,
        name: one.name,
        unit: "ns",
        median: median(&one.ns),
        lowest: lowest(&one.ns),
        ratio: Some(median(&ratios)),
        spread: Some((quantile(&ratios, 0.1), quantile(&ratios, 0.9))),
        repetitions: one.ns.len(),
        calibration: one.calibration,
        note: String::new(),
    }
}

fn torn_row(work: &'static str, torn: &Torn) -> Row {
    let stopped = match torn.stopped {
        Some(took) => format!("answers in {}", amount(took.as_secs_f64() * 1e9, "ns")),
        None => "hangs".to_owned(),
    };
    Row {
        work,
        name: torn.name,
        unit: "% torn",
        median: median(&torn.slices),
        lowest: lowest(&torn.slices),
        ratio: None,
        spread: None,
        repetitions: torn.slices.len(),
        calibration: false,
        note: format!(
            "{} of {} scrapes, {} failed; {:.1} M steps/s; with the writer stopped in a step it {stopped}",
            torn.torn,
            torn.scrapes,
            torn.failed,
            torn.steps_per_second / 1e6,
        ),
    }
}

fn verdict(target: &Target, rows: &[Row]) -> Verdict {
    let counts = |row: &&Row| target.against.counts(row.name, row.calibration);
    let (plain, crates): (Vec<_>, Vec<_>) = rows[1..].iter().filter(counts).partition(|row| row.name == Plain::NAME);
    let best = best(crates.into_iter()).expect("there are other crates");
    let (lower, upper) = best.spread.unwrap_or_default();
    let mut reached = format!("{:.2} ({lower:.2} to {upper:.2}) against {}", ratio(best), best.name);
    for plain in plain.into_iter().filter(|plain| ratio(plain) < ratio(best)) {
        let below = if ratio(plain) < target.gate { ", below the gate" } else { "" };
        reached += &format!("; {:.2} against {}{below}", ratio(plain), plain.name);
    }
    Verdict {
        work: target.work,
        reached,
        gate: format!("{:.2}", target.gate),
        aim: format!("{:.2}", target.aim),
        passed: ratio(best) >= target.gate,
    }
}

fn ratio(row: &Row) -> f64 {
    row.ratio.unwrap_or(f64::NAN)
}

/// The row with the least ratio.
fn best<'r>(rows: impl Iterator<Item = &'r Row>) -> Option<&'r Row> {
    rows.min_by(|one, other| ratio(one).total_cmp(&ratio(other)))
}
