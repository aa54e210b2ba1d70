//! What may cross threads, be copied, or outlive a panic: the compiler's answers for public types,
//! and the table "Threads" of a crate's documentation.

#[path = "sources.rs"]
pub(crate) mod sources;

use std::{collections::BTreeMap, marker::PhantomData, panic};

/// Asks whether a type implements a trait: the inherent constant, which needs the bound, hides the
/// trait's.
pub(crate) struct Probe<T>(PhantomData<T>);

/// Both: what a panic may interrupt, by value and by reference.
#[allow(dead_code)] // a bound only
pub(crate) trait UnwindSafe: panic::UnwindSafe + panic::RefUnwindSafe {}
impl<T: panic::UnwindSafe + panic::RefUnwindSafe> UnwindSafe for T {}

macro_rules! probes {
    ($($asked:ident)*) => {
        // What every type implements is never asked for here.
        #[allow(non_upper_case_globals, dead_code)]
        pub(crate) trait Without {
            $(const $asked: bool = false;)*
        }
        impl<T> Without for Probe<T> {}
        $(
            #[allow(non_upper_case_globals)]
            impl<T: $asked> Probe<T> {
                pub(crate) const $asked: bool = true;
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

/// Each name between backticks in a row's first cell, and the row's other cells.
fn documented(documentation: &'static str) -> BTreeMap<&'static str, [bool; 5]> {
    let lines = documentation.lines().map(|line| line.trim_start_matches("//! "));
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
            let twice = types.insert(name, answers);
            assert_eq!(twice, None, "{name} appears twice");
        }
    }
    types
}

/// The table of the crate's documentation has each public type, with what the compiler says of it.
/// `not_exported` are public only because sealed traits mention them: nobody else can name them.
pub(crate) fn assert_documented(
    documentation: &'static str,
    answers: &BTreeMap<&str, [bool; 5]>,
    not_exported: &[&str],
) {
    assert_eq!(documented(documentation), *answers);
    let sources: String = sources::sources("").into_iter().map(|(_, source)| source).collect();
    let declarations = sources.lines().map(str::trim_start).filter_map(|line| {
        let name =
            ["pub struct ", "pub enum ", "pub union ", "pub type "].iter().find_map(|word| line.strip_prefix(word))?;
        name.split(|c: char| !c.is_alphanumeric()).next()
    });
    let exports = documentation.split("pub use").last().unwrap();
    for name in declarations {
        let exported = !not_exported.contains(&name);
        assert_eq!(answers.contains_key(name), exported, "{name} is public: give it a row, or don't export it");
        assert!(
            exported || !exports.split(|c: char| !c.is_alphanumeric()).any(|word| word == name),
            "{name} is exported"
        );
    }
}
