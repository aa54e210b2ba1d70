//! A heat-map gauge with the labels `gt` and `le`, which a gateway shares with another program.

use crate::one_engine::OneEngine;

#[test]
fn a_gauge_may_have_the_label_of_buckets() {
    let rig = OneEngine::without_labels(|schema| {
        let ages = schema.gauge::<i64>("smg_http_inflight_request_age_count", "Requests in flight, by age.");
        ages.settable().label("gt", ["0", "30"]).label("le", ["30", "+Inf"]).declare().unwrap()
    });
    let [[young, _], [_, old]] = rig.handles;
    let recorder = rig.engine.shared_recorder();
    recorder.set_gauge(young, 7);
    recorder.set_gauge(old, 1);
    assert_eq!(
        rig.lines("smg_http_inflight_request_age_count"),
        [
            "smg_http_inflight_request_age_count{gt=\"0\",le=\"30\"} 7",
            "smg_http_inflight_request_age_count{gt=\"0\",le=\"+Inf\"} 0",
            "smg_http_inflight_request_age_count{gt=\"30\",le=\"30\"} 0",
            "smg_http_inflight_request_age_count{gt=\"30\",le=\"+Inf\"} 1",
        ]
    );
}
