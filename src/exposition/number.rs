//! Numbers as Prometheus' Python client prints them.
//!
//! Integers are printed as such. Floats get the shortest digits that read back to the same bits
//! (from `zmij`), in the layout of that client and so of vLLM: `1.0`, `0.25`, `1e+06`, `1.5e-05`,
//! `+Inf`. Dashboards select on the text of `le`, so the trailing `.0` matters.

/// Appends an unsigned integer.
#[inline]
pub(crate) fn write_u64(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a signed integer.
#[inline]
pub(crate) fn write_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a time in milliseconds, as seconds.
pub(crate) fn write_milliseconds(time: u64, out: &mut Vec<u8>) {
    write_u64(mutant!(time / 1_000, "created: in milliseconds" => time), out);
    out.push(b'.');
    let digit = |divisor: u64| b'0' + (time / divisor % 10) as u8;
    out.extend_from_slice(&[100, 10, 1].map(digit));
}

/// Appends a float.
pub(crate) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value).as_bytes();
    let (sign, unsigned) = if let [b'-', rest @ ..] = shortest { (true, rest) } else { (false, shortest) };
    if sign {
        out.push(b'-');
    }
    let (digits, count, exponent) = parse(unsigned);
    let digits = &digits[..count];
    match exponent {
        // That client's quirk: positive numbers switch to scientific notation at 1e6, negative ones
        // at 1e16.
        -4..=5 if mutant!(true, "text: floats are scientific" => false) => write_fixed(digits, exponent, out),
        6..=15 if sign => write_fixed(digits, exponent, out),
        _ => write_scientific(digits, exponent, out),
    }
}

/// The greatest number of digits that a shortest representation of a double has.
const MAX_DIGITS: usize = 17;

/// Takes `12.5`, `1e-7` or `1.25e16` apart. Returns its significant digits (without zeros at either
/// end), their number, and the power of ten of the first digit. Zero is the digit 0 with exponent
/// 0.
fn parse(text: &[u8]) -> ([u8; MAX_DIGITS], usize, i32) {
    let (mut digits, mut count) = ([b'0'; MAX_DIGITS], 0);
    let (mut before_point, mut seen_point, mut zeros) = (0, false, 0);
    let mut bytes = text.iter();
    let mut power = 0;
    while let Some(&byte) = bytes.next() {
        match byte {
            b'.' => seen_point = true,
            b'e' => {
                power = std::str::from_utf8(bytes.as_slice()).ok().and_then(|power| power.parse().ok()).unwrap_or(0);
                break;
            }
            b'0' if count == 0 => before_point -= i32::from(seen_point),
            digit => {
                before_point += i32::from(!seen_point);
                if digit == b'0' {
                    zeros += 1; // significant only if another digit follows
                } else {
                    count += zeros + 1;
                    digits[count - 1] = digit;
                    zeros = 0;
                }
            }
        }
    }
    if count == 0 { (digits, 1, 0) } else { (digits, count, before_point - 1 + power) }
}

/// `12.5`, `0.001`, `100.0`.
fn write_fixed(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend((1..-exponent).map(|_| b'0'));
        return out.extend_from_slice(digits);
    }
    let whole = exponent as usize + 1;
    if digits.len() > whole {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        return out.extend_from_slice(&digits[whole..]);
    }
    out.extend_from_slice(digits);
    out.extend((digits.len()..whole).map(|_| b'0'));
    out.extend_from_slice(b".0");
}

/// `1e+06`, `1.25e-05`: at least two digits of exponent.
fn write_scientific(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.unsigned_abs() < 10 {
        out.push(b'0');
    }
    write_u64(u64::from(exponent.unsigned_abs()), out);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_look_as_prometheus_python_client_prints_them() {
        let cases: [(f64, &str); 24] = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (0.25, "0.25"),
            (0.3, "0.3"),
            (100_000.0, "100000.0"),
            (999_999.9, "999999.9"),
            (1e6, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (1e10, "1e+10"),
            (9_007_199_254_740_993.0, "9.007199254740992e+15"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e100, "1e+100"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (1e-5, "1e-05"),
            (1.25e-5, "1.25e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (-1_234_567.0, "-1234567.0"),
            (-1e16, "-1e+16"),
        ];
        for (value, text) in cases {
            assert_eq!(printed(value), text);
        }
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(printed), ["+Inf", "-Inf", "NaN"]);
    }

    proptest! {
        #[test]
        fn any_float_reads_back_to_the_same_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(printed(value).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
