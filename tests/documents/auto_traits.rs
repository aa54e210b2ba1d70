//! What may cross threads, be copied, or outlive a panic: the compiler's answer for every public
//! type is the table of `docs/threads.md`.

use crate::traits::{Probe, Without as _, assert_documented};
use tachometer::{http::Response, *};

#[test]
fn every_public_type_is_documented_as_the_compiler_has_it() {
    type Counted = Counter<u64>;
    type OneLabel = Exactly<1>;
    let answers = answers! {
        AtRunTime AttachError By<OneLabel, One> Chunks Counter<u64> Declaration<'static, Counted> Engine Exactly<1> EngineView<'static>
        FamilyView<'static> Format Gauge<f64>
        Histogram<f64> HistogramView<'static, f64> Info<OneLabel> InfoDeclaration<'static, OneLabel>
        InfoView<'static, OneLabel> Joined
        InFlight MetricType One PageOptions DynamicDeclaration<'static, Counted, OneLabel> DynamicFamily<Counted, OneLabel> DynamicSeries<Counted>
        Recorder Registry Response SampleValue<'static> SampleView<'static> Schema SchemaBuilder SchemaError SettableGauge<f64> SharedRecorder Snapshot State<f64> StateSet Step<'static>
        Collector CollectorError Renderer Timer RecorderError View<Counted> EngineValues<'static, Counted>
    };
    assert_documented(
        concat!(include_str!("../../docs/threads.md"), include_str!("../../src/lib.rs")),
        &answers.into(),
        &["Bounds", "Cursor", "Leaf", "Storage", "Summary", "WordType"],
    );
}
