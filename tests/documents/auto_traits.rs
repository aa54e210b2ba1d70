//! What may cross threads, be copied, or outlive a panic: the compiler's answer for every public
//! type is the table "Threads" of the crate's documentation.

use crate::traits::{Probe, Without as _, assert_documented};
use tachometer::*;

#[test]
fn every_public_type_is_documented_as_the_compiler_has_it() {
    type Counted = Counter<u64>;
    let answers = answers! {
        AttachError By<1, One> Counter<u64> Declaration<'static, Counted> Engine EngineView<'static> Gauge<f64>
        Histogram<f64> HistogramView<'static, f64> Info<1> InfoDeclaration<'static, 1> InfoView<'static, 1>
        One DynamicDeclaration<'static, Counted, 1> DynamicFamily<Counted, 1> DynamicSeries<Counted>
        Recorder Registry Schema SchemaBuilder SchemaError SettableGauge<f64> SharedRecorder Snapshot State<f64> StateSet Step<'static>
        TextRenderer RecorderError View<Counted> EngineValues<'static, Counted>
    };
    assert_documented(
        include_str!("../../src/lib.rs"),
        &answers.into(),
        &["Bounds", "Cursor", "Leaf", "MetricType", "Storage", "Summary", "WordType"],
    );
}
