//! A chart of bars per work.

use std::path::Path;

use anyhow::Context as _;
use plotters::{
    prelude::{IntoDrawingArea, Rectangle, SVGBackend, Text},
    style::{BLACK, Color, IntoFont, RGBColor, WHITE},
};

use super::{Report, Row, amount};

const OURS: RGBColor = RGBColor(0x1B, 0x7F, 0x5C);
const OTHERS: RGBColor = RGBColor(0xA9, 0xB4, 0xC2);
/// Pixels.
const WIDTH: i32 = 760;
const NAMES: i32 = 210;
const AMOUNTS: i32 = 90;
const LINE: i32 = 24;
const TITLE: i32 = 36;

/// Draws `WORK.svg` for each work.
pub(crate) fn draw(report: &Report, machine: &str, directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("no directory {}", directory.display()))?;
    report.works().into_iter().try_for_each(|work| draw_work(report, work, machine, directory))
}

fn draw_work(report: &Report, work: &str, machine: &str, directory: &Path) -> anyhow::Result<()> {
    let mut rows = report.of_work(work);
    rows.sort_by(|one, other| one.median.total_cmp(&other.median));
    let height = TITLE + LINE * rows.len() as i32 + LINE;
    let path = directory.join(format!("{work}.svg"));
    let area = SVGBackend::new(&path, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let what = if rows[0].unit == "ns" { "time per operation" } else { "part of the scrapes that are torn" };
    area.draw(&text(format!("{work}: {what} (less is better)"), (10, 10), 16))?;
    let most = rows.last().map_or(0.0, |row| row.median);
    for (row, line) in rows.iter().zip(0..) {
        let top = TITLE + LINE * line;
        area.draw(&text(row.name.to_owned(), (10, top + 4), 14))?;
        let (bar, end) = bar(row, most, top);
        area.draw(&bar)?;
        area.draw(&text(amount(row.median, row.unit), (end + 6, top + 4), 14))?;
    }
    area.draw(&text(machine.to_owned(), (10, height - LINE + 6), 11))?;
    area.present().with_context(|| format!("{} can't be written", path.display()))
}

/// A bar, and where it ends.
fn bar(row: &Row, most: f64, top: i32) -> (Rectangle<(i32, i32)>, i32) {
    let part = if most > 0.0 { row.median / most } else { 0.0 };
    let end = NAMES + (f64::from(WIDTH - NAMES - AMOUNTS) * part) as i32;
    let colour = if row.name == "tachometer" { OURS } else { OTHERS };
    (Rectangle::new([(NAMES, top + 2), (end.max(NAMES + 1), top + LINE - 4)], colour.filled()), end)
}

fn text<'a>(text: String, at: (i32, i32), size: i32) -> Text<'a, (i32, i32), String> {
    Text::new(text, at, ("sans-serif", size).into_font().color(&BLACK))
}
