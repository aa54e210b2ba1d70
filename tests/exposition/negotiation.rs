//! What each client sends as `Accept`, and what it must get.

use proptest::prelude::*;
use tachometer::Format;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Prometheus from 3.4 on.
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Fails unless the header is answered with this format, and with this escaping if there is one.
#[track_caller]
fn assert_answer(accept: &str, format: Format, escaping: Option<&str>) {
    let base = if format == Format::Text { TEXT } else { OPEN_METRICS };
    let expected = escaping.map_or_else(|| base.to_owned(), |escaping| format!("{base}; escaping={escaping}"));
    let (answered, content_type) = Format::negotiate(accept);
    assert_eq!((answered, content_type), (format, expected.as_str()), "{accept:?}");
}

#[test]
fn content_types_to_the_letter() {
    assert_eq!(Format::Text.content_type(), TEXT);
    assert_eq!(Format::OpenMetrics.content_type(), OPEN_METRICS);
    assert_eq!(Format::default(), Format::Text);
}

#[test]
fn prometheus_gets_open_metrics() {
    let v2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let v2_42_native = format!("{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,{}", &v2_42[43..]);
    let v2_49_0 = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=2";
    let v2_49_1 = v2_49_0.replace("*/*;q=2", "*/*;q=0.2");
    for accept in [v2_42, &v2_42_native, v2_49_0, &v2_49_1] {
        assert_answer(accept, Format::OpenMetrics, None);
    }
    let v2_55 =
        v2_49_1.replace(";q=0.5", ";escaping=allow-utf-8;q=0.5").replace(";q=0.4", ";escaping=allow-utf-8;q=0.4");
    let v3_0 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2";
    let v3_3 = v3_0.replace("escaping=allow-utf-8;escaping=allow-utf-8", "escaping=allow-utf-8");
    let v3_native = format!(
        "{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
    for accept in [&v2_55, v3_0, &v3_3, PROMETHEUS_3, &v3_native] {
        assert_answer(accept, Format::OpenMetrics, Some("allow-utf-8"));
    }
}

#[test]
fn clients_with_legacy_names_are_answered_with_their_escaping() {
    let alloy = PROMETHEUS_3.replace("allow-utf-8", "underscores");
    assert_answer(&alloy, Format::OpenMetrics, Some("underscores"));
    assert_answer(&alloy.replace("underscores", "values"), Format::OpenMetrics, Some("values"));
    // Dots would double the underscores of each name, and names stay.
    assert_answer(&alloy.replace("underscores", "dots"), Format::OpenMetrics, Some("underscores"));
    assert_answer(&alloy.replace("underscores", "later"), Format::OpenMetrics, None);
    assert_answer("text/plain;version=0.0.4;escaping=underscores", Format::Text, Some("underscores"));
    assert_answer("text/plain;version=1.0.0;escaping=allow-utf-8", Format::Text, Some("allow-utf-8"));
    assert_answer("text/plain;escaping=values", Format::Text, Some("values"));
    // An escaping of a type that isn't the answer says nothing.
    assert_answer("text/plain, application/openmetrics-text;q=0.5;escaping=values", Format::Text, None);
}

#[test]
fn other_scrapers_get_what_they_ask_for() {
    assert_answer("text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::Text, None); // VictoriaMetrics
    assert_answer("text/plain", Format::Text, None); // Datadog
    let datadog_latest = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1";
    assert_answer(datadog_latest, Format::OpenMetrics, None);
    assert_answer(&format!("{PROTOBUF};q=0.7,text/plain;version=0.0.4;q=0.3"), Format::Text, None); // Telegraf
    assert_answer("", Format::Text, None); // the endpoint picker of llm-d
    assert_answer("*/*", Format::Text, None); // curl
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    assert_answer(browser, Format::Text, None);
    assert_answer("application/openmetrics-text", Format::OpenMetrics, None);
    assert_answer(
        "application/openmetrics-text; version=2.0.0, application/openmetrics-text; version=1.0.0; q=0.1",
        Format::OpenMetrics,
        None,
    );
}

#[test]
fn the_highest_q_wins_and_of_equals_the_first() {
    let (text, open_metrics) = ("text/plain", "application/openmetrics-text");
    for (qs, format) in [
        (["1", "1"], Format::Text),
        (["0.1", "0.2"], Format::OpenMetrics),
        (["0.5", "0.49"], Format::Text),
        (["1", "1.5"], Format::OpenMetrics),
        (["0", "0.001"], Format::OpenMetrics),
        (["0.001", "0"], Format::Text),
        (["0", "0"], Format::Text),
    ] {
        assert_answer(&format!("{text};q={},{open_metrics};q={}", qs[0], qs[1]), format, None);
    }
    assert_answer(&format!("{open_metrics},{text}"), Format::OpenMetrics, None);
    assert_answer(&format!("{open_metrics};q=0.1,*/*;q=7"), Format::OpenMetrics, None);
    assert_answer(&format!("{open_metrics};q=0,*/*"), Format::Text, None);
}

#[test]
fn parameters_come_in_any_order_and_twice() {
    for accept in [
        "application/openmetrics-text;q=0.5;version=1.0.0;escaping=values,text/plain;q=0.4",
        "application/openmetrics-text;escaping=values;version=1.0.0;q=0.5,text/plain;q=0.4",
        "  application/openmetrics-text ;\tq=0.5 ; version = \"1.0.0\" ;escaping= values , text/plain ; q=0.4 ",
        "APPLICATION/OpenMetrics-Text;Q=0.5;Version=1.0.0;Escaping=values,text/plain;q=0.4",
        "application/openmetrics-text;q=0.1;q=0.5;escaping=dots;escaping=values,text/plain;q=0.4",
        "application/openmetrics-text;;q=0.5;charset=utf-8;x;escaping=values;y=\"a;b,c\",text/plain;q=0.4",
        "application/openmetrics-text;q=0.5;y=\"a;q=0,b;version=9;escaping=dots\";escaping=values,text/plain;q=0.4",
        "application/openmetrics-text;q=0.5;y=\"\\\",\\\\\";escaping=values,x;y=\"\\\";\\\",text/plain;q=0.9,\"",
    ] {
        assert_answer(accept, Format::OpenMetrics, Some("values"));
    }
}

#[test]
fn what_is_malformed_or_unknown_is_passed_over() {
    for accept in [
        ",",
        ";",
        ";;;,,,;=;=",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;version",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=x",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=NaN",
        "application/openmetrics-text;q=inf",
        "application/openmetrics-text;q=1e400",
        "application/openmetrics-text;q=1e-400",
        "application/openmetrics-text;q=\"\"",
        "application/openmetrics-text;q=\"0\"",
        "application/openmetrics-text;q=0.5;q=",
        "application/openmetrics-textile",
        "application / openmetrics-text",
        "application/*",
        "application/openmetrics-text\0",
        "x;y=\"application/openmetrics-text,application/openmetrics-text,\"",
        "x;y=\",application/openmetrics-text,",
        "x;y=\"\\\",application/openmetrics-text,\"",
        PROTOBUF,
        "🦀/🦀;🦀=🦀",
    ] {
        assert_answer(accept, Format::Text, None);
        assert_answer(&format!("{accept},application/json"), Format::Text, None);
    }
    for malformed in ["*/*", "text/plain;version=9", "text/plain;q=much", "/;/", ""] {
        assert_answer(&format!("{malformed},application/openmetrics-text;q=0.1"), Format::OpenMetrics, None);
    }
}

#[test]
fn a_header_may_be_of_any_length() {
    let end = ",application/openmetrics-text;q=0.5";
    let pieces =
        [",", ";", "\"", "\\", "=", "x/y;q=1,", "text/plain;q=0,", "application/openmetrics-text;q=0.1,", "\"\\\"\","];
    for piece in pieces {
        assert_answer(&format!("{}{end}", piece.repeat((1 << 20) / piece.len())), Format::OpenMetrics, None);
    }
    assert_answer(&format!("application/openmetrics-text;x={}", "y".repeat(1 << 20)), Format::OpenMetrics, None);
}

proptest! {
    #[test]
    fn any_header_gets_one_of_the_content_types(
        pieces in prop::collection::vec(
            prop_oneof![
                any::<String>(),
                prop::sample::select(vec![
                    ",", ";", "=", "\"", "q", "q=0.5", "version=1.0.0", "escaping=dots", "text/plain", "*/*",
                    "application/openmetrics-text",
                ]).prop_map(str::to_owned),
            ],
            0..12,
        ),
    ) {
        let (format, content_type) = Format::negotiate(&pieces.concat());
        let rest = content_type.strip_prefix(format.content_type()).unwrap();
        let known = ["", "; escaping=allow-utf-8", "; escaping=underscores", "; escaping=values"];
        prop_assert!(known.contains(&rest), "{content_type}");
    }
}
