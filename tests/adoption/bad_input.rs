//! Whatever a program is given at run time: a page stays one that can be read back, and what can't
//! be shown is refused by a typed error or by a documented rule.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use proptest::prelude::*;
use tachometer::{AttachError, Format, PageOptions, Registry, Schema, Snapshot};

use crate::{common, one_engine::OneEngine};

/// What escapes, what other formats take for the end of a line or a text, the characters next to
/// the surrogates, the ends of each length in UTF-8, and text that looks like the page's own.
const ODD: [&str; 26] = [
    "",
    " ",
    "\"",
    "\\",
    "\n",
    "\\n",
    "\\\\n",
    "\"}\n",
    "trailing\\",
    "\r",
    "\r\n",
    "\0",
    "a\0b",
    "\t\u{1b}",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "\u{7ff}\u{800}",
    "\u{2028}\u{2029}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{feff}\u{fffe}\u{ffff}",
    "\u{10000}\u{10ffff}",
    "e\u{301}\u{202e}",
    "a\",b=\"c",
    "# EOF\n# TYPE x counter\nx 1",
];

/// Where a text may stand.
const PLACES: [&str; 10] =
    ["constant", "engine", "closed", "mode", "tenant", "overflow", "running", "wide", "worker", "model"];

/// Pages in both formats with the text in each place, as the value of the label with that name.
fn pages_with(text: &str) -> [String; 2] {
    let mut schema = Schema::builder(&["engine"]);
    schema.const_label("constant", text);
    schema.counter::<u64>("a", text).label("closed", [text]).declare().unwrap();
    schema.state_set("b", text, "mode", &[text]).declare().unwrap();
    let tenants = schema.gauge::<i64>("c", text).sparse().dynamic_labels(["tenant"], 1).max_value_len(usize::MAX);
    let tenants = tenants.declare().unwrap();
    let overflow = schema.counter::<u64>("d", "").dynamic_labels(["overflow"], 0).overflow_value(text);
    overflow.declare().unwrap();
    let adapters = schema.info("e_info", text, ["running"]).declare().unwrap();
    let wide = schema.info("f_info", text, ["wide"]).registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&[text]).unwrap();
    let shared = engine.shared_recorder();
    shared.with_label_values(tenants, [text]).set(1);
    shared.set_info(adapters, [text], 1.0);
    registry.shared_recorder().set_info(wide, [text], 1.0);

    let mut schema = Schema::builder(&["worker"]);
    schema.counter::<u64>("g", text).declare().unwrap();
    let joined = registry.join(schema.build().unwrap()).unwrap();
    let _worker = joined.attach(&[if text.is_empty() { "another engine" } else { text }]).unwrap();

    let mut schema = Schema::builder(&[]);
    let models = schema.gauge::<i64>("h", text).sparse().dynamic_labels(["model"], 1).max_value_len(usize::MAX);
    let models = models.declare().unwrap();
    let text = text.to_owned();
    let collect = move |recorder: &tachometer::SharedRecorder| {
        recorder.with_label_values(models, [text.as_str()]).set(1);
        Ok(())
    };
    let _collector = registry.collector(schema.build().unwrap(), collect).unwrap();
    [Format::Text, Format::OpenMetrics].map(|format| {
        let mut page = Vec::new();
        registry.render_as(format, &PageOptions::new(), &mut page);
        String::from_utf8(page).expect("UTF-8")
    })
}

/// The text between the quotes of a page, read by the format's own rules.
fn unescaped(value: &str) -> String {
    let mut chars = value.chars();
    let mut text = String::new();
    while let Some(char) = chars.next() {
        text.push(match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                other => panic!("{other:?} isn't an escape, in {value}"),
            },
            (char, false) => char,
        });
    }
    text
}

/// All labels of a page's samples, as this page's own reader has them. Fails if it has a sample
/// twice.
fn labels(page: &str) -> BTreeSet<(String, String)> {
    let samples: String = page.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
    let labels = crate::samples::samples(&samples, "").into_keys().flat_map(|(_, labels)| labels);
    labels.map(|(label, value)| (label, unescaped(&value))).filter(|(label, _)| label != "le").collect()
}

/// Fails unless the page has the text in each place, and no sample twice.
fn check(text: &str) {
    let [page, open_metrics] = pages_with(text);
    let read = labels(&page);
    assert!(labels(&open_metrics) == read);
    for place in PLACES.into_iter().filter(|place| *place != "worker" || !text.is_empty()) {
        let shown: String = text.chars().take(100).collect();
        assert!(read.contains(&(place.to_owned(), text.to_owned())), "{place} isn't {shown:?}");
    }
    // This parser takes a carriage return for the end of a line; the format doesn't. And it takes
    // minutes for what is long.
    if !text.contains('\r') && text.len() < 10_000 {
        let parsed = common::parse(&page).into_keys().flat_map(|(_, labels)| labels);
        assert!(parsed.filter(|(label, _)| label != "le").collect::<BTreeSet<_>>() == read);
    }
}

