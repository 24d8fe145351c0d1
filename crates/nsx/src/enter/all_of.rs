//! `--all-of`: the program once in each container, pod or named network that matches a pattern,
//! several at a time.
//!
//! A process of its own enters each of them. It is forked while nsx has one thread, and its output
//! comes back through pipes. Output and failures of one do not affect the others.

use super::{Options, enter};
use crate::{
    error::Error,
    exit::ExitStatus,
    out, program, target,
    text::{self, escape, escape_json},
};
use clap::Args;
use nsx_core::{
    descriptor,
    hash::HashSet,
    ns::{NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcRoot},
    process::{Forked, exit_now, fork, set_death_signal},
    signal::Disposition,
    trouble,
};
use nsx_target::{Found, Host, Match, Pattern, TargetError, enter::Destination};
use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
    pipe::PipeFlags,
    process::{PidfdFlags, Signal, WaitOptions},
};
use serde::Serialize;
use std::{cell::Cell, ffi::OsString, os::unix::ffi::OsStrExt};

/// The length in bytes from which a line is passed on in parts.
const LONGEST_LINE: usize = 64 << 10;

#[derive(Args, Debug)]
#[command(next_help_heading = "Several containers")]
pub(super) struct ManyOptions {
    /// Run the program in each running container whose name matches PATTERN, such as 'docker:*' or
    /// 'web-?', in each pod, as 'k8s://default/*', or in each network namespace, as 'netns:*'
    #[arg(long, value_name = "PATTERN", conflicts_with = "named_target")]
    pub(super) all_of: Option<OsString>,
    /// Run at most COUNT at a time
    #[arg(short, long, value_name = "COUNT", default_value_t = 8, requires = "all_of",
          allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Enter only one of those that share a namespace of this kind
    #[arg(long, value_name = "KIND", requires = "all_of")]
    unique: Option<NsKind>,
    /// Print a JSON object for each line and for each end, instead of lines with names before them
    #[arg(long, requires = "all_of")]
    json_lines: bool,
}

/// Runs the program in all of them. The status is a failure if the program fails in one.
pub(super) fn run(options: &Options, pattern: &OsString) -> Result<ExitStatus, Error> {
    let many = &options.common.many;
    // The processes that enter are forked from here. Otherwise each would start over to seal itself.
    if !options.common.explain {
        nsx_core::run::seal().map_err(|errno| {
            Error::failed("run nsx from a file that nobody can write to", errno)
        })?;
    }
    let matches = matches(pattern, many.unique)?;
    // Otherwise a container whose record could not be read would be left out silently.
    if let Some(errno) = trouble::first() {
        return Err(Error::failed("find all containers", errno));
    }
    let width = matches
        .iter()
        .map(|it| escape(it.address.as_bytes()).chars().count())
        .max()
        .unwrap_or(0);
    let printer = Printer {
        json: many.json_lines,
        width,
        gone: Cell::default(),
    };
    // If the caller ignores SIGCHLD, the kernel does not tell how children end.
    let inherited = Disposition::default_for(libc::SIGCHLD)
        .map_err(|errno| Error::failed("set what SIGCHLD does", errno))?;
    let total = matches.len();
    let mut failed = Vec::new();
    let mut waiting = matches.into_iter();
    let mut running: Vec<Job> = Vec::new();
    loop {
        while running.len() < usize::from(many.jobs)
            && let Some(Match {
                address: name,
                found,
            }) = waiting.next()
        {
            match start(name.clone(), found, options, &inherited, &mut running) {
                Ok(job) => running.push(job),
                Err(errno) => {
                    printer.ended(&name, ExitStatus::NOT_RUN);
                    failed.push(format!("{name} ({})", text::reason(&errno)));
                }
            }
        }
        if running.is_empty() {
            break;
        }
        listen(&mut running, &printer)
            .map_err(|errno| Error::failed("wait for the programs", errno))?;
        for mut job in running.extract_if(.., |job| job.is_over()) {
            let status = job.end(&printer);
            printer.ended(&job.name, status);
            match status {
                ExitStatus::SUCCESS => failed.extend(job.lost()),
                ExitStatus::Code(code) => failed.push(format!("{} (status {code})", job.name)),
                ExitStatus::Signal(signal) => {
                    failed.push(format!("{} (signal {signal})", job.name))
                }
            }
        }
    }
    if !failed.is_empty() {
        let (count, names) = (failed.len(), failed.join(", "));
        out::error(&format!("failed in {count} of {total}: {names}"));
    }
    Ok(match printer.gone.get() {
        Some(Errno::PIPE) | None if failed.is_empty() => ExitStatus::SUCCESS,
        Some(Errno::PIPE) | None => ExitStatus::SOME_FAILED,
        Some(_) => ExitStatus::NOT_RUN,
    })
}

