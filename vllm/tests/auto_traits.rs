//! What may cross threads, be copied, or outlive a panic: the table "Threads" in the crate's
//! documentation holds the compiler's answer for every public type.

#[macro_use]
#[path = "../../tests/common/auto_traits.rs"]
mod traits;

use tachometer_vllm::{connectors::*, descriptors::*, *};
use traits::{Probe, Without as _, assert_documented};

#[test]
fn every_public_type_is_documented_as_the_compiler_has_it() {
    let answers = answers! {
        Absent At<'static> ConnectorFamilies ConnectorMetrics Exists<'static> FamilyRow<'static> Figure Key<'static> Known<'static>
        KvConnector<'static> Metric<'static> MooncakeStats<'static> MooncakeTransfer NixlStats<'static> NixlTransfer
        Offloading<'static> OffloadingSpec<'static> PayloadError Percentile Sample<'static> Stat Summary Table<'static> Take
        TransferLog Value<'static>
        Descriptor DescriptorError DescriptorFamilies DescriptorMetrics Limits
        ApiServerMetrics Ongoing SleepOperation ToolRequest WeightOperation
        AdmissionRejection BucketFamily CacheConfig CacheStats Config ConnectorCacheStats DeclareError DiffusionFamilies
        Eviction<'static> Families FieldValue FinishReason FinishedRequest Iteration<'static, 'static>
        IterationStats<'static> IterationTokensDefinition KvBlockFamilies KvFetchStats LogLevel LogLine LogLines LogStyle
        LoraFamilies LoraStats<'static> PerPosition PerfStats PromptTokens EngineMetrics SchedulerStats<'static> SharedHitRates
        SharedMetrics SleepState SpecDecodeFamilies SpecDecodeStats<'static> StepStats<'static> UnknownField WatermarkStats
    };
    assert_documented(include_str!("../src/lib.rs"), &answers.into(), &[]);
}
