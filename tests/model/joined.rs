//! A schema that joins and leaves, with parts of engines: a counter, done with one number per part.

use tachometer::{AttachError, Counter, Engine, Joined, Recorder, Registry, Schema, Snapshot};

use super::{bytes::Bytes, plan::Plan, twin::TwinEngine};

pub(crate) const NAME: &str = "joined_total";

/// Most are about an engine.
#[derive(Clone, Debug)]
pub(crate) enum JoinOp {
    Join,
    Leave,
    /// A part of the engine.
    Attach,
    Drop,
    /// Through the part's recorder, whether or not the part has left.
    Add(u64),
    Reject,
}

impl JoinOp {
    pub(crate) fn decode(bytes: &mut Bytes<'_>) -> Self {
        match bytes.below(16) {
            0..=2 => Self::Join,
            3 => Self::Leave,
            4..=7 => Self::Attach,
            8 => Self::Drop,
            9 => Self::Reject,
            _ => Self::Add(bytes.u8().into()),
        }
    }
}

/// The schema, and whether it has joined.
pub(crate) struct Joining {
    schema: Schema,
    count: Counter<u64>,
    joined: Option<Joined>,
}

/// A part, with its recorder.
pub(crate) struct Part {
    engine: Engine,
    recorder: Recorder,
}

/// What is shown of a part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TwinPart {
    pub(crate) total: u64,
    steps: u64,
}

/// The parts of an engine: the one that is there, and the steps of those that left.
#[derive(Default)]
pub(crate) struct TwinParts {
    pub(crate) part: Option<TwinPart>,
    carried: u64,
}

impl TwinParts {
    pub(crate) fn steps(&self) -> u64 {
        self.carried + self.part.map_or(0, |part| part.steps)
    }

    /// The part leaves; its steps stay.
    fn leave(&mut self) {
        self.carried = self.steps();
        self.part = None;
    }
}

impl Joining {
    pub(crate) fn new(plan: &Plan) -> Self {
        let labels: Vec<_> = plan.engine_labels.iter().map(String::as_str).collect();
        let mut builder = Schema::builder(&labels);
        let count = builder.counter("joined", "").declare().expect("a valid family");
        Self { schema: builder.build().expect("valid labels"), count, joined: None }
    }

    pub(crate) fn apply(
        &mut self,
        op: &JoinOp,
        registry: &Registry,
        engine: Option<&Engine>,
        part: &mut Option<Part>,
        twin: &mut TwinEngine,
    ) {
        match op {
            JoinOp::Join => {
                let joined = registry.join(self.schema.clone());
                assert_eq!(joined.is_ok(), self.joined.is_none(), "its names are free once it has left");
                self.joined = joined.ok().or(self.joined.take());
            }
            JoinOp::Leave => self.joined = None,
            JoinOp::Attach => self.attach(engine, part, twin),
            JoinOp::Drop => {
                *part = None;
                twin.parts.leave();
            }
            JoinOp::Add(n) => part.iter_mut().for_each(|part| self.add(part, twin, *n)),
            JoinOp::Reject => part.iter().for_each(|part| self.reject(part, twin)),
        }
    }

    /// The parts of all engines leave with the schema.
    pub(crate) fn left<'t>(&self, engines: impl Iterator<Item = &'t mut TwinEngine>) {
        if self.joined.is_none() {
            engines.for_each(|engine| engine.parts.leave());
        }
    }

    fn attach(&self, engine: Option<&Engine>, part: &mut Option<Part>, twin: &mut TwinEngine) {
        let (Some(joined), Some(engine)) = (&self.joined, engine) else { return };
        match joined.attach_to(engine) {
            Ok(attached) => {
                assert!(twin.parts.part.is_none(), "there is one already");
                let recorder = attached.recorder().expect("a free slab");
                *part = Some(Part { engine: attached, recorder });
                twin.parts.part = Some(TwinPart::default());
            }
            Err(error) => {
                assert_eq!(error, AttachError::AlreadyAttached { values: twin.values.clone() });
                assert!(twin.parts.part.is_some());
            }
        }
    }

    fn add(&self, part: &mut Part, twin: &mut TwinEngine, n: u64) {
        let mut step = part.recorder.step();
        step.add(self.count, n);
        step.commit();
        if let Some(twin) = &mut twin.parts.part {
            (twin.total, twin.steps) = (twin.total + n, twin.steps + 1);
        }
    }

    /// By a shared recorder, which makes no step.
    fn reject(&self, part: &Part, twin: &mut TwinEngine) {
        part.engine.shared_recorder().add(self.count, u64::MAX);
        twin.rejected = twin.rejected.saturating_add(u64::from(twin.parts.part.is_some()));
    }

    pub(crate) fn check(&self, snapshot: &Snapshot, engines: &[&TwinEngine]) {
        let joined = snapshot.joined(&self.schema);
        assert_eq!(joined.is_some(), self.joined.is_some());
        let seen = joined.into_iter().flat_map(Snapshot::engines);
        let mut seen: Vec<_> =
            seen.map(|part| (part.label_values().to_vec(), part.counter(self.count), part.step())).collect();
        let part = |engine: &&TwinEngine| engine.parts.part.map(|part| (engine.values.clone(), part.total, part.steps));
        let mut expected: Vec<_> = engines.iter().filter_map(part).collect();
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected);
    }
}
