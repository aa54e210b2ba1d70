//! Infos: one sample per engine, whose label values change.

use crate::{
    common,
    one_engine::OneEngine,
    one_step::OneStep as _,
    shown::{lines, snapshot},
};
use std::thread;

use proptest::prelude::*;
use tachometer::{Engine, Exactly, Info, Recorder, Registry, Schema, Snapshot};

/// Two engine labels, and an info that prints the chosen ones of them.
struct Rig {
    registry: Registry,
    adapters: Info<Exactly<2>>,
}

impl Rig {
    fn new(engine_labels: &[&str]) -> Self {
        let mut schema = Schema::builder(&["engine", "model_name"]);
        let adapters = schema.info("adapters_info", "Adapters.", ["running", "waiting"]);
        let adapters = adapters.engine_labels(engine_labels).declare().unwrap();
        Self { registry: Registry::new(schema.build().unwrap()), adapters }
    }

    fn attach(&self, engine: &str) -> (Engine, Recorder) {
        let engine = self.registry.attach(&[engine, "m"]).unwrap();
        let recorder = engine.recorder().unwrap();
        (engine, recorder)
    }

    fn set(&self, recorder: &mut Recorder, values: [&str; 2], value: f64) {
        recorder.record(|step| step.set_info(self.adapters, values, value));
    }

    fn lines(&self) -> Vec<String> {
        common::parse(&self.registry.page());
        lines(&self.registry, "adapters_info")
    }
}

#[test]
fn only_the_current_sample_is_printed_and_none_before_the_first() {
    let rig = Rig::new(&["engine", "model_name"]);
    let (engine, mut recorder) = rig.attach("0");
    assert!(rig.lines().is_empty());
    rig.set(&mut recorder, ["sql", ""], 1.0);
    assert_eq!(rig.lines(), ["adapters_info{engine=\"0\",model_name=\"m\",running=\"sql\",waiting=\"\"} 1.0"]);
    rig.set(&mut recorder, ["sql", ""], 2.0);
    assert_eq!(rig.lines(), ["adapters_info{engine=\"0\",model_name=\"m\",running=\"sql\",waiting=\"\"} 2.0"]);
    rig.set(&mut recorder, ["a\"\\\n", "é"], 3.0);
    let escaped = "adapters_info{engine=\"0\",model_name=\"m\",running=\"a\\\"\\\\\\n\",waiting=\"é\"} 3.0";
    assert_eq!(rig.lines(), [escaped]);
    drop(recorder);
    assert_eq!(rig.lines(), [escaped], "it outlives the recorder");
    rig.set(&mut engine.recorder().unwrap(), ["a\"\\\n", "é"], 4.0);
    assert_eq!(rig.lines(), [escaped.replace("3.0", "4.0")], "the next one goes on");
    drop(engine);
    assert!(rig.lines().is_empty());
}

#[test]
fn engine_labels_are_printed_in_the_order_in_which_they_were_chosen() {
    let rig = Rig::new(&["model_name", "engine"]);
    let (_engine, mut recorder) = rig.attach("0");
    rig.set(&mut recorder, ["a", "b"], 1e9);
    assert_eq!(rig.lines(), ["adapters_info{model_name=\"m\",engine=\"0\",running=\"a\",waiting=\"b\"} 1e+09"]);
}

#[test]
fn of_engines_that_print_the_same_labels_the_newest_sample_is_shown() {
    let rig = Rig::new(&[]);
    let [(first, mut one), (_second, mut two), (_third, mut three)] = ["0", "1", "2"].map(|engine| rig.attach(engine));
    rig.set(&mut one, ["a", ""], 1.0);
    assert_eq!(rig.lines(), ["adapters_info{running=\"a\",waiting=\"\"} 1.0"], "the others have none");
    rig.set(&mut two, ["a", ""], 3.0);
    rig.set(&mut three, ["b", ""], 2.0);
    assert_eq!(rig.lines(), ["adapters_info{running=\"a\",waiting=\"\"} 3.0"]);
    rig.set(&mut one, ["c", ""], 4.0);
    assert_eq!(rig.lines(), ["adapters_info{running=\"c\",waiting=\"\"} 4.0"]);
    rig.set(&mut three, ["d", ""], 4.0);
    assert_eq!(rig.lines(), ["adapters_info{running=\"d\",waiting=\"\"} 4.0"], "of equal ones the later attached");
    rig.set(&mut three, ["b", ""], 0.0);
    drop(first);
    assert_eq!(rig.lines(), ["adapters_info{running=\"a\",waiting=\"\"} 3.0"], "the newest left");
}

