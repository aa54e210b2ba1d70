//! Payloads as vLLM sends them.

use std::borrow::Cow;

use tachometer_vllm::connectors::{Key, KvConnector, Value};

use crate::rig::Rig;

#[test]
fn tuples_of_label_values_are_keys() {
    // {"data": {"a": {(): 2}}}
    let bytes = b"\x81\xa4data\x81\xa1a\x81\x90\x02";
    let json = br#"{"data": {"a": {"[]": 2}}}"#;
    let text = |value: &Value<'_>| format!("{value:?}");
    let read = Value::from_msgpack(bytes).unwrap();
    assert_eq!(text(&read), text(&Value::from_json(json).unwrap()));
    let Value::Map(entries) = read else { panic!("a map") };
    let Value::Map(data) = &entries[0].1 else { panic!("a map") };
    let Value::Map(series) = &data[0].1 else { panic!("a map") };
    assert_eq!(series[0].0, Key::Labels(Cow::Borrowed(&[])));
}

#[test]
fn every_type_of_messagepack_is_read() {
    for (bytes, shown) in [
        (&b"\xc0"[..], "None"),
        (b"\xc3", "Bool(true)"),
        (b"\x7f", "Integer(127)"),
        (b"\xff", "Integer(-1)"),
        (b"\xcd\x01\x00", "Integer(256)"),
        (b"\xcf\x80\0\0\0\0\0\0\0", "Float(9.223372036854776e18)"),
        (b"\xd0\x80", "Integer(-128)"),
        (b"\xd3\xff\xff\xff\xff\xff\xff\xff\xfe", "Integer(-2)"),
        (b"\xca\x3f\x80\0\0", "Float(1.0)"),
        (b"\xcb\x3f\xe0\0\0\0\0\0\0", "Float(0.5)"),
        (b"\xd9\x02ab", "Text(\"ab\")"),
        (b"\xdc\0\x01\x05", "List([Integer(5)])"),
        (b"\xde\0\x01\x92\xa1b\xc0\x05", "Map([(Labels([\"b\", \"None\"]), Integer(5))])"),
    ] {
        assert_eq!(format!("{:?}", Value::from_msgpack(bytes).unwrap()), shown);
    }
}

#[test]
fn what_is_no_payload_is_refused_with_a_reason() {
    let deep = [0x91; 100];
    for (bytes, reason) in [
        (&b""[..], "it ends too early"),
        (b"\xdd\xff\xff\xff\xff\x01", "it ends too early"),
        (b"\x82\xa1a\x01\xa1a\x02", "a key is there twice"),
        (b"\x81\x01\x02", "a key is neither text nor a list"),
        (b"\x81\x91\x80\x02", "a label value is a list or a map"),
        (b"\xc4\x01a", "it has binary data or an extension"),
        (b"\xa1\xff", "a text isn't UTF-8"),
        (b"\x01\x02", "something follows it"),
        (&deep, "it is nested too deeply"),
    ] {
        let error = Value::from_msgpack(bytes).unwrap_err().to_string();
        assert_eq!(error, format!("the payload can't be read: {reason}"));
    }
    for json in ["", "{", "[1,]", r#"{"a": 1, "a": 2}"#, r#"{"[]": 1, "[]": 2}"#, &"[".repeat(1_000)] {
        let error = Value::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the payload can't be read: "), "{json}: {error}");
    }
}

#[test]
fn json_and_rust_types_record_the_same() {
    let json = br#"{"save_duration": [0.5, 2], "load_duration": [], "num_failed_save": 3.0, "num_failed_load": 0, "num_transfer_task": 5}"#;
    let durations = [0.5, 2.0];
    let payload = [
        ("save_duration".into(), Value::Floats(&durations)),
        ("load_duration".into(), Value::Integers(&[])),
        ("num_failed_save".into(), 3.into()),
        ("num_failed_load".into(), Value::from(0_u64)),
        ("num_transfer_task".into(), Value::from(5_i64)),
    ];
    let mut rigs = [Rig::new(&KvConnector::Hf3fs), Rig::new(&KvConnector::Hf3fs)];
    rigs[0].record(&Value::from_json(json).unwrap()).unwrap();
    rigs[1].record(&Value::map(&payload)).unwrap();
    assert_eq!(rigs[0].samples(), rigs[1].samples());
}
