//! Closed labels from enums.

/// Declares an enum whose variants are the values of a [closed label](crate::Declaration::label),
/// so that label values and handles can't get out of order. `VALUES` goes into the declaration, and
/// a variant is the index of its handle. `as_str` is the label value.
///
/// The enum is `Copy`, `Debug`, `Eq` and `Hash`.
///
/// ```
/// # use tachometer::{Schema, label_enum};
/// label_enum! {
///     /// Why a request ended.
///     pub enum Finish { Stop = "stop", Length = "length", Abort = "abort" }
/// }
/// label_enum! { enum Stream { Yes = "true", No = "false" } }
///
/// # let mut schema = Schema::builder(&[]);
/// let finished = schema.counter::<u64>("finished", "Finished requests.");
/// let finished = finished.label("reason", Finish::VALUES).label("stream", Stream::VALUES);
/// let finished = finished.declare()?;
/// # fn record(step: &mut tachometer::Step, finished: [[tachometer::Counter<u64>; 2]; 3]) {
/// step.inc(finished[Finish::Length][Stream::No]);
/// # let _ = Stream::Yes;
/// # }
/// # assert_eq!(Finish::Abort.as_str(), "abort");
/// # Ok::<(), tachometer::SchemaError>(())
/// ```
#[macro_export]
macro_rules! label_enum {
    (
        $(#[$of_enum:meta])*
        $visible:vis enum $name:ident {
            $($(#[$of_variant:meta])* $variant:ident = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visible enum $name {
            $($(#[$of_variant])* $variant),+
        }

        #[allow(dead_code)] // not every program needs both
        impl $name {
            /// All label values, in the order of the variants.
            $visible const VALUES: [&'static str; [$($value),+].len()] = [$($value),+];

            /// The label value.
            #[must_use]
            $visible const fn as_str(self) -> &'static str {
                Self::VALUES[self as usize]
            }
        }

        impl<T> ::core::ops::Index<$name> for [T; $name::VALUES.len()] {
            type Output = T;

            fn index(&self, value: $name) -> &T {
                &self[value as usize]
            }
        }
    };
}