/// Nothing is greater than an infinity, and NaN is greater than all numbers in the total order.
#[test]
fn a_value_that_is_not_finite_is_rejected_and_hides_no_other_engine() {
    let rig = Rig::new(&[]);
    let [(_first, mut one), (_second, mut two)] = ["0", "1"].map(|engine| rig.attach(engine));
    let not_finite = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for value in not_finite {
        rig.set(&mut two, ["x", ""], value);
    }
    assert!(rig.lines().is_empty(), "there is no sample yet");
    rig.set(&mut one, ["a", ""], 1.0);
    rig.set(&mut two, ["b", ""], 0.5);
    for value in not_finite {
        rig.set(&mut two, ["x", ""], value);
        rig.set(&mut two, ["b", ""], value);
    }
    assert_eq!(rig.lines(), ["adapters_info{running=\"a\",waiting=\"\"} 1.0"]);
    let snapshot = snapshot(&rig.registry);
    let info = snapshot.engine(&["1", "m"]).unwrap().info(rig.adapters).unwrap();
    assert_eq!((info.values(), info.value()), (["b", ""], 0.5), "it keeps the sample that it had");
    rig.set(&mut two, ["c", ""], 2.0);
    assert_eq!(rig.lines(), ["adapters_info{running=\"c\",waiting=\"\"} 2.0"]);
    let rejected = "tachometer_rejected_observations_total{engine=\"1\",model_name=\"m\"} 12";
    assert!(rig.registry.page().lines().any(|line| line == rejected));
}

#[test]
fn engines_of_the_same_model_print_the_same_labels_and_others_do_not() {
    let rig = Rig::new(&["model_name"]);
    let (_a, mut a) = rig.attach("a");
    let (_b, mut b) = rig.attach("b");
    let other = rig.registry.attach(&["a", "other"]).unwrap();
    rig.set(&mut a, ["", ""], 2.0);
    rig.set(&mut b, ["", ""], 1.0);
    rig.set(&mut other.recorder().unwrap(), ["", ""], 1.0);
    let (m, other) = ("adapters_info{model_name=\"m\"", "adapters_info{model_name=\"other\"");
    let rest = ",running=\"\",waiting=\"\"}";
    assert_eq!(rig.lines(), [format!("{m}{rest} 2.0"), format!("{other}{rest} 1.0")]);
}

/// The snapshot that renders a page is used again; engines attached and left meanwhile.
#[test]
fn each_page_groups_the_engines_that_are_there() {
    let rig = Rig::new(&["model_name"]);
    let other = |model| rig.registry.attach(&["0", model]).unwrap();
    let line = |model, value| format!("adapters_info{{model_name=\"{model}\",running=\"\",waiting=\"\"}} {value}");
    let (_m, mut m) = rig.attach("m");
    rig.set(&mut m, ["", ""], 1.0);
    assert_eq!(rig.lines(), [line("m", "1.0")]);
    let [a, b] = ["a", "b"].map(other);
    rig.set(&mut a.recorder().unwrap(), ["", ""], 2.0);
    rig.set(&mut b.recorder().unwrap(), ["", ""], 3.0);
    assert_eq!(rig.lines(), [line("m", "1.0"), line("a", "2.0"), line("b", "3.0")]);
    drop(a);
    let again = rig.registry.attach(&["1", "m"]).unwrap();
    rig.set(&mut again.recorder().unwrap(), ["", ""], 0.5);
    assert_eq!(rig.lines(), [line("m", "1.0"), line("b", "3.0")], "as many engines, in other groups");
}