/// Returns everything that matches the pattern, in order of addresses; at least one.
fn matches(pattern: &OsString, unique: Option<NsKind>) -> Result<Vec<Match>, Error> {
    let host = Host::system()?;
    let parsed = Pattern::parse(pattern.as_bytes()).map_err(|source| TargetError::NotATarget {
        word: pattern.clone(),
        source,
    })?;
    let matches = host.find_all(&parsed);
    target::note_cut_off(&host);
    let mut matches = matches?;
    if let Some(kind) = unique {
        let mut seen: HashSet<NsId> = HashSet::default();
        matches
            .retain(|it| namespace(host.proc(), &it.found, kind).is_none_or(|id| seen.insert(id)));
    }
    if matches.is_empty() {
        let message = format!("no {} fits {}", parsed.subject(), text::shown(pattern));
        return Err(Error::Missing(message));
    }
    Ok(matches)
}

fn namespace(proc: &ProcRoot, found: &Found, kind: NsKind) -> Option<NsId> {
    match found {
        Found::Process(subject) => proc.ns(subject.process.pid(), NsLink::Own(kind)).ok(),
        Found::Namespace(namespace) => Some(namespace.id()).filter(|id| id.kind == kind),
    }
}

/// A container that is entered.
struct Job {
    name: String,
    pid: Pid,
    process: OwnedFd,
    outputs: [Output; 2],
}

/// The output that comes through a pipe.
struct Output {
    stream: &'static str,
    /// The pipe; none after its end.
    pipe: Option<OwnedFd>,
    /// The start of a line whose end has not been read yet.
    rest: Vec<u8>,
    /// The error that kept the rest from being read.
    lost: Option<Errno>,
}

/// Forks the process that enters a container. The child does not return, and closes `others`.
fn start(
    name: String,
    found: Found,
    options: &Options,
    inherited: &Disposition,
    others: &mut Vec<Job>,
) -> Result<Job, Errno> {
    let [(out_ours, out_theirs), (err_ours, err_theirs)] = [pipe()?, pipe()?];
    let nothing = rustix::fs::openat(
        CWD,
        c"/dev/null",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    match fork()? {
        Forked::Child => {
            others.clear();
            drop((out_ours, err_ours));
            let streams = rustix::stdio::dup2_stdin(&nothing)
                .and_then(|()| rustix::stdio::dup2_stdout(&out_theirs))
                .and_then(|()| rustix::stdio::dup2_stderr(&err_theirs))
                .and_then(|()| inherited.restore(libc::SIGCHLD))
                .and_then(|()| set_death_signal(libc::SIGTERM));
            drop((nothing, out_theirs, err_theirs));
            let status = match streams {
                Ok(()) => enter_one(options, Destination::new(name, found))
                    .unwrap_or_else(|error| out::report(&error, ExitStatus::NOT_RUN)),
                Err(_) => ExitStatus::NOT_RUN,
            };
            exit_now(status.finish())
        }
        Forked::Parent(pid) => {
            let process =
                rustix::process::pidfd_open(pid, PidfdFlags::empty()).inspect_err(|_| {
                    // Without a pidfd nobody would wait for the child.
                    let _ = rustix::process::kill_process(pid, Signal::KILL);
                    let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
                })?;
            let output = |stream, pipe| Output {
                stream,
                pipe: Some(pipe),
                rest: Vec::new(),
                lost: None,
            };
            Ok(Job {
                name,
                pid,
                process,
                outputs: [output("stdout", out_ours), output("stderr", err_ours)],
            })
        }
    }
}

/// Enters one container, in a process of its own.
fn enter_one(options: &Options, destination: Destination) -> Result<ExitStatus, Error> {
    let host = Host::system()?;
    let caller = program::read_caller(host.proc())?;
    enter(options, &host, &caller, Ok(destination))
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let flags = rustix::fs::fcntl_getfl(&ours)?;
    rustix::fs::fcntl_setfl(&ours, flags | OFlags::NONBLOCK)?;
    Ok((ours, theirs))
}

/// Waits until a program prints something or ends, and passes on the output that is there.
fn listen(running: &mut [Job], printer: &Printer) -> Result<(), Errno> {
    let mut fds: Vec<PollFd<'_>> = Vec::new();
    for job in running.iter() {
        fds.push(PollFd::new(&job.process, PollFlags::IN));
        fds.extend(
            job.outputs
                .iter()
                .filter_map(|output| Some(PollFd::new(output.pipe.as_ref()?, PollFlags::IN))),
        );
    }
    match rustix::event::poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno),
    }
    drop(fds);
    for job in running {
        for output in &mut job.outputs {
            output.pass_on(&job.name, printer);
        }
    }
    Ok(())
}

