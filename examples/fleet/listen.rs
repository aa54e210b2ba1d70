//! Where the example listens, as its command line says it.

/// Takes `ADDRESS:PORT`, or a port alone, which means one of this machine's own.
pub(crate) fn address(text: &str) -> Result<String, String> {
    if text.parse::<u16>().is_ok() {
        return Ok(format!("127.0.0.1:{text}"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("expected ADDRESS:PORT, such as 127.0.0.1:9464, or a port from 0 to 65535".to_owned()),
    }
}