#[test]
fn an_info_without_any_label_is_a_gauge() {
    let OneEngine { registry, engine, handles: info } =
        OneEngine::without_labels(|schema| schema.info("x", "", []).declare().unwrap());
    engine.recorder().unwrap().record(|step| step.set_info(info, [], -0.5));
    assert!(registry.page().starts_with("# TYPE x gauge\nx -0.5\n"));
}

#[test]
fn a_snapshot_keeps_the_sample_that_it_took() {
    let rig = Rig::new(&[]);
    let [(_first, mut one), (_second, mut two)] = ["0", "1"].map(|engine| rig.attach(engine));
    let mut snapshot = Snapshot::new();
    rig.registry.snapshot(&mut snapshot);
    assert!(snapshot.engines().all(|engine| engine.info(rig.adapters).is_none()));
    rig.set(&mut one, ["a", "b"], 1.0);
    rig.set(&mut two, ["c", "d"], 2.0);
    rig.registry.snapshot(&mut snapshot);
    rig.set(&mut one, ["a", "b"], 3.0);
    rig.set(&mut two, ["e", "f"], 4.0);
    let seen: Vec<_> = snapshot.engines().map(|engine| engine.info(rig.adapters).unwrap()).collect();
    assert_eq!((seen[0].values(), seen[0].value()), (["a", "b"], 1.0), "each engine's own, whatever a page shows");
    assert_eq!((seen[1].values(), seen[1].value()), (["c", "d"], 2.0));
}

#[test]
fn an_info_stays_when_its_step_is_discarded() {
    let rig = Rig::new(&["engine"]);
    let (_engine, mut recorder) = rig.attach("0");
    let mut step = recorder.step();
    step.set_info(rig.adapters, ["a", "b"], 1.0);
    assert_eq!(rig.lines().len(), 1, "it shows at once");
    drop(step);
    assert_eq!(rig.lines().len(), 1);
}

#[cfg(not(debug_assertions))]
#[test]
fn a_foreign_info_is_ignored_in_release() {
    let [rig, other] = [Rig::new(&["engine"]), Rig::new(&["engine"])];
    let (_engine, mut recorder) = rig.attach("0");
    recorder.record(|step| step.set_info(other.adapters, ["a", "b"], 1.0));
    assert!(rig.lines().is_empty() && other.lines().is_empty());
}

/// The snapshot that renders a page is used again, by another engine at the same index.
#[test]
fn an_engine_shows_nothing_of_the_one_before_it() {
    let rig = Rig::new(&["engine"]);
    for engine in ["0", "1"] {
        let (_engine, mut recorder) = rig.attach(engine);
        rig.set(&mut recorder, [engine, ""], 1.0);
        assert_eq!(
            rig.lines(),
            [format!("adapters_info{{engine=\"{engine}\",running=\"{engine}\",waiting=\"\"}} 1.0")]
        );
    }
}

#[test]
#[should_panic(expected = "handle of another schema")]
fn a_foreign_info_panics_in_a_snapshot() {
    let [rig, other] = [Rig::new(&["engine"]), Rig::new(&["engine"])];
    let _engine = rig.attach("0");
    let snapshot = snapshot(&rig.registry);
    let _ = snapshot.engines().next().unwrap().info(other.adapters);
}

