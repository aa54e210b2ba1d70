//! Odd input: without an end, padded, packed otherwise, from stdin, in other words for the same
//! number.

use std::io::Write;
use std::process::{Output, Stdio};

use crate::support::*;

/// Gzipped: `begin`, and then this many MiB of `byte`, each MiB in a member of its own.
fn gzip_long(begin: &str, byte: u8, mebibytes: usize) -> Vec<u8> {
    [gzip(begin.as_bytes()), gzip(&vec![byte; 1 << 20]).repeat(mebibytes)].concat()
}

/// Runs with this on stdin, for which it needn't be read to its end.
fn run_with_stdin(arguments: &[&str], content: &[u8]) -> Output {
    let mut child = fleet()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let _ = child.stdin.take().expect("stdin is piped").write_all(content);
    child.wait_with_output().expect("it ends")
}

#[cfg(target_os = "linux")]
#[test]
fn endless_zeros_are_refused() {
    assert_refused(&["--trace", "/dev/zero"], &["/dev/zero: line 1 is longer than "]);
}

#[cfg(unix)]
#[test]
fn endless_zeros_from_a_pipe_with_a_name_are_refused() {
    use std::process::Command;

    let pipe = trace("pipe", "");
    std::fs::remove_file(&*pipe).expect("it is there");
    assert!(Command::new("mkfifo").arg(&*pipe).status().expect("mkfifo runs").success());
    let writer = std::thread::spawn({
        let pipe = pipe.to_string();
        move || {
            let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).expect("the example reads");
            while pipe.write_all(&[0; 1 << 16]).is_ok() {}
        }
    });
    assert_refused(&["--trace", &pipe], &["line 1 is longer than "]);
    writer.join().expect("it ends when nobody reads");
}

#[test]
fn a_small_file_that_unpacks_to_gigabytes_is_refused() {
    for (name, begin, byte, number) in [
        ("digits", "", b'0', 1),
        ("a-number", "{\"timestamp\": 0, \"input_length\": ", b'0', 1),
        ("second-line", &line(5, 5), b'0', 2),
        ("nul", "", 0, 1),
    ] {
        let trace = trace(&format!("bomb-{name}.gz"), gzip_long(begin, byte, 4_096));
        assert!(std::fs::metadata(&*trace).expect("it is there").len() < 32 << 20);
        assert_refused(&["--trace", &trace], &[&format!("line {number} is longer than ")]);
    }
    let blank = trace("bomb-blank.gz", gzip_long(&line(5, 5), b'\n', 4_096));
    assert_refused(&["--trace", &blank], &["blank lines"]);
}

#[test]
fn a_long_line_is_read_and_a_long_reason_is_cut() {
    // 12 MiB of fields that nobody asked for.
    let long = format!("{{\"note\": \"{}\", {}", "x".repeat(12 << 20), line(5, 5).trim_start_matches('{'));
    assert_eq!(totals(&replay(&["--trace", &trace("long-line", long)])), [1, 5, 5]);
    let text = "x".repeat(1 << 20);
    let quoted = trace("long-reason", format!("{{\"timestamp\": \"{text}\", \"input_length\": 1}}\n"));
    let stderr = String::from_utf8(run(&["--trace", &quoted]).stderr).expect("text");
    assert!(stderr.contains("line 1: ") && stderr.len() < 2_000, "{} bytes", stderr.len());
}

