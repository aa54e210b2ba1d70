//! Tables in Markdown: the ratios of README and DESIGN, and the figures of all crates.

use super::{Report, amount};

impl Report {
    /// What each target compares, beside its gate and aim.
    pub(crate) fn ratios(&self, machine: &str) -> String {
        let mut text = format!("{machine}\n\n");
        text += "| work | the best other crate's time divided by ours | gate | aim |\n|---|---|---|---|\n";
        for verdict in &self.verdicts {
            let missed = if verdict.passed { "" } else { " (missed)" };
            text +=
                &format!("| `{}` | {}{missed} | {} | {} |\n", verdict.work, verdict.reached, verdict.gate, verdict.aim);
        }
        text
    }

    /// A page of its own: all medians, what was torn, and the charts that lie next to it.
    pub(crate) fn figures(&self, machine: &str) -> String {
        let mut text = format!(
            "# All figures of the comparison\n\n`scripts/compare --plot` wrote this page and drew the charts: {machine}.\n\
             [compare/README.md](../../compare/README.md) says what each work is, and how each crate is driven.\n\n"
        );
        text += &self.medians();
        text += "\n| scrapes under a writer without pauses | torn | |\n|---|---|---|\n";
        for row in self.of_work("torn") {
            text += &format!("| {} | {:.1} % | {} |\n", row.name, row.median, row.note);
        }
        text += "\n";
        for work in self.works() {
            text += &format!("![{work}]({work}.svg)\n");
        }
        text
    }

    /// A row per work, a column per crate. The least of a row is bold.
    fn medians(&self) -> String {
        let timed: Vec<_> = self.rows.iter().filter(|row| row.unit == "ns").collect();
        let mut names = Vec::new();
        for row in &timed {
            if !names.contains(&row.name) {
                names.push(row.name);
            }
        }
        let mut text = format!("| median | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
        for work in self.works().into_iter().filter(|work| *work != "torn") {
            let of_work = || timed.iter().filter(|row| row.work == work);
            let least = of_work().filter(|row| !row.calibration).map(|row| row.median).fold(f64::INFINITY, f64::min);
            let cell = |name: &&str| {
                let Some(row) = of_work().find(|row| row.name == *name) else { return "–".to_owned() };
                let amount = amount(row.median, row.unit);
                if row.median == least { format!("**{amount}**") } else { amount }
            };
            text += &format!("| `{work}` | {} |\n", names.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        text
    }
}
