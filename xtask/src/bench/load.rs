//! Thousands of processes, so that lists have something to list.

use crate::Outcome;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// One process in so many has namespaces of its own.
const NAMESPACES_EVERY: usize = 10;

/// Sleeping processes. They end when this is dropped, or by themselves where nobody is left to drop it.
pub(super) struct Load(Vec<Child>);

impl Load {
    /// Starts `count` processes and waits until all of them sleep.
    pub(super) fn start(nsx: &Path, count: usize) -> Outcome<Self> {
        let mut load = Self(Vec::with_capacity(count));
        for place in 0..count {
            let mut sleep = if place % NAMESPACES_EVERY == 0 {
                // Of the kinds that are made fast, and by everyone.
                let mut nsx = Command::new(nsx);
                nsx.args(["unshare", "--user", "--uts", "sleep"]);
                nsx
            } else {
                Command::new("sleep")
            };
            sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null());
            let child = sleep.spawn().map_err(|error| format!("failed to start process {place}: {error}"))?;
            load.0.push(child);
        }
        let start = Instant::now();
        while !load.0.iter().all(sleeps) {
            if start.elapsed() > Duration::from_secs(60) {
                return Err("not all processes sleep after a minute".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(load)
    }
}

fn sleeps(child: &Child) -> bool {
    fs::read(format!("/proc/{}/comm", child.id())).is_ok_and(|name| name == b"sleep\n")
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already needs no more than to be waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
