//! The upper bounds of vLLM's histograms.

/// Inter-token latency and time per output token, in seconds.
pub(crate) const INTER_TOKEN_LATENCY: [f64; 19] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];

/// Tokens in an iteration.
pub(crate) const ITERATION_TOKENS: [f64; 13] =
    [1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0];

/// A request's life and its phases, in seconds.
pub(crate) const REQUEST_LATENCY: [f64; 21] = [
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
];

/// Preemptions of a request.
pub(crate) const REQUEST_PREEMPTIONS: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0];

/// The `n` parameter of a request.
pub(crate) const REQUEST_N: [f64; 5] = [1.0, 2.0, 5.0, 10.0, 20.0];

/// Time to first token, in seconds.
pub(crate) const TIME_TO_FIRST_TOKEN: [f64; 22] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
];

/// Lifetimes, idle times and reuse gaps of KV blocks, in seconds.
pub(crate) const KV_CACHE_RESIDENCY: [f64; 21] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1200.0, 1800.0,
];

/// Bounds for the tokens of a request: 1, 2, 5, 10, 20, 50, … up to `limit`. At least one bound.
pub(crate) fn one_two_five(limit: u64) -> Vec<f64> {
    let decades = (0..=u64::MAX.ilog10()).map(|power| 10_u64.pow(power));
    let bounds = decades.flat_map(|decade| [1, 2, 5].map(|digit| decade.checked_mul(digit)));
    bounds.map_while(|bound| bound.filter(|bound| *bound <= limit.max(1))).map(|bound| bound as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_tokens_go_up_to_the_limit() {
        assert_eq!(one_two_five(0), [1.0]);
        assert_eq!(one_two_five(9), [1.0, 2.0, 5.0]);
        assert_eq!(one_two_five(10), [1.0, 2.0, 5.0, 10.0]);
        let bounds = one_two_five(131_072);
        assert_eq!((bounds.len(), bounds.last()), (16, Some(&100_000.0)));
        assert!(one_two_five(u64::MAX).is_sorted_by(|a, b| a < b));
    }
}
