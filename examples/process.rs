//! The metrics of a process, under the names that other Prometheus clients use. They are read when
//! a page is written, from `/proc`, so on Linux only: `cargo run --example process`.

use std::{error::Error, io::Write as _};

#[cfg(target_os = "linux")]
use procfs::{WithCurrentSystemInfo as _, process::Process};
use tachometer::{Collector, Registry, Schema};

/// Adds the metrics of this process to the pages of `registry`.
#[cfg(target_os = "linux")]
pub(crate) fn process_metrics(registry: &Registry) -> Result<Collector, Box<dyn Error>> {
    let mut schema = Schema::builder(&[]);
    let cpu = schema.counter::<f64>("process_cpu_seconds", "CPU time used.").unit("seconds").declare()?;
    let mut gauge = |name, help| schema.gauge::<f64>(name, help).settable().declare();
    let start = gauge("process_start_time_seconds", "When the process started, since 1970.")?;
    let memory = gauge("process_resident_memory_bytes", "Memory that the process has in RAM.")?;
    let files = gauge("process_open_fds", "Open file descriptors.")?;
    Ok(registry.collector(schema.build()?, move |recorder| {
        let process = Process::myself()?;
        let (stat, ticks_per_second) = (process.stat()?, procfs::ticks_per_second() as f64);
        let seconds = |ticks| ticks as f64 / ticks_per_second;
        recorder.add(cpu, seconds(stat.utime + stat.stime));
        recorder.set_gauge(start, procfs::boot_time_secs()? as f64 + seconds(stat.starttime));
        recorder.set_gauge(memory, stat.rss_bytes().get() as f64);
        recorder.set_gauge(files, process.fd_count()? as f64);
        Ok(())
    })?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new(Schema::builder(&["engine"]).build()?);
    #[cfg(target_os = "linux")]
    let _process = process_metrics(&registry)?;
    let mut page = Vec::new();
    registry.render(&mut page);
    Ok(std::io::stdout().write_all(&page)?)
}
