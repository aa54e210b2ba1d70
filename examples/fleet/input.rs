//! Where a trace comes from: a file, or stdin. It is unpacked if it is gzipped, whatever its name.
//!
//! Gzipped data is read as `gzip -dc` does: one member after another, zeros behind the last one are
//! padding, and anything else there is ignored with a warning. Other packings and encodings are
//! known by their first bytes and refused by name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::bufread::GzDecoder;

use crate::console::say;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Longer padding has no end.
const MAX_PADDING: u64 = 256 << 20;

const UTF_16: &str = "it is text in UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)";
const UTF_32: &str = "it is text in UTF-32: convert it first (iconv -f UTF-32 -t UTF-8)";
const ZSTD: &str = "it is packed by zstd: unpack it first (zstd -dc FILE | fleet --trace -)";

/// What a file begins with that can't be read here. Where two fit, the longer comes first.
const FOREIGN: [(&[u8], &str); 15] = [
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"\xfd7zXZ\0", "it is packed by xz: unpack it first (xz -dc FILE | fleet --trace -)"),
    (b"BZh", "it is packed by bzip2: unpack it first (bzip2 -dc FILE | fleet --trace -)"),
    (b"\x04\x22\x4d\x18", "it is packed by lz4: unpack it first (lz4 -dc FILE | fleet --trace -)"),
    (b"\x1f\x9d", "it is packed by compress: unpack it first (gzip -dc FILE | fleet --trace -)"),
    (b"PK\x03\x04", "it is a zip archive: unpack it first (unzip -p FILE | fleet --trace -)"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive: unpack it first"),
    (b"PAR1", "it is a Parquet file: write it as CSV or JSON Lines first"),
    (b"\xff\xfe\0\0", UTF_32),
    (b"\0\0\xfe\xff", UTF_32),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    // Without a byte-order mark: what a trace begins with is ASCII.
    (b"{\0\0\0", UTF_32),
    (b"{\0", UTF_16),
    (b"\0{", UTF_16),
];

/// Opens a trace; `-` is stdin. Returns what messages call it, and its bytes.
pub(crate) fn open(path: &Path) -> Result<(String, Box<dyn BufRead>)> {
    let stdin = path == Path::new("-");
    let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
    let unpacked = if stdin { unpack(&name, io::stdin().lock()) } else { open_file(&name, path) };
    let reader = unpacked.with_context(|| format!("can't read {name}"))?;
    Ok((name, reader))
}

fn open_file(name: &str, path: &Path) -> Result<Box<dyn BufRead>> {
    unpack(name, BufReader::new(File::open(path)?))
}

fn unpack(name: &str, packed: impl BufRead + 'static) -> Result<Box<dyn BufRead>> {
    let mut packed = Ahead::new(packed);
    if packed.peek(GZIP_MAGIC.len())? != GZIP_MAGIC {
        refuse_foreign(&mut packed)?;
        return Ok(Box::new(packed));
    }
    let members = Members { name: name.to_owned(), member: Some(GzDecoder::new(packed)) };
    let mut unpacked = Ahead::new(BufReader::new(members));
    if unpacked.peek(GZIP_MAGIC.len())? == GZIP_MAGIC {
        bail!("it is gzipped twice: unpack it first (gzip -dc FILE | fleet --trace -)");
    }
    refuse_foreign(&mut unpacked)?;
    Ok(Box::new(unpacked))
}

fn refuse_foreign(bytes: &mut Ahead<impl BufRead>) -> Result<()> {
    let first = bytes.peek(8)?;
    // What zstd skips may come first.
    if matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
        bail!(ZSTD);
    }
    match FOREIGN.into_iter().find(|(magic, _)| first.starts_with(magic)) {
        Some((_, reason)) => bail!(reason),
        None => Ok(()),
    }
}

/// Bytes that can be looked at before they are read.
struct Ahead<R> {
    /// Looked at; those from `read` on aren't read yet.
    seen: Vec<u8>,
    read: usize,
    rest: R,
}

impl<R: BufRead> Ahead<R> {
    const fn new(rest: R) -> Self {
        Self { seen: Vec::new(), read: 0, rest }
    }

    /// The next bytes, fewer than `count` only at the end.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        self.seen.drain(..self.read);
        self.read = 0;
        let missing = count.saturating_sub(self.seen.len());
        self.rest.by_ref().take(missing as u64).read_to_end(&mut self.seen)?;
        Ok(&self.seen[..count.min(self.seen.len())])
    }
}

impl<R: BufRead> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read < self.seen.len() { Ok(&self.seen[self.read..]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        if self.read < self.seen.len() {
            self.read += count;
        } else {
            self.rest.consume(count);
        }
    }
}

impl<R: BufRead> Read for Ahead<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// The content of gzip's members, one after another.
struct Members<R> {
    name: String,
    /// `None` behind the last.
    member: Option<GzDecoder<Ahead<R>>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let read = member.read(into)?;
            if read > 0 || into.is_empty() {
                self.member = Some(member);
                return Ok(read);
            }
            self.member = self.next(member.into_inner())?;
        }
        Ok(0)
    }
}

impl<R: BufRead> Members<R> {
    /// What follows a member.
    fn next(&self, mut rest: Ahead<R>) -> io::Result<Option<GzDecoder<Ahead<R>>>> {
        if rest.peek(GZIP_MAGIC.len())? == GZIP_MAGIC {
            return Ok(Some(GzDecoder::new(rest)));
        }
        let mut padding = 0;
        loop {
            let bytes = rest.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            if zeros == 0 {
                break;
            }
            rest.consume(zeros);
            padding += zeros as u64;
            if padding > MAX_PADDING {
                return Err(io::Error::other(format!("more than {} MiB of zeros behind its end", MAX_PADDING >> 20)));
            }
        }
        if !rest.fill_buf()?.is_empty() {
            say(format_args!("warning: {}: ignored what follows the gzipped data", self.name));
        }
        Ok(None)
    }
}
