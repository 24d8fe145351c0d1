//! Runs a command and injects a fault at one system call of one of its processes.
//!
//! strace counts calls per process and cannot tell processes apart, so it never hits the third call
//! of a child without the third call of its parent. This tracer names each process by its
//! ancestors, which are the same in every run.

use super::{fault::Fault, stage::Streams};
use crate::Outcome;
use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};
use syscalls::Sysno;

/// The time limit after which a run counts as hanging.
const PATIENCE: Duration = Duration::from_secs(15);

/// A process of nsx by its ancestors: `[]` is the one that was started, `[1]` its second child.
pub(super) type Descent = Vec<u8>;

/// A system call: its process, and the number of earlier calls of that process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) process: Descent,
    pub(super) call: usize,
}

/// A system call that was made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) position: Position,
    pub(super) name: &'static str,
    pub(super) arguments: [u64; 3],
    /// The path among its arguments, if it has one.
    pub(super) path: Option<String>,
}

/// The end of a command.
pub(super) struct Run {
    /// The calls of nsx's own processes, from `main` on, in the order in which they were made.
    pub(super) calls: Vec<Call>,
    pub(super) status: WaitStatus,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
    /// The call at which the fault happened.
    pub(super) hit: Option<Call>,
    /// `true` if the command had to be killed.
    pub(super) hung: bool,
    /// `true` if a program other than nsx ran.
    pub(super) ran: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, _] = self.arguments;
        match &self.path {
            Some(path) => write!(formatter, "{}({path:?})", self.name),
            None if first < 1 << 20 && second < 1 << 20 => {
                write!(formatter, "{}({first}, {second})", self.name)
            }
            None if first < 1 << 20 => write!(formatter, "{}({first})", self.name),
            None => formatter.write_str(self.name),
        }
    }
}

/// The program of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The shell that becomes nsx.
    Shell,
    /// nsx before `main`: the dynamic linker and the C library's start.
    Loading,
    Nsx,
    /// A program that nsx started.
    Program,
}

struct Traced {
    descent: Descent,
    children: u8,
    part: Part,
    calls: usize,
    /// `true` if the next stop at a system call is the call's end; `None` in a new child, which may
    /// stop at the end of the fork.
    inside: Option<bool>,
    /// The change to make when the current call ends.
    at_end: Option<AtEnd>,
}

/// A change of the registers when a call ends.
enum AtEnd {
    /// The call returns this error.
    Error(Errno),
    /// brk(2) got another argument. A call leaves its arguments in their registers, and the C
    /// library compares the result with this one.
    Argument(u64),
}

/// Runs `command` until it ends, with `fault` at that call. The command waits for a line from
/// `gate` before it becomes nsx.
pub(super) fn run(
    mut command: Command,
    mut gate: &File,
    nsx: &Path,
    streams: &mut Streams,
    fault: Option<(&Position, Fault)>,
) -> Outcome<Run> {
    let child = command
        .spawn()
        .map_err(|error| format!("failed to start {command:?}: {error}"))?;
    let root = pid_of(&child)?;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(root, options)?;
    gate.write_all(b"\n")?;
    let nsx = fs::metadata(nsx)?;
    let mut trace = Trace {
        nsx: (nsx.dev(), nsx.ino()),
        root,
        traced: BTreeMap::from([(root, Traced::new(Vec::new(), Part::Shell, Some(false)))]),
        early: BTreeSet::new(),
        fault,
        run: Run {
            calls: Vec::new(),
            status: WaitStatus::StillAlive,
            output: Vec::new(),
            errors: Vec::new(),
            hit: None,
            hung: false,
            ran: false,
        },
        guard: Guard::new(root),
    };
    trace.follow()?;
    let Trace { mut run, guard, .. } = trace;
    run.hung = guard.ended();
    (run.output, run.errors) = streams.take()?;
    Ok(run)
}

