//! A closure that records values when a page is written, and the families into which it records
//! them.

use std::{
    cell::RefCell,
    error::Error,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use super::error::CollectorError;
use crate::{
    exposition::Renderer,
    record::SharedRecorder,
    schema::{Schema, choice::FamilyChoice, layout::Scope},
};

/// What a collector's closure returns if it fails.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The closure of a collector.
type Collect = dyn Fn(&SharedRecorder) -> Result<(), BoxError> + Send + Sync;

/// A collector's families, and the closure that records their values.
pub(super) struct Closure {
    pub(super) schema: Schema,
    pub(super) renderer: Renderer,
    /// A panic leaves nothing of ours half done: what it recorded is thrown away.
    collect: AssertUnwindSafe<Box<Collect>>,
}

impl Closure {
    pub(super) fn new(schema: Schema, collect: Box<Collect>) -> Result<Self, CollectorError> {
        if !schema.engine_labels().is_empty() {
            return Err(CollectorError::EngineLabels { labels: schema.engine_labels().to_vec() });
        }
        if let Some(family) = schema.families().iter().find(|family| family.scope == Scope::Registry) {
            return Err(CollectorError::RegistryWide { family: family.name.clone() });
        }
        Ok(Self { renderer: Renderer::of_declared(&schema), schema, collect: AssertUnwindSafe(collect) })
    }

    /// Whether it has any of these families.
    pub(super) fn has_any(&self, choice: &FamilyChoice) -> bool {
        self.schema.families().iter().any(|family| !family.hidden && choice.has(family))
    }

    /// Calls the closure. `None` if it fails or panics, or if this thread is in it already.
    pub(super) fn record(&self, recorder: &SharedRecorder) -> Option<()> {
        let _running =
            mutant!(Some(Running::begin(self)?), "collector: a closure calls itself" => Running::begin(self));
        let recorded = AssertUnwindSafe(|| (self.collect)(recorder));
        mutant!(panic::catch_unwind(recorded).ok()?, "collector: a panic isn't caught" => (recorded.0)()).ok()
    }
}

thread_local! {
    /// The addresses of the closures that this thread is in.
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While a closure runs: so that a page which it asks for doesn't call it again, without an end.
struct Running;

impl Running {
    /// `None` if this thread is in the closure already.
    fn begin(closure: &Closure) -> Option<Self> {
        let address = ptr::from_ref(closure).addr();
        RUNNING.with_borrow_mut(|running| {
            let begins = !running.contains(&address);
            begins.then(|| {
                running.push(address);
                Self
            })
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}
