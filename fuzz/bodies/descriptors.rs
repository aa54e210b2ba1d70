//! Any descriptor and any payload: both are read or refused. What was declared shows on a page, in
//! no more lines and no more text than the limits allow, and leaves it again.

use tachometer::{Registry, Schema};
use tachometer_vllm::{
    connectors::Value,
    descriptors::{Descriptor, DescriptorError, DescriptorFamilies, Limits},
};

/// In JSON: a descriptor and, behind a zero byte, payloads that are separated by line feeds. In
/// MessagePack: a payload that brings its descriptor along.
pub(crate) fn run(data: &[u8]) {
    match Value::from_msgpack(data) {
        Ok(payload @ Value::Map(_)) => {
            if let Some(descriptor) = Descriptor::of_payload(&payload) {
                declare(descriptor, &[data]);
            }
        }
        _ => {
            let (descriptor, payloads) = match data.iter().position(|byte| *byte == 0) {
                Some(end) => (&data[..end], &data[end + 1..]),
                None => (data, &[][..]),
            };
            let payloads: Vec<_> = payloads.split(|byte| *byte == b'\n').collect();
            declare(Descriptor::from_json(descriptor), &payloads);
        }
    }
}

fn declare(descriptor: Result<Descriptor, DescriptorError>, payloads: &[&[u8]]) {
    let limits = Limits { samples: 60, text: 3_000, ..Default::default() };
    let mut schema = Schema::builder(&["engine"]);
    match descriptor.and_then(|descriptor| descriptor.declare(&mut schema, limits)) {
        Ok(families) => shows(schema.build().expect("each family was checked"), &families, payloads, limits),
        Err(error) => assert!(error.to_string().len() > 5),
    }
}

fn shows(schema: Schema, families: &DescriptorFamilies, payloads: &[&[u8]], limits: Limits) {
    let registry = Registry::new(Schema::builder(&["engine"]).build().expect("no family"));
    let engine = registry.attach(&["0"]).expect("the first engine");
    let before = page(&registry);
    let joined = registry.join(schema).expect("the registry has no family");
    let part = joined.attach_to(&engine).expect("the same engine labels");
    let metrics = families.metrics(&part);
    let mut recorder = part.recorder().expect("the first recorder");
    for payload in payloads {
        for payload in [Value::from_json(payload), Value::from_msgpack(payload)].into_iter().flatten() {
            let mut step = recorder.step();
            metrics.record(&mut step, &payload);
            step.commit();
        }
    }
    let during = page(&registry);
    let own =
        |page: &str| page.lines().filter(|line| !line.starts_with('#') && !line.starts_with("tachometer_")).count();
    assert!(own(&during) <= limits.samples, "{during}");
    // Escapes double the text. Numbers, suffixes and engine labels are short.
    assert!(during.len() <= before.len() + 2 * limits.text + 120 * limits.samples + 100 * limits.families, "{during}");
    drop(joined);
    assert_eq!(own(&page(&registry)), 0);
}

fn page(registry: &Registry) -> String {
    let mut page = Vec::new();
    registry.render(&mut page);
    String::from_utf8(page).expect("a page is UTF-8")
}
