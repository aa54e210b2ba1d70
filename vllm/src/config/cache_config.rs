//! `vllm:cache_config_info`: an engine's cache configuration, as the labels of a gauge that is 1.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// An engine's cache configuration: fields of any names, each with its value as vLLM prints it.
/// vLLM renames some with every release. The [`default`](Self::default) is that of
/// [`VLLM_VERSION`](crate::VLLM_VERSION); collect pairs for another one, and give it to
/// [`Config::cache_config`](crate::Config::cache_config).
///
/// ```
/// use tachometer_vllm::CacheConfig;
///
/// let mut config = CacheConfig::default();
/// config.set("num_gpu_blocks", 4096)?.set("enable_prefix_caching", false)?;
/// config.set("gpu_memory_utilization", 0.85)?;
/// assert_eq!(config.get("enable_prefix_caching"), Some("False"));
///
/// let other = CacheConfig::from_iter([("block_size", "16"), ("tiers", "gpu,cpu")]);
/// assert!(other.fields().eq(["block_size", "tiers"]));
/// # Ok::<(), tachometer_vllm::UnknownField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Names and values.
    pairs: Vec<(String, String)>,
}

/// What tells the fields of two configurations apart: a hash of their names, in order. It is as
/// small as a handle, so each [`Families`](crate::Families) has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldNames(u64);

impl CacheConfig {
    /// The fields of [`VLLM_VERSION`](crate::VLLM_VERSION), with their defaults.
    pub const DEFAULTS: &'static [(&'static str, &'static str)] = &[
        ("block_size", "16"),
        ("user_specified_block_size", "False"),
        ("kv_cache_layout", "None"),
        ("prefix_match_unit", "None"),
        ("gpu_memory_utilization", "0.92"),
        ("cache_dtype", "auto"),
        ("is_attention_free", "False"),
        ("num_gpu_blocks_override", "None"),
        ("sliding_window", "None"),
        ("enable_prefix_caching", "True"),
        ("prefix_caching_hash_algo", "sha256"),
        ("prefix_cache_retention_interval", "0"),
        ("kv_cache_dtype_skip_layers", "[]"),
        ("mamba_page_size_padded", "None"),
        ("skip_page_size_padded", "None"),
        ("mamba_block_size", "None"),
        ("mamba_cache_dtype", "auto"),
        ("mamba_ssm_cache_dtype", "auto"),
        ("mamba_cache_mode", "none"),
        ("enable_mamba_shared_prefix_checkpoint", "False"),
        ("replayssm_buffer_len", "16"),
        ("use_replayssm", "False"),
        ("use_kda_recoverssm", "False"),
        ("num_gpu_blocks", "None"),
        ("num_cpu_blocks", "None"),
        ("simple_cpu_offload_num_blocks", "None"),
        ("effective_attention_block_size", "None"),
        ("kv_cache_size_tokens", "None"),
        ("kv_cache_max_concurrency", "None"),
        ("hash_block_size", "None"),
        ("cache_hit_alignment_tokens", "None"),
        ("kv_sharing_fast_prefill", "False"),
        ("swa_bounded_replay", "True"),
        ("kv_cache_memory_bytes", "None"),
        ("kv_offloading_size", "None"),
        ("kv_offloading_backend", "native"),
        ("_block_size_resolved", "True"),
    ];

    /// The names of the fields, in order: the labels of `vllm:cache_config_info` besides `engine`.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(field, _)| field.as_str())
    }

    /// Sets a field that the configuration has.
    ///
    /// # Errors
    /// [`UnknownField`] if it has no such field. Nothing changes then.
    pub fn set(&mut self, field: &str, value: impl Into<FieldValue>) -> Result<&mut Self, UnknownField> {
        let slot = self.slot(field).ok_or_else(|| UnknownField { field: field.to_owned() })?;
        *slot = value.into().0;
        Ok(self)
    }

    /// The value of a field, as printed. `None` if there is no such field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    fn slot(&mut self, field: &str) -> Option<&mut String> {
        self.pairs.iter_mut().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// Calls `with` with the label values, in the order of [`fields`](Self::fields). Allocates
    /// only for more than 64 fields.
    pub(crate) fn with_label_values<T>(&self, with: impl FnOnce(&[&str]) -> T) -> T {
        let values = self.pairs.iter().map(|(_, value)| value.as_str());
        let mut few = [""; 64];
        match few.get_mut(..self.pairs.len()) {
            Some(few) => {
                few.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
                with(few)
            }
            None => with(&values.collect::<Vec<_>>()),
        }
    }

    pub(crate) fn field_names(&self) -> FieldNames {
        let mut hasher = DefaultHasher::new();
        self.fields().for_each(|field| field.hash(&mut hasher));
        FieldNames(hasher.finish())
    }
}

