//! The engines' threads: builds each engine and waits for all of them.

use std::panic;
use std::thread::{self, JoinHandle};

use anyhow::Result;
use crossbeam_channel::{Receiver, Sender, bounded};
use tachometer::Recorder;

use crate::batch::{Batch, Settings};
use crate::engine::{Engine, Executed, Feed};
use crate::layout::{Layout, Role};
use crate::meters::{Declared, MODEL, Meters};
use crate::pace::Pace;
use crate::transfer;
use crate::workload::Workload;

/// Nothing is ever sent: the message is that all senders are gone.
#[derive(Debug, PartialEq)]
pub(crate) enum Never {}

#[derive(Debug)]
pub(crate) struct Fleet {
    threads: Vec<JoinHandle<(Executed, Recorder)>>,
    done: Receiver<Never>,
    /// While these live, the engines' series are exposed, even after their threads have ended.
    attached: Vec<tachometer::Engine>,
    /// The recorders of threads that have ended: a dropped recorder gives up its gauges.
    recorders: Vec<Recorder>,
}

impl Fleet {
    pub(crate) fn start(
        declared: &Declared,
        layout: Layout,
        workload: &Workload,
        settings: Settings,
        pace: Pace,
    ) -> Result<Self> {
        let (alive, done) = bounded(0);
        let mut fleet = Self { threads: Vec::new(), done, attached: Vec::new(), recorders: Vec::new() };
        for mut engine in compose(declared.meters, layout, workload, settings, pace) {
            let name = fleet.attached.len().to_string();
            let handle = declared.registry.attach(&[name.as_str(), MODEL])?;
            let mut recorder = handle.recorder()?;
            engine.transfers = declared.connector.as_ref().map(|connector| connector.metrics(&handle));
            fleet.attached.push(handle);
            let alive: Sender<Never> = alive.clone();
            fleet.threads.push(thread::Builder::new().name(format!("engine {name}")).spawn(move || {
                let _alive = alive;
                (engine.run(&mut recorder), recorder)
            })?);
        }
        Ok(fleet)
    }

    /// Disconnected when all engines are done.
    pub(crate) const fn done(&self) -> &Receiver<Never> {
        &self.done
    }

    /// Waits for all engines. Returns what each of them counted.
    pub(crate) fn join(&mut self) -> Vec<Executed> {
        let join = |thread: JoinHandle<_>| thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
        let (executed, recorders) = self.threads.drain(..).map(join).unzip();
        self.recorders = recorders;
        executed
    }

    /// Counts a generation token that was never generated, after the engines are done: the checks
    /// must notice.
    pub(crate) fn miscount(&mut self, meters: Meters) {
        let mut step = self.recorders[0].step();
        step.inc(meters.vllm.generation_tokens);
        step.commit();
    }
}

/// The engines in the order of the layout, connected to each other.
fn compose(meters: Meters, layout: Layout, workload: &Workload, settings: Settings, pace: Pace) -> Vec<Engine> {
    let engine = |role, feed, outlet| {
        let batch = Batch::new(role, workload.clone(), settings);
        Engine { workload: workload.clone(), batch, feed, outlet, meters, transfers: None, pace }
    };
    let arrivals = |engine| Feed::arrivals(workload.clone(), routed(workload, layout, engine));
    match layout {
        Layout::Mixed { engines } => (0..engines).map(|index| engine(Role::Mixed, arrivals(index), None)).collect(),
        Layout::Disaggregated { prefill, decode } => {
            let (outlets, inboxes) = transfer::connect(prefill, decode);
            let outlets = outlets.into_iter().enumerate();
            let prefill = outlets.map(|(index, outlet)| engine(Role::Prefill, arrivals(index), Some(outlet)));
            let decode = inboxes.into_iter().map(|inbox| engine(Role::Decode, Feed::Transfers(inbox), None));
            prefill.chain(decode).collect()
        }
    }
}

/// The requests that go to one engine, in order of arrival.
fn routed(workload: &Workload, layout: Layout, engine: usize) -> Vec<usize> {
    (0..workload.len()).filter(|request| layout.routes(*request, engine)).collect()
}
