//! What may cross threads, be copied, or outlive a panic: the compiler's answer for every public type is the table "Threads" of the
//! crate's documentation.

#[path = "common/sources.rs"]
mod sources;

use std::{collections::BTreeMap, marker::PhantomData, panic};

use tachometer::{vllm::*, *};

/// Asks whether a type implements a trait: the inherent constant, which needs the bound, hides the trait's.
struct Probe<T>(PhantomData<T>);

/// Both: what a panic may interrupt, by value and by reference.
#[allow(dead_code)] // a bound only
trait UnwindSafe: panic::UnwindSafe + panic::RefUnwindSafe {}
impl<T: panic::UnwindSafe + panic::RefUnwindSafe> UnwindSafe for T {}

macro_rules! probes {
    ($($asked:ident)*) => {
        #[allow(non_upper_case_globals, dead_code)] // what every type implements, is never asked for here
        trait Without {
            $(const $asked: bool = false;)*
        }
        impl<T> Without for Probe<T> {}
        $(
            #[allow(non_upper_case_globals)]
            impl<T: $asked> Probe<T> {
                const $asked: bool = true;
            }
        )*
    };
}

probes!(Send Sync Clone Copy UnwindSafe Unpin);

/// A type's name, and what it implements.
macro_rules! answers {
    ($($name:ident $(<$($parameter:tt),*>)?)*) => {
        [$((stringify!($name), {
            type Asked = Probe<$name $(<$($parameter),*>)?>;
            const { assert!(Asked::Unpin) };
            [Asked::Send, Asked::Sync, Asked::Clone, Asked::Copy, Asked::UnwindSafe]
        })),*]
    };
}

fn answers() -> BTreeMap<&'static str, [bool; 5]> {
    type Counted = Counter<u64>;
    BTreeMap::from(answers! {
        AdmissionRejection Aggregate AttachError BucketFamily By<1, One> CacheConfig CacheStats Config
        ConnectorCacheStats Counter<u64> Declaration<'static, Counted> DeclareError DiffusionFamilies Engine
        EngineView<'static> Eviction<'static> Families FieldValue FinishReason FinishedRequest Gauge<f64>
        Histogram<f64> HistogramView<'static, f64> Info<1> InfoDeclaration<'static, 1> InfoView<'static, 1>
        Iteration<'static, 'static> IterationStats<'static> IterationTokensDefinition KvBlockFamilies
        KvFetchStats LogLevel LogLine LogLines LogStyle LoraFamilies LoraStats<'static> MooncakeFamilies MooncakeStats<'static>
        MooncakeTransfer NixlFamilies NixlStats<'static> NixlTransfer One OpenDeclaration<'static, Counted, 1> OpenFamily<Counted, 1>
        OpenSeries<Counted> PerPosition PerfStats PromptTokens
        Recorder Recording Registry Schema SchemaBuilder SchemaError SchedulerStats<'static> Series
        SharedHitRates SharedRecorder SharedRecording
        SleepState Snapshot SpecDecodeFamilies SpecDecodeStats<'static> Step<'static> StepStats<'static>
        TextRenderer TooManyRecorders UnknownField WatermarkStats
    })
}

/// Each name between backticks in a row's first cell, and the row's other cells.
fn documented() -> BTreeMap<&'static str, [bool; 5]> {
    let lines = include_str!("../src/lib.rs").lines().map(|line| line.trim_start_matches("//! "));
    let rows = lines.skip_while(|line| *line != "# Threads").skip_while(|line| !line.starts_with('|'));
    let mut types = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let answers: [bool; 5] = std::array::from_fn(|column| match cells[column + 2] {
            "yes" => true,
            "no" => false,
            other => panic!("{other:?} in {row}"),
        });
        for name in cells[1].split('`').skip(1).step_by(2) {
            let twice = types.insert(name.trim_start_matches("vllm::"), answers);
            assert_eq!(twice, None, "{name} stands there twice");
        }
    }
    types
}

#[test]
fn the_documented_table_is_what_the_compiler_says() {
    assert_eq!(documented(), answers());
}

/// Public only because sealed traits mention them: nobody else can name them.
const NOT_EXPORTED: [&str; 4] = ["Bounds", "Kind", "Number", "Summary"];

#[test]
fn every_public_type_is_in_the_table() {
    let sources: String = sources::sources("").into_iter().map(|(_, source)| source).collect();
    let declarations = sources.lines().map(str::trim_start).filter_map(|line| {
        let name =
            ["pub struct ", "pub enum ", "pub union ", "pub type "].iter().find_map(|word| line.strip_prefix(word))?;
        name.split(|c: char| !c.is_alphanumeric()).next()
    });
    let (table, exports) = (answers(), include_str!("../src/lib.rs").split("pub use").last().unwrap());
    for name in declarations {
        let exported = !NOT_EXPORTED.contains(&name);
        assert_eq!(table.contains_key(name), exported, "{name} is public: give it a row, or don't export it");
        assert!(
            exported || !exports.split(|c: char| !c.is_alphanumeric()).any(|word| word == name),
            "{name} is exported"
        );
    }
}
