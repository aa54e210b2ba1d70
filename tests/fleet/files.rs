//! Odd files are replayed whole, broken ones are refused with a reason.

use crate::support::*;

const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

/// A line with hashes, as JSON writes them.
fn hashed(timestamp: &str, prompt_tokens: u64, output_tokens: u64, hashes: &str) -> String {
    format!(
        "{{\"timestamp\": {timestamp}, \"input_length\": {prompt_tokens}, \"output_length\": {output_tokens}, \
         \"hash_ids\": {hashes}, \"other\": {{\"field\": [1, \"x\"]}}}}\n"
    )
}

/// Name, content, and the totals that must come out.
type OddFile = (&'static str, Vec<u8>, [u64; 3]);

/// Odd requests.
fn odd_requests() -> Vec<OddFile> {
    let burst: String = (0..67).map(|_| hashed("3000", 600, 3, "[7, 8]")).collect();
    let max = u64::MAX;
    vec![
        ("empty-prompt", line(0, 3).into(), [1, 0, 3]),
        ("empty-output", [line(700, 0), line(1, 2)].concat().into(), [2, 701, 2]),
        ("empty-both", line(0, 0).into(), [1, 0, 0]),
        ("one-token", line(1, 1).into(), [1, 1, 1]),
        ("long-prompt", [line(250_000, 2), line(10, 2)].concat().into(), [2, 250_010, 4]),
        ("larger-than-the-pool", [line(3_000_000, 2), line(10, 2)].concat().into(), [2, 3_000_010, 4]),
        ("null-hashes", hashed("5", 2_000, 2, "null").into(), [1, 2_000, 2]),
        ("no-hashes", hashed("5", 2_000, 2, "[]").into(), [1, 2_000, 2]),
        ("few-hashes", hashed("5", 2_000, 2, "[4]").repeat(2).into(), [2, 4_000, 4]),
        ("a-hash-of-the-last-block", hashed("5", 600, 2, "[4, 5]").repeat(2).into(), [2, 1_200, 4]),
        ("large-hashes", hashed("5", 600, 2, &format!("[{max}, 0]")).into(), [1, 600, 2]),
        ("burst", burst.into(), [67, 67 * 600, 67 * 3]),
        ("gaps", [hashed("0", 9, 2, "[]"), hashed("90000000000", 9, 2, "[]")].concat().into(), [2, 18, 4]),
        ("unsorted", [hashed("9000", 9, 2, "[]"), hashed("1", 8, 1, "[]")].concat().into(), [2, 17, 3]),
        ("late-start", hashed("1700000000000", 9, 2, "[]").into(), [1, 9, 2]),
        ("fraction-of-a-millisecond", hashed("12.75", 9, 2, "[]").into(), [1, 9, 2]),
    ]
}

/// Odd lines around them, odd packing.
fn odd_wrappings() -> Vec<OddFile> {
    vec![
        ("crlf-and-blank-lines", format!("\r\n{}\r\n\n  \n", line(5, 5).trim_end()).into(), [1, 5, 5]),
        ("no-final-newline", line(5, 5).trim_end().into(), [1, 5, 5]),
        ("byte-order-mark", format!("\u{feff}{}", line(5, 5)).into(), [1, 5, 5]),
        ("zipped-without-the-name", gzip(line(5, 5).as_bytes()), [1, 5, 5]),
        ("zipped-twice", [gzip(line(5, 5).as_bytes()), gzip(line(6, 6).as_bytes())].concat(), [2, 11, 11]),
        ("named-zipped-but-plain.gz", line(5, 5).into(), [1, 5, 5]),
    ]
}

/// Odd CSV.
fn odd_csv() -> Vec<OddFile> {
    vec![
        ("csv-named.jsonl", format!("{HEADER}2024-01-01 00:00:00,5,6\n").into(), [1, 5, 6]),
        ("csv-with-mark", format!("\u{feff}{HEADER}2024-01-01 00:00:00,5,6\n\n\r\n").into(), [1, 5, 6]),
        (
            "csv-columns",
            "id,GeneratedTokens,TIMESTAMP,note,ContextTokens\n1,6,2024-01-01 00:00:00.1,\"a, b\",5\n".into(),
            [1, 5, 6],
        ),
        (
            "csv-times",
            format!(
                "{HEADER}2024-05-10 00:00:00.009930+00:00,1,1\n2024-05-10 02:00:00.123456789+02:00,1,1\n\
                 2024-05-10T00:00:00Z,1,1\n2024-05-10 00:00:01.1234567,1,1\n2024-05-10 00:00:00,0,0\n"
            )
            .into(),
            [5, 4, 4],
        ),
    ]
}

#[test]
fn odd_files_are_replayed_whole() {
    for (name, content, expected) in [odd_requests(), odd_wrappings(), odd_csv()].concat() {
        let trace = trace(name, content);
        for layout in [&["--mixed", "1"][..], &["--prefill", "2", "--decode", "2"]] {
            for definition in ["computed", "all-sources", "scheduled"] {
                let report = replay(&[&["--trace", &trace, "--definition", definition], layout].concat());
                assert_eq!(totals(&report), expected, "{name}, {layout:?}, {definition}");
            }
        }
    }
}

#[test]
fn only_whole_blocks_that_the_prompt_fills_are_found() {
    // The second prompt could find two blocks by its hashes, but the prompt that was computed
    // filled only the first.
    let content = [hashed("0", 600, 1, "[1, 2]"), hashed("60000", 1_100, 1, "[1, 2, 3]")].concat();
    let report = replay(&["--trace", &trace("whole-blocks", content), "--mixed", "1"]);
    assert_eq!(engine(&report, 0).0, [600 + 1_100 - 512, 512, 0]);
    // A hash that is found is worth nothing behind one that isn't.
    let content = [hashed("0", 1_100, 1, "[1, 2]"), hashed("60000", 1_100, 1, "[9, 2]")].concat();
    let report = replay(&["--trace", &trace("from-the-start", content), "--mixed", "1"]);
    assert_eq!(engine(&report, 0).0, [2_200, 0, 0]);
}

/// Name, content, the line that is malformed, and a word of the reason.
type MalformedFile = (&'static str, String, u64, &'static str);

const ROW: &str = "2024-01-01 00:00:00,5,6\n";

fn malformed_json() -> Vec<MalformedFile> {
    let good = line(5, 5);
    vec![
        ("cut-json", format!("{good}{good}{}", &good[..20]), 3, "EOF"),
        ("missing-field", format!("{good}{{\"timestamp\": 0, \"input_length\": 1}}\n"), 2, "output_length"),
        ("negative", format!("{good}{}", good.replace("_length\": 5", "_length\": -5")), 2, "-5"),
        ("fractional", format!("{good}{}", good.replace("_length\": 5", "_length\": 5.5")), 2, "5.5"),
        ("text-for-a-number", format!("{good}{}", good.replace("_length\": 5", "_length\": \"5\"")), 2, "string"),
        ("null-for-a-number", format!("{good}{}", good.replace("_length\": 5", "_length\": null")), 2, "null"),
        ("overflow", good.replace("_length\": 5", "_length\": 99999999999999999999999"), 1, "floating point"),
        ("too-long", format!("{good}\n{}", line(1_000_000_000_000, 5)), 3, "above the limit of 10000000"),
        ("too-much-output", line(1, u64::MAX), 1, "above the limit of 10000000"),
        ("negative-time", hashed("-1", 5, 5, "[]"), 1, "timestamp"),
        ("time-overflow", hashed("1e300", 5, 5, "[]"), 1, "timestamp"),
        ("time-as-text", hashed("\"now\"", 5, 5, "[]"), 1, "string"),
        ("centuries", format!("{good}{}", hashed("9000000000000000", 5, 5, "[]")), 2, "100 years"),
        ("hash-as-text", format!("{good}{}", hashed("1", 5, 5, "[\"a\"]")), 2, "string"),
        ("array", format!("{good}[0, 5, 5, []]\n"), 2, "not a JSON object"),
        ("trailing", format!("{good}{} x\n", good.trim_end()), 2, "trailing"),
        ("csv-in-json", format!("{good}{ROW}"), 2, "not a JSON object"),
        ("no-format", "hello\n".to_owned(), 1, "Mooncake"),
        ("other-header", "TIMESTAMP,ContextTokens\n1,2\n".to_owned(), 1, "GeneratedTokens"),
        ("json-all-cr", good.repeat(2).replace('\n', "\r"), 1, "trailing"),
    ]
}

fn malformed_csv() -> Vec<MalformedFile> {
    vec![
        ("csv-few-columns", format!("{HEADER}{ROW}2024-01-01 00:00:00,5\n"), 3, "2 columns"),
        ("csv-many-columns", format!("{HEADER}{ROW}2024-01-01 00:00:00,5,6,7\n"), 3, "4 columns"),
        ("csv-negative", format!("{HEADER}2024-01-01 00:00:00,-5,6\n"), 2, "ContextTokens"),
        ("csv-fractional", format!("{HEADER}{ROW}\r\n2024-01-01 00:00:00,5,6.5\n"), 4, "GeneratedTokens"),
        ("csv-text", format!("{HEADER}{ROW}2024-01-01 00:00:00,five,6\n"), 3, "`five`"),
        ("csv-empty-field", format!("{HEADER}2024-01-01 00:00:00,,6\n"), 2, "ContextTokens"),
        ("csv-overflow", format!("{HEADER}2024-01-01 00:00:00,5,99999999999999999999999\n"), 2, "GeneratedTokens"),
        ("csv-too-long", format!("{HEADER}2024-01-01 00:00:00,5,1000000000000\n"), 2, "above the limit of 10000000"),
        ("csv-time", format!("{HEADER}{ROW}2024-13-01 00:00:00,5,6\n"), 3, "TIMESTAMP"),
        ("csv-no-time", format!("{HEADER}yesterday,5,6\n"), 2, "TIMESTAMP"),
        ("csv-lone-cr", format!("{HEADER}{ROW}2024-01-01 00:00:00,5,6\r{ROW}"), 3, "carriage return"),
        ("csv-lone-cr-at-the-front", format!("{HEADER}\r{ROW}"), 2, "carriage return"),
        ("csv-quoted-cr", format!("{HEADER}\"2024-01-01 00:00:00\r\",5,6\n"), 2, "carriage return"),
        ("csv-all-cr", format!("{HEADER}{ROW}{ROW}").replace('\n', "\r"), 1, "carriage return"),
    ]
}

#[test]
fn a_malformed_line_is_named_with_its_reason() {
    for (name, content, number, reason) in [malformed_json(), malformed_csv()].concat() {
        assert_malformed(&trace(name, content), number, reason);
    }
    assert_malformed(&trace("not-utf-8", [line(5, 5).as_bytes(), b"\xff\xfe\n"].concat()), 2, "utf-8");
}

fn assert_malformed(trace: &str, number: u64, reason: &str) {
    let arguments = ["--trace", trace, "--speed", "max", "--no-listen", "--json"];
    assert_refused(&arguments, &[&format!("{trace}: line {number}: "), reason]);
}

#[test]
fn bad_files_exit_with_2_and_say_why() {
    let empty = trace("empty", "\n\r\n");
    let only_header = trace("only-header", HEADER);
    let cut = gzip(line(5, 5).repeat(1_000).as_bytes());
    let cut = trace("cut.gz", &cut[..cut.len() / 2]);
    let directory = env!("CARGO_MANIFEST_DIR");
    for (trace, reason) in [
        ("no-such-file", "no-such-file"),
        (directory, directory),
        (&empty, "no request"),
        (&only_header, "no request"),
        (&cut, &cut),
    ] {
        assert_refused(&["--trace", trace], &[reason]);
    }
}