#[test]
fn gzipped_data_is_read_as_gzip_reads_it() {
    let (one, two) = (gzip(line(5, 5).as_bytes()), gzip(line(6, 6).as_bytes()));
    let cat = |parts: &[&[u8]]| parts.concat();
    for (name, content, expected, warns) in [
        ("one-zero", cat(&[&one, &[0]]), [1, 5, 5], false),
        ("a-block-of-zeros", cat(&[&one, &[0; 10_240]]), [1, 5, 5], false),
        ("more-zeros-than-a-buffer", cat(&[&one, &two, &vec![0; 1 << 20]]), [2, 11, 11], false),
        ("an-empty-member", cat(&[&one, &gzip(b""), &two]), [2, 11, 11], false),
        ("many-members", cat(&vec![&one[..]; 3_000]), [3_000, 15_000, 15_000], false),
        // What is neither a member nor padding is ignored, with a warning.
        ("text-behind-it", cat(&[&one, b"hello\n"]), [1, 5, 5], true),
        ("zeros-and-text", cat(&[&one, &[0; 512], b"hello\n"]), [1, 5, 5], true),
        ("a-member-behind-zeros", cat(&[&one, &[0; 512], &two]), [1, 5, 5], true),
    ] {
        let trace = trace(&format!("padded-{name}.gz"), content);
        let output = run(&["--trace", &trace, "--speed", "max", "--no-listen", "--json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {stderr}");
        assert_eq!(totals(&serde_json::from_slice(&output.stdout).expect("JSON")), expected, "{name}");
        assert_eq!(stderr.contains("warning: "), warns, "{name}: {stderr}");
    }
}

#[test]
fn damaged_gzipped_data_is_refused() {
    let (one, two) = (gzip(line(5, 5).as_bytes()), gzip(line(6, 6).as_bytes()));
    let mut wrong_sum = one.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    for (name, content) in [
        ("cut", one[..one.len() - 1].to_vec()),
        ("second-cut", [&one, &two[..two.len() / 2]].concat()),
        ("second-header-cut", [&one, &two[..3]].concat()),
        ("wrong-sum", wrong_sum),
    ] {
        let trace = trace(&format!("damaged-{name}.gz"), content);
        assert_refused(&["--trace", &trace], &["can't read ", &trace]);
    }
}

#[test]
fn a_trace_comes_from_stdin() {
    let plain = line(5, 5).repeat(2);
    let csv = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-01-01 00:00:00,5,5\n2024-01-01 00:00:01,5,5\n";
    for content in [plain.as_bytes(), &gzip(plain.as_bytes()), csv.as_bytes()] {
        let output = run_with_stdin(&["--trace", "-", "--speed", "max", "--no-listen", "--json"], content);
        assert_eq!(totals(&serde_json::from_slice(&output.stdout).expect("JSON")), [2, 10, 10]);
        assert_eq!(output.status.code(), Some(0));
    }
    for (content, reason) in [("", "stdin: there is no request"), ("hello\n", "stdin: line 1: ")] {
        let output = run_with_stdin(&["--trace", "-"], content.as_bytes());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(reason), "{stderr}");
    }
    // A limit ends endless lines.
    let endless = line(5, 5).repeat(100_000);
    let limited = ["--trace", "-", "--limit", "3", "--speed", "max", "--no-listen", "--json"];
    let output = run_with_stdin(&limited, endless.as_bytes());
    assert_eq!(totals(&serde_json::from_slice(&output.stdout).expect("JSON")), [3, 15, 15]);
}

#[test]
fn other_packings_and_encodings_are_named() {
    let utf_16 = |bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}{}", line(5, 5)).encode_utf16().flat_map(bytes).collect()
    };
    let utf_32 = || line(5, 5).chars().flat_map(|char| (char as u32).to_le_bytes()).collect::<Vec<u8>>();
    for (name, content, reason) in [
        ("utf-16-le", utf_16(u16::to_le_bytes, "\u{feff}"), "UTF-16"),
        ("utf-16-be", utf_16(u16::to_be_bytes, "\u{feff}"), "UTF-16"),
        ("utf-16-without-mark", utf_16(u16::to_le_bytes, ""), "UTF-16"),
        ("utf-16-be-without-mark", utf_16(u16::to_be_bytes, ""), "UTF-16"),
        ("utf-32", utf_32(), "UTF-32"),
        ("zstd.zst", b"\x28\xb5\x2f\xfd\x24\0\x01\0\0".to_vec(), "zstd"),
        ("zstd-frame-to-skip", b"\x51\x2a\x4d\x18\x04\0\0\0abcd".to_vec(), "zstd"),
        ("xz", b"\xfd7zXZ\0\0\x04".to_vec(), "xz"),
        ("bzip2", b"BZh91AY&SY".to_vec(), "bzip2"),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "zip archive"),
        ("parquet", b"PAR1\x15\x04".to_vec(), "Parquet"),
        ("gzipped-twice", gzip(&gzip(line(5, 5).as_bytes())), "gzipped twice"),
        ("gzipped-zstd", gzip(b"\x28\xb5\x2f\xfd\x24\0\x01\0\0"), "zstd"),
        ("array", b"[{\"timestamp\": 0}]\n".to_vec(), "JSON array"),
    ] {
        let trace = trace(&format!("foreign-{name}"), content);
        assert_refused(&["--trace", &trace], &[&trace, reason]);
    }
}