struct Trace<'a> {
    /// Device and inode of nsx.
    nsx: (u64, u64),
    root: Pid,
    traced: BTreeMap<Pid, Traced>,
    /// Children that stopped before their parents reported them.
    early: BTreeSet<Pid>,
    fault: Option<(&'a Position, Fault)>,
    run: Run,
    guard: Guard,
}

impl Trace<'_> {
    fn follow(&mut self) -> Outcome {
        while !self.traced.is_empty() || !self.early.is_empty() {
            match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..))) => {
                    self.traced.remove(&pid);
                    self.early.remove(&pid);
                    self.guard.forget(pid);
                    if pid == self.root {
                        self.run.status = status;
                    }
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => self.at_call(pid),
                Ok(WaitStatus::PtraceEvent(pid, signal, event)) => {
                    self.at_event(pid, signal, event)
                }
                Ok(WaitStatus::Stopped(pid, signal)) => self.resume(pid, Some(signal)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn at_event(&mut self, pid: Pid, signal: Signal, event: i32) {
        const NEW: [i32; 3] = [
            ptrace::Event::PTRACE_EVENT_FORK as i32,
            ptrace::Event::PTRACE_EVENT_VFORK as i32,
            ptrace::Event::PTRACE_EVENT_CLONE as i32,
        ];
        if NEW.contains(&event) {
            let child = ptrace::getevent(pid)
                .ok()
                .and_then(|child| i32::try_from(child).ok())
                .map(Pid::from_raw);
            if let (Some(child), Some(parent)) = (child, self.traced.get_mut(&pid)) {
                let mut descent = parent.descent.clone();
                descent.push(parent.children);
                parent.children += 1;
                let part = parent.part;
                self.traced.insert(child, Traced::new(descent, part, None));
                self.guard.watch(child);
                if self.early.remove(&child) {
                    self.resume(child, None);
                }
            }
        } else if event == ptrace::Event::PTRACE_EVENT_EXEC as i32 {
            self.at_exec(pid);
        } else if !self.traced.contains_key(&pid) {
            // The first stop of a child. It stays stopped until its parent has reported it.
            self.early.insert(pid);
            self.guard.watch(pid);
            return;
        } else if signal != Signal::SIGTRAP && self.traced[&pid].inside.is_some() {
            // A stop for job control. Nothing here stops a process for long.
            let _ = kill(pid, Signal::SIGCONT);
        }
        self.resume(pid, None);
    }

    fn at_exec(&mut self, pid: Pid) {
        let exe = format!("/proc/{pid}/exe");
        let is_nsx = fs::metadata(&exe).is_ok_and(|exe| (exe.dev(), exe.ino()) == self.nsx)
            || fs::read_link(&exe).is_ok_and(|exe| exe.to_string_lossy().contains("memfd:nsx"));
        let Some(traced) = self.traced.get_mut(&pid) else {
            return;
        };
        traced.inside = Some(true);
        traced.part = match traced.part {
            // The words in front of nsx.
            Part::Shell if !is_nsx => Part::Shell,
            _ if is_nsx => Part::Loading,
            _ => Part::Program,
        };
        self.run.ran |= traced.part == Part::Program;
    }

    fn at_call(&mut self, pid: Pid) {
        if let Ok(mut registers) = ptrace::getregs(pid)
            && let Some(traced) = self.traced.get_mut(&pid)
        {
            let inside = traced
                .inside
                .unwrap_or(registers.rax as i64 != -i64::from(Errno::ENOSYS as i32));
            traced.inside = Some(!inside);
            if inside {
                match traced.at_end.take() {
                    Some(AtEnd::Error(errno)) => registers.rax = -i64::from(errno as i32) as u64,
                    Some(AtEnd::Argument(argument)) => registers.rdi = argument,
                    None => return self.resume(pid, None),
                }
                let _ = ptrace::setregs(pid, registers);
            } else {
                let number = Sysno::new(registers.orig_rax as usize);
                if traced.part == Part::Loading && number == Some(Sysno::fcntl) {
                    traced.part = Part::Nsx; // its first call
                }
                if traced.part == Part::Nsx {
                    let position = Position {
                        process: traced.descent.clone(),
                        call: traced.calls,
                    };
                    traced.calls += 1;
                    let arguments = [registers.rdi, registers.rsi, registers.rdx];
                    let name = number.map_or("unknown", |number| number.name());
                    let path = path_of(pid, name, arguments);
                    let call = Call {
                        position,
                        name,
                        arguments,
                        path,
                    };
                    if let Some((position, fault)) = self.fault
                        && *position == call.position
                        && self.run.hit.is_none()
                    {
                        match fault {
                            Fault::Kill => drop(kill(pid, Signal::SIGKILL)),
                            Fault::Error(errno) => {
                                let mut at_end = AtEnd::Error(errno);
                                match name {
                                    // brk(2) fails by returning the end of the heap, as it does for
                                    // 0.
                                    "brk" => {
                                        at_end = AtEnd::Argument(registers.rdi);
                                        registers.rdi = 0;
                                    }
                                    // close(2) closes a descriptor even if it fails.
                                    "close" => {}
                                    // Other calls are not made.
                                    _ => registers.orig_rax = u64::MAX,
                                }
                                traced.at_end = Some(at_end);
                                let _ = ptrace::setregs(pid, registers);
                            }
                        }
                        self.run.hit = Some(call.clone());
                    }
                    self.run.calls.push(call);
                }
            }
        }
        self.resume(pid, None);
    }

    /// Lets a process continue. A process that was killed meanwhile is ignored.
    fn resume(&self, pid: Pid, signal: Option<Signal>) {
        let is_program = self
            .traced
            .get(&pid)
            .is_some_and(|traced| traced.part == Part::Program);
        let _ = if is_program {
            ptrace::cont(pid, signal)
        } else {
            ptrace::syscall(pid, signal)
        };
    }
}

impl Traced {
    fn new(descent: Descent, part: Part, inside: Option<bool>) -> Self {
        Self {
            descent,
            children: 0,
            part,
            calls: 0,
            inside,
            at_end: None,
        }
    }
}

fn pid_of(child: &Child) -> Outcome<Pid> {
    Ok(Pid::from_raw(child.id().try_into()?))
}

/// Returns the path among a call's arguments.
fn path_of(pid: Pid, name: &str, [first, second, _]: [u64; 3]) -> Option<String> {
    let address = match name {
        "open" | "stat" | "lstat" | "readlink" | "execve" | "mkdir" | "unlink" | "rmdir"
        | "umount2" | "rename" | "chdir" | "statfs" | "access" => first,
        "mount" => second,
        "fstat" => return None,
        name if name.ends_with("at")
            || name.ends_with("at2")
            || name == "statx"
            || name == "open_tree" =>
        {
            second
        }
        _ => return None,
    };
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    memory.seek(SeekFrom::Start(address)).ok()?;
    let mut bytes = [0; 128];
    let length = memory.read(&mut bytes).ok()?;
    let text = bytes[..length].split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned()).filter(|path| !path.is_empty())
}

/// Kills all traced processes after the time limit.
struct Guard {
    watched: Arc<Mutex<BTreeSet<Pid>>>,
    stop: Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Guard {
    fn new(root: Pid) -> Self {
        let watched = Arc::new(Mutex::new(BTreeSet::from([root])));
        let (stop, stopped) = channel();
        let to_kill = Arc::clone(&watched);
        let thread = std::thread::spawn(move || {
            let mut hung = false;
            let mut limit = PATIENCE;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(limit) {
                (hung, limit) = (true, Duration::from_millis(100));
                for pid in to_kill
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .iter()
                {
                    let _ = kill(*pid, Signal::SIGKILL);
                }
            }
            hung
        });
        Self {
            watched,
            stop,
            thread,
        }
    }

    fn watch(&self, pid: Pid) {
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pid);
    }

    fn forget(&self, pid: Pid) {
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pid);
    }

    /// Ends the watch. Returns whether it had to kill.
    fn ended(self) -> bool {
        drop(self.stop);
        self.thread.join().unwrap_or(true)
    }
}
