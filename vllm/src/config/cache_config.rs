//! `vllm:cache_config_info`: an engine's cache configuration, as the labels of a gauge that is 1.

use std::{array, fmt};

/// The fields of vLLM's cache configuration, with their defaults.
const DEFAULTS: [(&str, &str); CacheConfig::FIELDS] = [
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

/// An engine's cache configuration: vLLM's fields, each formatted as vLLM prints it.
///
/// ```
/// use tachometer_vllm::CacheConfig;
///
/// let mut config = CacheConfig::default();
/// config.set("num_gpu_blocks", 4096)?.set("enable_prefix_caching", false)?;
/// config.set("gpu_memory_utilization", 0.85)?;
/// assert_eq!(config.get("enable_prefix_caching"), Some("False"));
/// # Ok::<(), tachometer_vllm::UnknownField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// In the order of [`DEFAULTS`].
    values: [String; Self::FIELDS],
}

impl CacheConfig {
    /// The number of fields.
    pub const FIELDS: usize = 37;

    /// The names of the fields: the labels of `vllm:cache_config_info` besides `engine`.
    #[must_use]
    pub fn fields() -> [&'static str; Self::FIELDS] {
        DEFAULTS.map(|(field, _)| field)
    }

    /// Sets a field by its vLLM name.
    ///
    /// # Errors
    /// [`UnknownField`] if vLLM has no such field. Nothing changes then.
    pub fn set(&mut self, field: &str, value: impl Into<FieldValue>) -> Result<&mut Self, UnknownField> {
        let index = index(field).ok_or_else(|| UnknownField { field: field.to_owned() })?;
        self.values[index] = value.into().0;
        Ok(self)
    }

    /// The value of a field, as printed. `None` if there is no such field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        Some(&self.values[index(field)?])
    }

    /// The label values, in the order of [`fields`](Self::fields).
    pub(crate) fn label_values(&self) -> [&str; Self::FIELDS] {
        self.values.each_ref().map(String::as_str)
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { values: array::from_fn(|index| DEFAULTS[index].1.to_owned()) }
    }
}

fn index(field: &str) -> Option<usize> {
    DEFAULTS.iter().position(|(name, _)| *name == field)
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

/// vLLM's cache configuration has no field of this name.
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
            "the cache configuration has no field {:?}: CacheConfig::fields() lists those that it has",
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
}
