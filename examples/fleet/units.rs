//! What a Mooncake trace doesn't say of itself: the unit of its times, and how many tokens a hash
//! stands for.
//!
//! A wrong unit replays another workload, and every check of it holds. So a trace that contradicts
//! its units is refused.

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::trace::Row;

/// As in the traces that Mooncake published.
pub(crate) const DEFAULT_BLOCK_SIZE: u64 = 512;

const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000 * MILLISECOND;

/// Fewer requests say nothing of a unit.
const TELLING: usize = 4;

/// `None`: not said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Units {
    pub(crate) block_size: Option<u64>,
    pub(crate) time: Option<TimeUnit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeUnit {
    /// Seconds
    S,
    /// Milliseconds
    Ms,
    /// Microseconds
    Us,
    /// Nanoseconds
    Ns,
}

impl TimeUnit {
    pub(crate) const fn nanoseconds(self) -> i128 {
        match self {
            Self::S => SECOND,
            Self::Ms => MILLISECOND,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }
}

impl Units {
    /// Tokens that a hash stands for.
    pub(crate) fn block_size(self) -> u64 {
        self.block_size.unwrap_or(DEFAULT_BLOCK_SIZE)
    }

    pub(crate) fn time(self) -> TimeUnit {
        self.time.unwrap_or(TimeUnit::Ms)
    }

    /// Whether any was said.
    pub(crate) const fn given(self) -> bool {
        self.block_size.is_some() || self.time.is_some()
    }

    /// A prompt can't have more hashes than blocks.
    pub(crate) fn check_row(self, row: &Row) -> Result<()> {
        let (size, hashes) = (self.block_size(), row.hashes.len());
        let blocks = row.prompt_tokens.div_ceil(size);
        if hashes as u64 > blocks {
            bail!(
                "{hashes} hash_ids, but {} prompt tokens are {blocks} blocks of {size}: --block-size says how many \
                 tokens a hash stands for",
                row.prompt_tokens
            );
        }
        Ok(())
    }

    /// What shows in all requests together.
    pub(crate) fn check<'a>(self, rows: impl Iterator<Item = &'a Row> + Clone) -> Result<()> {
        self.check_hashes(rows.clone())?;
        if self.time.is_some() { Ok(()) } else { check_milliseconds(rows.map(|row| row.time).collect()) }
    }

    /// Some prompt should have a hash for each of its whole blocks.
    fn check_hashes<'a>(self, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
        let size = self.block_size();
        let hashed: Vec<_> = rows.filter(|row| !row.hashes.is_empty()).collect();
        let lacks_some = |row: &&Row| (row.hashes.len() as u64) < row.prompt_tokens / size;
        if hashed.len() >= TELLING && hashed.iter().all(lacks_some) {
            bail!(
                "no prompt has as many hash_ids as blocks of {size} tokens: --block-size says how many tokens a hash \
                 stands for"
            );
        }
        Ok(())
    }
}

/// Times in seconds, taken for milliseconds, lie within seconds, or are closer together than
/// arrivals are.
fn check_milliseconds(mut times: Vec<i128>) -> Result<()> {
    let requests = times.len();
    times.sort_unstable();
    times.dedup();
    let ([first, .., last], gaps) = (&times[..], times.len() as i128 - 1) else { return Ok(()) };
    let span = last - first;
    let short = span < 10 * SECOND && span < gaps * SECOND;
    // A week of seconds is taken for ten minutes.
    let dense = span < 1_000 * SECOND && span < gaps * 10 * MILLISECOND;
    let fractions = times.iter().any(|time| time % MILLISECOND != 0);
    if (short || dense) && (fractions || requests >= TELLING) {
        bail!(
            "all {requests} requests arrive within {} ms if times are milliseconds: say --time-unit ms if they are, or \
             else --time-unit s, us or ns",
            span as f64 / MILLISECOND as f64
        );
    }
    Ok(())
}
