//! The crate's own families: the diagnostics of recorders, and what the registry records about its
//! pages. Their names are reserved, so they need no checks.

use super::FamilySpec;
use crate::schema::{
    bounds::Bounds,
    builder::SchemaBuilder,
    family::{Family, Samples, SeriesSlot},
    handle::Handle,
    layout::{Diagnostic, Liveness, Scope},
    name::SELF_PREFIX,
    self_families::SelfFamilies,
    types::{MetricType, WordType},
};

/// From the page of a few engines to one that takes a scrape longer than its usual timeout.
const SECONDS: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];

fn declare<H: Handle>(builder: &mut SchemaBuilder, name: &str, help: &str, bounds: &[f64]) -> H {
    let scope = Scope::Registry;
    let spec = FamilySpec { scope, ..FamilySpec::new::<H>(&format!("{SELF_PREFIX}{name}"), help, bounds) };
    let bounds = (!bounds.is_empty()).then(|| Bounds::new(&spec.name, bounds).expect("our own bounds are valid"));
    let size = spec.size().expect("only dynamic labels are refused");
    H::at(builder.schema_number(scope), builder.push(spec, bounds, size) as u16, 0)
}

/// The diagnostics of recorders, with name and help.
const DIAGNOSTICS: [(Diagnostic, &str, &str); Diagnostic::COUNT] = [
    (Diagnostic::RejectedObservations, "rejected_observations", "Values that could not be counted honestly."),
    (Diagnostic::DiscardedSteps, "discarded_steps", "Steps that ended without a commit."),
    (Diagnostic::ForeignHandles, "foreign_handles", "Calls with a handle of another schema, which were ignored."),
    (
        Diagnostic::OverflowedLabelValues,
        "overflowed_label_values",
        "Lookups of dynamic label values that got the overflow series.",
    ),
];

/// What readers find out about the recorders of an engine, with name and help.
const LIVENESS: [(Liveness, MetricType, &str, &str); Liveness::COUNT] = [
    (Liveness::Steps, MetricType::Counter, "steps", "Steps that were committed."),
    (Liveness::Recorders, MetricType::Gauge, "recorders", "Exclusive recorders in use."),
    (Liveness::OpenSteps, MetricType::Gauge, "open_steps", "Steps that are open."),
];

impl SchemaBuilder {
    /// Adds the families about pages.
    pub(in crate::schema) fn declare_self_families(&mut self) -> SelfFamilies {
        let retries = "Attempts to read a recorder that failed, each because a step was committed meanwhile.";
        let seconds = "How long rendering a page took, with its snapshot.";
        SelfFamilies {
            retries: declare(self, "snapshot_retries", retries, &[]),
            seconds: declare(self, "render_seconds", seconds, &SECONDS),
            bytes: declare(self, "rendered_bytes", "Bytes of all pages.", &[]),
        }
    }

    /// Adds the liveness of engines.
    pub(in crate::schema) fn declare_liveness(&mut self) {
        self.families.extend(LIVENESS.map(|(liveness, metric_type, name, help)| Family {
            name: format!("{SELF_PREFIX}{name}"),
            help: help.to_owned(),
            metric_type,
            word_type: WordType::U64,
            scope: Scope::Engine,
            hidden: false,
            exact_name: false,
            sparse: false,
            unit: None,
            labels: Vec::new(),
            samples: Samples::Series(vec![SeriesSlot::Liveness(liveness)]),
            lines: 1,
        }));
    }

    /// Adds the diagnostics of engines and of the registry. Those of the registry are hidden if it
    /// has no families, and those about dynamic labels if there are none.
    pub(in crate::schema) fn declare_diagnostics(&mut self) {
        for (scope, infix) in [(Scope::Engine, ""), (Scope::Registry, "registry_")] {
            let without_families = scope == Scope::Registry && self.is_empty(scope);
            let has_dynamic = self.has_dynamic(scope);
            self.families.extend(DIAGNOSTICS.map(|(diagnostic, name, help)| Family {
                name: format!("{SELF_PREFIX}{infix}{name}"),
                help: help.to_owned(),
                metric_type: MetricType::Counter,
                word_type: WordType::U64,
                scope,
                hidden: without_families || !has_dynamic && diagnostic == Diagnostic::OverflowedLabelValues,
                exact_name: false,
                sparse: false,
                unit: None,
                labels: Vec::new(),
                samples: Samples::Series(vec![SeriesSlot::Diagnostic(diagnostic)]),
                lines: 1,
            }));
        }
    }
}