/// vLLM's fields, with their defaults.
impl Default for CacheConfig {
    fn default() -> Self {
        Self::from_iter(Self::DEFAULTS.iter().copied())
    }
}

/// A field that is there already gets the new value. All others are appended, in the order given.
impl<N: Into<String>, V: Into<FieldValue>> Extend<(N, V)> for CacheConfig {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (field, value) in pairs {
            let (field, FieldValue(value)) = (field.into(), value.into());
            match self.slot(&field) {
                Some(slot) => *slot = value,
                None => self.pairs.push((field, value)),
            }
        }
    }
}

/// As extending a configuration without fields.
impl<N: Into<String>, V: Into<FieldValue>> FromIterator<(N, V)> for CacheConfig {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut config = Self { pairs: Vec::new() };
        config.extend(pairs);
        config
    }
}

/// A field's value as vLLM prints it, which is Python's way: `True`, `None`, `0.92`. Strings are
/// taken as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue(String);

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        Self(if value { "True" } else { "False" }.to_owned())
    }
}

impl From<f64> for FieldValue {
    fn from(value: f64) -> Self {
        if value.is_nan() {
            return Self("nan".to_owned());
        }
        let digits = format!("{value:?}");
        // Both languages print the shortest digits, and switch to exponents at the same magnitudes.
        // Python's exponents have a sign and two digits.
        Self(match digits.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
                format!("{mantissa}e{sign}{exponent:0>2}")
            }
            None => digits,
        })
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for FieldValue {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| Self("None".to_owned()), Into::into)
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for FieldValue {
            fn from(value: $integer) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}

integers!(i32, u32, i64, u64, usize);

/// The cache configuration has no field of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The name as given.
    field: String,
}

impl UnknownField {
    /// The name as given.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the cache configuration has no field {:?}: set one of CacheConfig::fields(), or add it with extend",
            self.field
        )
    }
}

impl std::error::Error for UnknownField {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_as_in_python() {
        for (value, expected) in [
            (FieldValue::from(true), "True"),
            (false.into(), "False"),
            (None::<u64>.into(), "None"),
            (Some(4096).into(), "4096"),
            (Some(0.92).into(), "0.92"),
            (1.0.into(), "1.0"),
            (1e15.into(), "1000000000000000.0"),
            (1e16.into(), "1e+16"),
            (1.5e300.into(), "1.5e+300"),
            (0.0001.into(), "0.0001"),
            ((-0.00001).into(), "-1e-05"),
            (f64::NAN.into(), "nan"),
            (f64::NEG_INFINITY.into(), "-inf"),
            ("auto".into(), "auto"),
        ] {
            assert_eq!(value.0, expected);
        }
    }

    #[test]
    fn a_field_is_set_by_its_name_or_refused() {
        let mut config = CacheConfig::default();
        assert_eq!(config.get("block_size"), Some("16"));
        assert_eq!(config.set("block_size", 32).unwrap().get("block_size"), Some("32"));
        assert_eq!(config.get("blocksize"), None);
        let error = config.set("blocksize", 32).unwrap_err();
        assert_eq!(error.field(), "blocksize");
        let error = error.to_string();
        assert!(error.contains("\"blocksize\"") && error.contains("CacheConfig::fields()"), "{error}");
    }

    #[test]
    fn pairs_keep_their_order_and_a_name_is_there_once() {
        let mut config = CacheConfig::from_iter([("b", 1), ("a", 2), ("b", 3)]);
        config.extend([("c", Some(true)), ("a", None)]);
        assert!(config.fields().eq(["b", "a", "c"]));
        config.with_label_values(|values| assert_eq!(values, ["3", "None", "True"]));
        let many = CacheConfig::from_iter((0..65).map(|field| (format!("f{field}"), field)));
        many.with_label_values(|values| assert_eq!((values.len(), values[64]), (65, "64")));
        assert_eq!(CacheConfig::default().fields().count(), CacheConfig::DEFAULTS.len());
        let other = CacheConfig::from_iter([("a", 1), ("b", 1), ("c", 1)]);
        assert_ne!(config.field_names(), other.field_names());
    }
}
