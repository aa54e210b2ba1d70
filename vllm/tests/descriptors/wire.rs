//! Documents and payloads as bytes. In JSON, a tuple of label values is the text of a list.

use serde_json::Value;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    Json,
    MessagePack,
}

impl Wire {
    pub(crate) const ALL: [Self; 2] = [Self::Json, Self::MessagePack];

    pub(crate) fn bytes(self, value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Json => bytes = value.to_string().into_bytes(),
            Self::MessagePack => pack(value, &mut bytes),
        }
        bytes
    }

    pub(crate) fn read(self, bytes: &[u8]) -> tachometer_vllm::connectors::Value<'_> {
        match self {
            Self::Json => tachometer_vllm::connectors::Value::from_json(bytes),
            Self::MessagePack => tachometer_vllm::connectors::Value::from_msgpack(bytes),
        }
        .unwrap()
    }
}

fn pack(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(0xc0),
        Value::Bool(value) => bytes.push(0xc2 + u8::from(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => bytes.extend([&[0xd3][..], &number.to_be_bytes()].concat()),
            None => bytes.extend([&[0xcb][..], &number.as_f64().unwrap().to_be_bytes()].concat()),
        },
        Value::String(text) => {
            length(0xdb, text.len(), bytes);
            bytes.extend(text.bytes());
        }
        Value::Array(items) => {
            length(0xdd, items.len(), bytes);
            items.iter().for_each(|item| pack(item, bytes));
        }
        Value::Object(entries) => {
            length(0xdf, entries.len(), bytes);
            for (key, value) in entries {
                // A tuple.
                let labels = serde_json::from_str::<Vec<String>>(key).map(Value::from);
                pack(&labels.unwrap_or_else(|_| key.as_str().into()), bytes);
                pack(value, bytes);
            }
        }
    }
}

fn length(tag: u8, length: usize, bytes: &mut Vec<u8>) {
    bytes.push(tag);
    bytes.extend((length as u32).to_be_bytes());
}