#[test]
fn whole_numbers_are_taken_however_they_are_written() {
    let json = |prompt: &str, output: &str, hash: &str| {
        format!(
            "{{\"timestamp\": 0, \"input_length\": {prompt}, \"output_length\": {output}, \"hash_ids\": [{hash}]}}\n"
        )
    };
    let csv = |prompt: &str, output: &str| {
        format!("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-01-01 00:00:00,{prompt},{output}\n")
    };
    for (number, value) in [("600.0", 600), ("6e2", 600), ("6E+2", 600), ("0.6e3", 600), ("600", 600)] {
        for (name, content) in [("json", json(number, number, "7.0")), ("csv", csv(number, number))] {
            let trace = trace(&format!("whole-{name}-{number}"), content);
            assert_eq!(totals(&replay(&["--trace", &trace])), [1, value, value], "{name}, {number}");
        }
    }
    for number in ["600.5", "-1.0", "1e-3", "1e300", "-600"] {
        for (name, content) in
            [("json", json(number, "5", "1")), ("csv", csv(number, "5")), ("hash", json("5", "5", number))]
        {
            let trace = trace(&format!("broken-{name}-{number}"), content);
            let line = if name == "csv" { "line 2: " } else { "line 1: " };
            assert_refused(&["--trace", &trace], &[line]);
        }
    }
    for number in ["NaN", "inf", "0x10", "1_000", "1,5"] {
        assert_refused(
            &["--trace", &trace(&format!("no-number-{number}"), csv(&format!("\"{number}\""), "5"))],
            &["line 2: ", number],
        );
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    for (column, header) in [
        ("TIMESTAMP", "TIMESTAMP,ContextTokens,GeneratedTokens,timestamp"),
        ("ContextTokens", "TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens"),
        ("GeneratedTokens", "GeneratedTokens,TIMESTAMP,ContextTokens,GeneratedTokens"),
    ] {
        let trace = trace(&format!("twice-{column}"), format!("{header}\n"));
        assert_refused(&["--trace", &trace], &["line 1: ", column, "more than once"]);
    }
    let others = "note,TIMESTAMP,ContextTokens,GeneratedTokens,note\na,2024-01-01 00:00:00,5,6,b\n";
    assert_eq!(totals(&replay(&["--trace", &trace("others-twice", others)])), [1, 5, 6]);
    let field = "{\"timestamp\": 0, \"input_length\": 5, \"output_length\": 5, \"input_length\": 6}\n";
    assert_refused(&["--trace", &trace("field-twice", field)], &["line 1: ", "input_length"]);
}

#[test]
fn prompts_of_no_tokens_are_replayed_and_noted() {
    let content = [line(5, 5), line(0, 3), line(0, 0)].concat();
    let trace = trace("empty-prompts", content);
    let output = run(&["--trace", &trace, "--speed", "max", "--no-listen", "--json"]);
    assert_eq!(totals(&serde_json::from_slice(&output.stdout).expect("JSON")), [3, 5, 8]);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(stderr.contains("line 2: a prompt of 0 tokens (2 such lines)"), "{stderr}");
    let stderr = run(&["--trace", &fixture("mooncake.jsonl"), "--speed", "max", "--no-listen"]).stderr;
    assert!(!String::from_utf8(stderr).expect("text").contains("note: "));
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    assert_refused(&["--listen", &port.to_string()], &[&format!("can't listen on 127.0.0.1:{port}")]);
    let output = run(&["--limit", "1", "--speed", "max", "--listen", "0"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("listening on http://127.0.0.1:"));
    for address in ["65536", "localhost", ":9464", "127.0.0.1", "127.0.0.1:", "http://127.0.0.1:9464/metrics", ""] {
        assert_refused(&["--listen", address], &["--listen", "ADDRESS:PORT"]);
    }
}