#[test]
fn any_utf8_is_read_back_from_each_place() {
    ODD.into_iter().for_each(check);
}

#[test]
fn long_text_is_read_back_from_each_place() {
    check(&"\"".repeat(1_000));
    check(&"\"".repeat(100_000));
    check(&"\u{10ffff}".repeat(25_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn random_text_is_read_back_from_each_place(text in any::<String>()) {
        check(&text);
    }
}

#[test]
fn values_that_differ_in_any_byte_are_different_series() {
    let one = OneEngine::new(|schema| {
        let hits = schema.counter::<u64>("hits", "").sparse().dynamic_labels(["of"], ODD.len());
        (hits.declare().unwrap(), schema.counter::<u64>("wide", "").label("of", ODD).declare().unwrap())
    });
    let (hits, wide) = one.handles;
    let engines = ODD.map(|name| one.registry.attach(&[name]).unwrap());
    for (n, (of, engine)) in (1..).zip(ODD.iter().zip(&engines)) {
        let shared = engine.shared_recorder();
        shared.add(wide[n - 1], n as u64);
        one.engine.shared_recorder().with_label_values(hits, [*of]).add(n as u64);
        assert_eq!(engine.read(wide[n - 1], |total| total), n as u64);
    }
    let samples = crate::samples::samples(&one.page(), "hits_total");
    let seen: BTreeSet<_> = samples.into_iter().map(|((_, labels), n)| (unescaped(&labels[1].1), n as usize)).collect();
    assert_eq!(seen, ODD.iter().map(|of| (*of).to_owned()).zip(1..).collect());
    assert_eq!(one.self_metric("overflowed_label_values"), 0);
    assert_eq!(crate::samples::samples(&one.page(), "wide_total").len(), ODD.len() * (ODD.len() + 1));
}

#[test]
fn an_engine_needs_one_value_per_label() {
    let registry = Registry::new(Schema::builder(&["engine", "model"]).build().unwrap());
    let joined = registry.join(Schema::builder(&["engine", "model"]).build().unwrap()).unwrap();
    for given in [&[][..], &["0"], &["0", "m", "x"]] {
        let [labels, values] = [&["engine", "model"], given].map(|list| list.iter().map(ToString::to_string).collect());
        let refused = Some(AttachError::LabelCount { labels, values });
        assert_eq!(registry.attach(given).err(), refused);
        assert_eq!(registry.get_or_attach(given).err(), refused);
        assert_eq!(joined.attach(given).err(), refused);
        let mut snapshot = Snapshot::new();
        registry.snapshot(&mut snapshot);
        assert!(snapshot.engine(given).is_none());
    }
    assert!(!registry.page().contains("engine="));
}

/// There is no series that it could return.
#[test]
fn a_dynamic_series_needs_one_value_per_label() {
    let one = OneEngine::new(|schema| {
        let hits = schema.counter::<u64>("hits", "").sparse();
        hits.dynamic_labels(&["backend", "reason"][..], 4).declare().unwrap()
    });
    let shared = one.engine.shared_recorder();
    for given in [&[][..], &["a"], &["a", "b", "c"]] {
        let panics = |call: &dyn Fn()| catch_unwind(AssertUnwindSafe(call)).is_err();
        assert!(panics(&|| shared.with_label_values(one.handles, given).inc()), "{given:?}");
        assert!(panics(&|| _ = shared.remove(one.handles, given)), "{given:?}");
    }
    assert_eq!(one.samples("hits_total"), [""; 0]);
    shared.with_label_values(one.handles, &["a", "b"]).inc();
    assert_eq!(one.samples("hits_total"), ["backend=\"a\",reason=\"b\"} 1"]);
}

/// In a release build it is rejected and counted.
#[test]
fn an_info_needs_one_value_per_label_from_any_thread() {
    let mut schema = Schema::builder(&["engine"]);
    let own = schema.info("own_info", "", &["a", "b"][..]).declare().unwrap();
    let wide = schema.info("wide_info", "", &["a", "b"][..]).registry_wide().declare().unwrap();
    let registry = Registry::new(schema.build().unwrap());
    let engine = registry.attach(&["0"]).unwrap();
    for given in [&[][..], &["x"], &["x", "y", "z"]] {
        for (shared, info) in [(engine.shared_recorder(), own), (registry.shared_recorder(), wide)] {
            let set = catch_unwind(AssertUnwindSafe(|| shared.set_info(info, given, 1.0)));
            assert_eq!(set.is_err(), cfg!(debug_assertions), "{given:?}");
        }
    }
    let page = registry.page();
    assert!(!page.contains("own_info{") && !page.contains("wide_info{"), "{page}");
    let rejected = if cfg!(debug_assertions) { 0 } else { 3 };
    assert!(page.contains(&format!("tachometer_rejected_observations_total{{engine=\"0\"}} {rejected}\n")), "{page}");
}
