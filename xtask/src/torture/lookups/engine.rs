//! The engines whose containers are looked up: how their containers start, stop and restart.

use super::{History, PATIENCE, Run};
use crate::Outcome;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// With fewer containers, none exists while another starts.
const CONTAINERS: usize = 3;
/// The limit of starts of a container to get the PID of the killed one.
const ATTEMPTS: usize = 4;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Runc,
    Crun,
    Docker,
}

impl Engine {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Docker => "docker",
        }
    }

    /// Returns the part of a target before the colon.
    pub(super) fn prefix(self) -> &'static str {
        if self == Self::Docker {
            "docker"
        } else {
            "oci"
        }
    }

    pub(super) fn names(self) -> impl Iterator<Item = String> + Clone {
        (0..CONTAINERS).map(move |number| format!("{}{number}", self.word()))
    }

    /// Returns the engine's program.
    fn program(self) -> Command {
        let mut program = Command::new("timeout");
        program.arg(PATIENCE);
        match self {
            // crun refuses a host with cgroups of both kinds.
            Self::Crun => program.args([
                "unshare",
                "--mount",
                "sh",
                "-c",
                "umount /sys/fs/cgroup/unified 2>/dev/null; exec crun \"$@\"",
                "sh",
            ]),
            _ => program.arg(self.word()),
        };
        program.stdin(Stdio::null());
        program
    }

    /// Runs a command of the engine. Its output is used only if it fails.
    fn command(self, words: &[&str]) -> Outcome<String> {
        let output = self.program().args(words).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} {}: {}", self.word(), words.join(" "), said.trim()).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Starts a container and returns the id of its first process.
    pub(super) fn start(self, history: &Mutex<History>, name: String) -> Outcome<u32> {
        let from = Instant::now();
        let pid = if self == Self::Docker {
            self.command(&["start", &name])?;
            self.command(&["inspect", "--format", "{{.State.Pid}}", &name])?
        } else {
            let bundle = format!("/run/bundles/{name}");
            let file = format!("{bundle}/pid");
            // The container must not inherit a pipe, whose end would be waited for.
            let mut run = self.program();
            run.args([
                "run",
                "--detach",
                "--bundle",
                &bundle,
                "--pid-file",
                &file,
                &name,
            ]);
            if !run.stdout(Stdio::null()).status()?.success() {
                return Err(format!("{name} does not start").into());
            }
            fs::read_to_string(file)?
        };
        let pid = pid.trim().parse()?;
        history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .runs
            .push(Run {
                name,
                pid,
                from,
                to: None,
            });
        Ok(pid)
    }

    /// Ends a container, or waits until its engine knows that it has ended.
    fn stop(self, history: &Mutex<History>, name: &str, has_ended: bool) -> Outcome {
        let words = match self {
            Self::Docker if has_ended => vec!["wait", name],
            Self::Docker => vec!["kill", name],
            _ => vec!["delete", "--force", name],
        };
        if let Err(error) = self.command(&words) {
            // crun cannot delete an ended container if a thread has its PID.
            if self != Self::Crun || !error.to_string().contains("open pidfd") {
                return Err(error);
            }
            fs::remove_dir_all(format!("/run/crun/{name}"))?;
        }
        let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
        let run = history
            .runs
            .iter_mut()
            .rev()
            .find(|run| run.name == name)
            .ok_or("it never ran")?;
        run.to = Some(Instant::now());
        Ok(())
    }

    /// Restarts the containers until it is told to stop.
    pub(super) fn restart(self, history: &Mutex<History>, done: &AtomicBool) -> Outcome {
        // The distances between the container's PID and the last PID before its engine started, and
        // their counts.
        let mut distances = BTreeMap::<u32, usize>::new();
        for round in 0.. {
            let mut names = self.names().cycle().skip(round);
            let (Some(killed), Some(next)) = (names.next(), names.next()) else {
                break;
            };
            let pid = {
                let history = history.lock().unwrap_or_else(PoisonError::into_inner);
                history
                    .runs
                    .iter()
                    .rev()
                    .find(|run| run.name == killed)
                    .map_or(0, |run| run.pid)
            };
            // Without the engine's knowledge.
            Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status()?;
            // Until its PID is free, or reused already.
            for _ in 0..20 {
                if !Path::new(&format!("/proc/{pid}")).exists() {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
            for _ in 0..ATTEMPTS {
                self.stop(history, &next, false)?;
                let distance = distances
                    .iter()
                    .max_by_key(|(_, count)| **count)
                    .map_or(10, |(distance, _)| *distance);
                let last = pid.saturating_sub(distance).max(1);
                fs::write("/proc/sys/kernel/ns_last_pid", last.to_string())?;
                let started = self.start(history, next.clone())?;
                *distances.entry(started.saturating_sub(last)).or_default() += 1;
                if started == pid {
                    history.lock().unwrap_or_else(PoisonError::into_inner).taken += 1;
                    break;
                }
            }
            self.stop(history, &killed, true)?;
            self.start(history, killed)?;
            if done.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }
}