/// Readers never see label values with a value that was set with others, nor go back.
#[test]
fn label_values_and_value_are_one_sample_while_they_change() {
    const LAST: u32 = 20_000;
    let rig = Rig::new(&["engine"]);
    let (_engine, mut recorder) = rig.attach("0");
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let (mut snapshot, mut last) = (Snapshot::new(), 0.0);
                while last < f64::from(LAST) {
                    rig.registry.snapshot(&mut snapshot);
                    let Some(info) = snapshot.engines().next().unwrap().info(rig.adapters) else { continue };
                    assert!(info.value() >= last, "{} after {last}", info.value());
                    last = info.value();
                    // The label values change with every third value.
                    assert_eq!(info.values(), [&*(last / 3.0).floor().to_string(), "x"], "with {last}");
                }
            })
        });
        for value in 1..=LAST {
            rig.set(&mut recorder, [&*(value / 3).to_string(), "x"], f64::from(value));
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// What happens to three engines: attach, set, detach.
#[derive(Clone, Debug)]
enum Operation {
    Attach(usize),
    Detach(usize),
    Set(usize, [String; 2], f64),
}

fn operation() -> impl Strategy<Value = Operation> {
    // The parser takes a carriage return for the end of a line; the format doesn't, and has no
    // escape for it.
    let text = || prop_oneof![Just(String::new()), "[^\r]{0,8}", "[\"\\\\\n,={}é]{0,5}"];
    let value = prop_oneof![Just(1.0), Just(2.0), any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)];
    prop_oneof![
        (0..3_usize).prop_map(Operation::Attach),
        (0..3_usize).prop_map(Operation::Detach),
        (0..3_usize, [text(), text()], value).prop_map(|(engine, values, value)| Operation::Set(engine, values, value)),
    ]
}

/// Printed engine labels, own label values, value.
type Shown = (Vec<(String, String)>, [String; 2], f64);

/// The engines that are there, in the order in which they attached: number, handle, recorder,
/// current sample.
type Attached = Vec<(usize, Engine, Recorder, Option<([String; 2], f64)>)>;

/// What a page should show: of the engines that print the same labels, the newest.
fn shown(attached: &Attached, labels: [[&str; 2]; 3], chosen: &[&str]) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for (engine, _, _, sample) in attached {
        let Some((values, value)) = sample else { continue };
        let printed =
            ["engine", "model_name"].into_iter().zip(labels[*engine]).filter(|(name, _)| chosen.contains(name));
        let printed: Vec<_> = printed.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        match shown.iter_mut().find(|other| other.0 == printed) {
            Some(other) if value.total_cmp(&other.2).is_lt() => {}
            Some(other) => (other.1, other.2) = (values.clone(), *value),
            None => shown.push((printed, values.clone(), *value)),
        }
    }
    shown
}

fn compare(registry: &Registry, shown: &[Shown]) {
    let samples = common::parse(&registry.page());
    let samples: Vec<_> = samples.into_iter().filter(|((name, _), _)| name == "adapters_info").collect();
    assert_eq!(samples.len(), shown.len());
    for (labels, [running, waiting], value) in shown {
        let mut labels = labels.clone();
        labels.extend([("running".to_owned(), running.clone()), ("waiting".to_owned(), waiting.clone())]);
        let found = samples.iter().find(|((_, other), _)| *other == labels);
        assert!(found.is_some_and(|(_, other)| other == value), "{labels:?} {value}");
    }
}

proptest! {
    /// After each operation the page is one that a strict parser accepts, and shows what a naive
    /// model does.
    #[test]
    fn a_page_shows_what_it_should_after_any_operations(
        operations in prop::collection::vec(operation(), 0..30),
        chosen in prop::sample::select(vec![&[][..], &["engine"], &["model_name"], &["engine", "model_name"]]),
    ) {
        let rig = Rig::new(chosen);
        // Engines 1 and 2 have the same model.
        let labels = [["0", "a"], ["1", "b"], ["2", "b"]];
        let mut attached = Attached::new();
        for operation in operations {
            match operation {
                Operation::Attach(engine) if attached.iter().all(|other| other.0 != engine) => {
                    let handle = rig.registry.attach(&labels[engine]).unwrap();
                    let recorder = handle.recorder().unwrap();
                    attached.push((engine, handle, recorder, None));
                }
                Operation::Attach(_) => {}
                Operation::Detach(engine) => attached.retain(|other| other.0 != engine),
                Operation::Set(engine, values, value) => {
                    let Some(it) = attached.iter_mut().find(|other| other.0 == engine) else { continue };
                    rig.set(&mut it.2, [&values[0], &values[1]], value);
                    it.3 = if value.is_finite() { Some((values, value)) } else { it.3.take() };
                }
            }
            compare(&rig.registry, &shown(&attached, labels, chosen));
        }
    }
}
