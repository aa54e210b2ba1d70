//! Tables for a terminal.

use super::{Report, Row};

/// A number with a unit that suits it.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    match (unit, value) {
        ("ns", 1e6..) => format!("{:.2} ms", value / 1e6),
        ("ns", 1e5..) => format!("{:.0} µs", value / 1e3),
        ("ns", 1e4..) => format!("{:.1} µs", value / 1e3),
        ("ns", 1e3..) => format!("{:.2} µs", value / 1e3),
        ("ns", 100.0..) => format!("{value:.0} ns"),
        ("ns", 10.0..) => format!("{value:.1} ns"),
        ("ns", _) => format!("{value:.2} ns"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// The table of one work.
pub(crate) fn table(report: &Report, work: &str) -> String {
    let rows = report.of_work(work);
    let repetitions = rows.first().map_or(0, |row| row.repetitions);
    let heading = ["crate", "median", "lowest", "ratio", "10 % to 90 %", ""].map(str::to_owned);
    let cells: Vec<[String; 6]> = std::iter::once(heading).chain(rows.iter().map(|row| cells(row))).collect();
    let widths: [usize; 6] =
        std::array::from_fn(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = format!("\n{work} ({repetitions} repetitions)\n");
    for row in &cells {
        let [name, numbers @ .., note] = row;
        let mut line = format!("  {name:<width$}", width = widths[0]);
        for (number, width) in numbers.iter().zip(&widths[1..]) {
            line += &format!("  {number:>width$}");
        }
        text += format!("{line}  {note}").trim_end();
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; 6] {
    [
        row.name.to_owned(),
        amount(row.median, row.unit),
        amount(row.lowest, row.unit),
        row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        row.spread.map(|(lower, upper)| format!("{lower:.2} to {upper:.2}")).unwrap_or_default(),
        row.note.clone(),
    ]
}

impl Report {
    /// The targets of the works that ran.
    pub(crate) fn targets(&self) -> String {
        let mut text = String::from("\ntargets (the best other crate's time divided by ours)\n");
        for verdict in &self.verdicts {
            let mark = if verdict.passed { "ok  " } else { "MISS" };
            let aim = if verdict.aim.is_empty() { String::new() } else { format!(", aim {}", verdict.aim) };
            text += &format!("  {mark}  {:<26}{}; gate {}{aim}\n", verdict.work, verdict.reached, verdict.gate);
        }
        text
    }
}