impl Job {
    /// Returns whether the job's process has ended. Processes that it started may still hold its
    /// output open, which is not waited for.
    fn is_over(&self) -> bool {
        descriptor::has_now(&self.process, PollFlags::IN)
    }

    /// Returns the reason why not all of the job's output was passed on.
    fn lost(&self) -> Option<String> {
        let errno = self.outputs.iter().find_map(|output| output.lost)?;
        Some(format!(
            "{} (its output could not be read: {})",
            self.name,
            text::reason(&errno)
        ))
    }

    /// Passes on the last output of the job, and returns how its process ended.
    fn end(&mut self, printer: &Printer) -> ExitStatus {
        for output in &mut self.outputs {
            output.pass_on(&self.name, printer);
            if !output.rest.is_empty() {
                printer.line(&self.name, output.stream, &std::mem::take(&mut output.rest));
            }
        }
        match rustix::process::waitpid(Some(self.pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => match status.terminating_signal() {
                Some(signal) => ExitStatus::Signal(signal),
                None => ExitStatus::Code(status.exit_status().unwrap_or_default() as u8),
            },
            _ => ExitStatus::NOT_RUN,
        }
    }
}

impl Output {
    /// Reads the output that is there and prints each complete line.
    fn pass_on(&mut self, name: &str, printer: &Printer) {
        while let Some(pipe) = &self.pipe {
            let mut bytes = [0; 16384];
            match rustix::io::read(pipe.as_fd(), &mut bytes) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.rest.extend_from_slice(&bytes[..length]),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(errno) => (self.pipe, self.lost) = (None, Some(errno)),
            }
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                printer.line(name, self.stream, &line[..end]);
            }
            if self.rest.len() >= LONGEST_LINE || (self.pipe.is_none() && !self.rest.is_empty()) {
                printer.line(name, self.stream, &std::mem::take(&mut self.rest));
            }
        }
    }
}

/// The form in which output is printed, and whether standard output still takes it.
struct Printer {
    json: bool,
    /// The columns that the names take.
    width: usize,
    /// The error after which standard output takes no more.
    gone: Cell<Option<Errno>>,
}

/// A line of a program's output.
#[derive(Serialize)]
struct Line<'a> {
    target: &'a str,
    stream: &'a str,
    line: &'a str,
}

/// The end of a program: an exit status or a signal.
#[derive(Serialize)]
struct End<'a> {
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
}

impl Printer {
    fn line(&self, name: &str, stream: &'static str, line: &[u8]) {
        if self.json {
            return self.print_json(&Line {
                target: name,
                stream,
                line: &String::from_utf8_lossy(line),
            });
        }
        let name = escape(name.as_bytes());
        let mut text = format!("{name:width$} | ", width = self.width).into_bytes();
        text.extend_from_slice(line);
        text.push(b'\n');
        if stream == "stderr" {
            out::complain(text.trim_ascii_end());
        } else {
            self.print(&text);
        }
    }

    fn ended(&self, name: &str, status: ExitStatus) {
        if self.json {
            let (exit_status, signal) = match status {
                ExitStatus::Code(code) => (Some(code), None),
                ExitStatus::Signal(signal) => (None, Some(signal)),
            };
            self.print_json(&End {
                target: name,
                exit_status,
                signal,
            });
        }
    }

    /// Prints an object on a line of its own.
    fn print_json(&self, value: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(value) {
            self.print((escape_json(text) + "\n").as_bytes());
        }
    }

    /// Prints to standard output. The reader may stop at any time. Any other loss is reported once,
    /// and the programs run to their end.
    fn print(&self, bytes: &[u8]) {
        if self.gone.get().is_none()
            && let Err(errno) = out::write_bytes(bytes)
        {
            self.gone.set(Some(errno));
            if errno != Errno::PIPE {
                let error = Error::failed("write to standard output", errno);
                out::report(&error, ExitStatus::NOT_RUN);
            }
        }
    }
}
