//! The configurations in which scenarios are replayed.

use tachometer_vllm::{BucketFamily, Config};

use crate::args::ConfigName;
use crate::event::Header;

/// The bounds of all bucket families in the extra configuration.
const EXTRA_BOUNDS: [(BucketFamily, &[f64]); 8] = [
    (BucketFamily::RequestLatency, &[0.01, 0.05, 0.1, 0.5]),
    (BucketFamily::TimeToFirstToken, &[1e-5, 0.0005, 2.5]),
    (BucketFamily::InterTokenLatency, &[0.001, 0.002, 0.004]),
    (BucketFamily::IterationTokens, &[1.0, 1_000.0, 1_000_000.0, 16_777_216.0]),
    (BucketFamily::RequestN, &[1.0]),
    (BucketFamily::RequestPreemptions, &[1.5, 2.25]),
    (BucketFamily::RequestTokens, &[1.0, 128.0, 1_048_576.0, 123_456_789.0]),
    (BucketFamily::KvCacheResidency, &[1e-6, 0.1, 1_234_567.5]),
];

/// What log lines need. vLLM's loggers report estimated work in one configuration only. No page is
/// printed, so there needn't be a series per draft position, and any number of speculative tokens
/// works.
pub(crate) fn for_log_lines(name: ConfigName, header: &Header) -> Config {
    let mfu = matches!(name, ConfigName::Extra);
    config(name, header, 0).log_lines(true).shared_hit_rates(true).mfu(mfu)
}

pub(crate) fn for_pages(name: ConfigName, header: &Header) -> Config {
    // A number beyond the range of an address is too large too.
    config(name, header, header.num_spec_tokens.0.try_into().unwrap_or(usize::MAX))
}

fn config(name: ConfigName, header: &Header, speculative_tokens: usize) -> Config {
    let base = Config::new().model_name(&header.model_name).max_model_len(header.max_model_len.0);
    match name {
        ConfigName::Base => base,
        ConfigName::Full => {
            let full = base.spec_decode(speculative_tokens).lora(header.max_loras);
            full.kv_cache_metrics(true).kv_consumer(true)
        }
        ConfigName::Extra => {
            let extra = base.spec_decode(speculative_tokens).kv_cache_metrics(true).watermark(true).nan_check(true);
            EXTRA_BOUNDS.into_iter().fold(extra, |config, (family, bounds)| config.bounds(family, bounds))
        }
        ConfigName::Diffusion => base.diffusion(true),
    }
}
