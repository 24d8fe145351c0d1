//! [`NsEvents`]: namespaces that are created and joined.
//!
//! `clone(2)` and `clone3(2)` are known by `task_newtask`, which the kernel sends only if the call
//! succeeds, with the flags of the call. `unshare(2)` and `setns(2)` are known by the start of the
//! call, which has the flags, and its end, which has the result.

use super::{format::Format, instance::Instance, page::Page};
use crate::{
    hash::HashMap,
    ns::{NsKind, NsSet},
    pid::Pid,
    proc::{NsLink, ProcRoot},
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::OFlags,
    io::Errno,
};
use std::ops::Range;

/// The act by which a task got into other namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `clone(2)`: the task was created in new namespaces.
    Cloned {
        /// The task that called it.
        parent: Pid,
        /// The name of the task at that time, as in `/proc/PID/comm`.
        command: Vec<u8>,
    },
    /// `unshare(2)`: the task created namespaces. In a new PID or time namespace, only its next
    /// children are.
    Unshared,
    /// `setns(2)`: the task joined existing namespaces. The kinds are none if the call left them to
    /// the descriptor.
    Joined,
}

/// A task that got into other namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NsEvent {
    /// The time, in nanoseconds since the boot: `CLOCK_BOOTTIME`.
    pub time: u64,
    /// The task, a process or a thread, by its id in the initial PID namespace.
    pub task: Pid,
    /// The act.
    pub act: Act,
    /// The kinds of the namespaces.
    pub kinds: NsSet,
}

/// The source of the events.
///
/// 32-bit programs of a 64-bit kernel are heard of only if they use `clone(2)`: the kernel leaves
/// other system calls of them out.
#[derive(Debug)]
pub struct NsEvents {
    buffers: Vec<OwnedFd>,
    /// Removed after the buffers are closed.
    _instance: Instance,
    layout: Layout,
    page: Vec<u8>,
    unfinished: Unfinished,
    lost: u64,
}

impl NsEvents {
    /// Requests the events, from now on.
    ///
    /// # Errors
    /// `EPERM` and `EACCES` without CAP_SYS_ADMIN or under kernel lockdown; `ENODEV` and `ENOENT`
    /// if the kernel lacks tracefs or the events (`CONFIG_FTRACE_SYSCALLS`); `EOPNOTSUPP` if the
    /// procfs or the caller is not of the initial PID namespace, whose ids the events have.
    pub fn listen(proc: &ProcRoot) -> Result<Self, Errno> {
        let is_initial = proc
            .own_ns(NsLink::Own(NsKind::Pid))
            .is_ok_and(crate::ns::NsId::is_initial);
        if !is_initial || !proc.is_callers() {
            return Err(Errno::OPNOTSUPP);
        }
        let instance = Instance::new(proc)?;
        let layout = Layout::read(&instance)?;
        instance.write("trace_clock", "boot")?;
        // A reader is woken by the first event, and not when a buffer is half full (5.0).
        instance.write("buffer_percent", "0")?;
        let mut buffers = Vec::new();
        for processor in instance.list("per_cpu")? {
            if processor.starts_with("cpu") {
                let file = format!("per_cpu/{processor}/trace_pipe_raw");
                buffers.push(instance.open(file, OFlags::RDONLY | OFlags::NONBLOCK)?);
            }
        }
        let (own, flags) = (rustix::process::getpid(), NsSet::ALL.flags());
        instance.write(
            "events/task/task_newtask/filter",
            &format!("clone_flags & {flags:#x}"),
        )?;
        for event in [UNSHARE_START, UNSHARE_END, SETNS_START, SETNS_END] {
            instance.write(
                format!("events/{event}/filter"),
                &format!("common_pid != {own}"),
            )?;
        }
        // A start without its end would look as if the call went on.
        for event in [UNSHARE_END, SETNS_END, UNSHARE_START, SETNS_START, NEW_TASK] {
            instance.write(format!("events/{event}/enable"), "1")?;
        }
        Ok(Self {
            buffers,
            _instance: instance,
            layout,
            page: vec![0; rustix::param::page_size()],
            unfinished: Unfinished::default(),
            lost: 0,
        })
    }

    /// Returns the descriptors to poll: one is readable if events have arrived.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.buffers.iter().map(AsFd::as_fd)
    }

    /// Reads the events that have arrived, in the order of their times, without waiting.
    ///
    /// # Errors
    /// Any errno of `read(2)`.
    pub fn read(&mut self) -> Result<Vec<NsEvent>, Errno> {
        let (mut signs, mut lost_before) = (Vec::new(), 0);
        for buffer in &self.buffers {
            loop {
                match rustix::io::read(buffer, &mut self.page) {
                    Ok(0) | Err(Errno::AGAIN) => break,
                    Ok(_) => {}
                    Err(Errno::INTR) => continue,
                    Err(errno) => return Err(errno),
                }
                let Some(page) = Page::parse(&self.page) else {
                    break;
                };
                if page.lost > 0 {
                    self.lost += page.lost;
                    lost_before = lost_before.max(page.time);
                }
                signs.extend(
                    page.events()
                        .filter_map(|(time, data)| self.layout.sign(time, data)),
                );
            }
        }
        Ok(self.unfinished.events(signs, lost_before))
    }

    /// Returns the number of events that were lost since the last call, because they arrived faster
    /// than they were read.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Returns whether a task was in the middle of `unshare(2)` or `setns(2)` when the events were
    /// read.
    pub fn is_in_call(&self, task: Pid) -> bool {
        self.unfinished.starts.contains_key(&task)
    }
}

const NEW_TASK: &str = "task/task_newtask";
const UNSHARE_START: &str = "syscalls/sys_enter_unshare";
const UNSHARE_END: &str = "syscalls/sys_exit_unshare";
const SETNS_START: &str = "syscalls/sys_enter_setns";
const SETNS_END: &str = "syscalls/sys_exit_setns";

/// The formats of the events.
#[derive(Debug)]
struct Layout {
    new_task: u16,
    /// The fields of a new task: its id, name and flags.
    new_task_fields: [Range<usize>; 3],
    /// The starts of calls, with their fields for the flags.
    starts: [(u16, Range<usize>, Act); 2],
    /// The ends of calls, with their fields for the result.
    ends: [(u16, Range<usize>); 2],
}

/// A sign of an event, as the kernel sends it.
#[derive(Clone, Debug)]
struct Sign {
    time: u64,
    task: Pid,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// The task called `clone(2)`.
    Cloned(NsEvent),
    Started(Act, NsSet),
    Ended {
        succeeded: bool,
    },
}

impl Layout {
    fn read(instance: &Instance) -> Result<Self, Errno> {
        let format = |event| {
            let text = instance.read(format!("events/{event}/format"))?;
            Format::parse(&text).ok_or(Errno::BADMSG)
        };
        let with_field = |event, name| {
            let format = format(event)?;
            Ok::<_, Errno>((format.id, format.field(name).ok_or(Errno::BADMSG)?))
        };
        let new_task = format(NEW_TASK)?;
        let field = |name| new_task.field(name).ok_or(Errno::BADMSG);
        let (unshare, unshare_flags) = with_field(UNSHARE_START, "unshare_flags")?;
        let (setns, setns_flags) = with_field(SETNS_START, "flags")?;
        Ok(Self {
            new_task: new_task.id,
            new_task_fields: [field("pid")?, field("comm")?, field("clone_flags")?],
            starts: [
                (unshare, unshare_flags, Act::Unshared),
                (setns, setns_flags, Act::Joined),
            ],
            ends: [
                with_field(UNSHARE_END, "ret")?,
                with_field(SETNS_END, "ret")?,
            ],
        })
    }

    fn sign(&self, time: u64, data: &[u8]) -> Option<Sign> {
        // Every event has its number, two other fields, and the task that caused it.
        let id = u16::from_ne_bytes(*data.first_chunk()?);
        let task = pid(data.get(4..8)?)?;
        if id == self.new_task {
            let [child, command, flags] = &self.new_task_fields;
            let command = data.get(command.clone())?;
            let command = command.split(|byte| *byte == 0).next()?.to_vec();
            let event = NsEvent {
                time,
                task: pid(data.get(child.clone())?)?,
                act: Act::Cloned {
                    parent: task,
                    command,
                },
                kinds: kinds(number(data.get(flags.clone())?)?),
            };
            let what = What::Cloned(event);
            return Some(Sign { time, task, what });
        }
        let start = self.starts.iter().find(|(start, ..)| *start == id);
        let what = if let Some((_, flags, act)) = start {
            What::Started(act.clone(), kinds(number(data.get(flags.clone())?)?))
        } else {
            let (_, result) = self.ends.iter().find(|(end, _)| *end == id)?;
            let succeeded = number(data.get(result.clone())?)? == 0;
            What::Ended { succeeded }
        };
        Some(Sign { time, task, what })
    }
}

/// The calls whose end has not been read.
#[derive(Debug, Default)]
struct Unfinished {
    starts: HashMap<Pid, (Act, NsSet)>,
    /// The ends whose start has not been read: a task may have moved to another processor in
    /// between, whose buffer was read earlier.
    ends: Vec<Sign>,
}

impl Unfinished {
    /// Returns the events of signs. Calls that started before signs were lost are left out, because
    /// their ends may be those of other calls.
    fn events(&mut self, signs: Vec<Sign>, lost_before: u64) -> Vec<NsEvent> {
        let held = std::mem::take(&mut self.ends);
        let newest_held = held.iter().map(|end| end.time).max().unwrap_or_default();
        let mut signs = [held, signs].concat();
        signs.sort_by_key(|sign| sign.time);
        if lost_before > 0 {
            self.starts.clear();
        }
        let mut events = Vec::new();
        for sign in signs {
            match sign.what {
                What::Cloned(event) => events.push(event),
                What::Started(act, kinds) => {
                    if sign.time >= lost_before {
                        self.starts.insert(sign.task, (act, kinds));
                    }
                }
                What::Ended { succeeded } => match self.starts.remove(&sign.task) {
                    Some((act, kinds))
                        if succeeded && (act == Act::Joined || !kinds.is_empty()) =>
                    {
                        events.push(NsEvent {
                            time: sign.time,
                            task: sign.task,
                            act,
                            kinds,
                        });
                    }
                    Some(_) => {}
                    None if sign.time > newest_held.max(lost_before) => self.ends.push(sign),
                    None => {}
                },
            }
        }
        events
    }
}

/// Returns the kinds in the flags of a call.
fn kinds(flags: u64) -> NsSet {
    NsKind::ALL
        .into_iter()
        .filter(|kind| flags & u64::from(kind.flag()) != 0)
        .collect()
}

fn pid(bytes: &[u8]) -> Option<Pid> {
    Pid::from_raw(i32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Reads a number of four or eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes.len() {
        4 => Some(u32::from_ne_bytes(bytes.try_into().ok()?).into()),
        _ => Some(u64::from_ne_bytes(bytes.try_into().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: i32) -> Pid {
        Pid::from_raw(id).unwrap()
    }

    fn start(time: u64, id: i32, flags: u64) -> Sign {
        let what = What::Started(Act::Unshared, kinds(flags));
        let task = task(id);
        Sign { time, task, what }
    }

    fn end(time: u64, id: i32, succeeded: bool) -> Sign {
        let what = What::Ended { succeeded };
        let task = task(id);
        Sign { time, task, what }
    }

    /// Returns the times and tasks of the events of signs.
    fn events(unfinished: &mut Unfinished, signs: &[Sign], lost_before: u64) -> Vec<(u64, i32)> {
        let events = unfinished.events(signs.to_vec(), lost_before);
        assert!(
            events
                .iter()
                .all(|event| event.kinds == NsSet::EMPTY.with(NsKind::Uts))
        );
        events
            .iter()
            .map(|event| (event.time, event.task.as_raw_pid()))
            .collect()
    }

    const UTS: u64 = NsKind::Uts.flag() as u64;

    #[test]
    fn calls_that_fail_or_create_nothing_are_left_out() {
        let mut unfinished = Unfinished::default();
        let signs = [
            start(1, 7, UTS),
            end(2, 7, false),
            start(3, 7, 0x200),
            end(4, 7, true),
            // Unsorted, as two processors write them.
            end(9, 8, true),
            start(5, 8, UTS),
        ];
        assert_eq!(events(&mut unfinished, &signs, 0), [(9, 8)]);
        assert!(unfinished.starts.is_empty() && unfinished.ends.is_empty());
    }

    #[test]
    fn a_call_is_put_together_from_two_reads() {
        let mut unfinished = Unfinished::default();
        assert_eq!(
            events(&mut unfinished, &[start(1, 7, UTS), end(4, 8, true)], 0),
            []
        );
        assert!(unfinished.starts.contains_key(&task(7)));
        let signs = [start(3, 8, UTS), end(5, 7, true)];
        assert_eq!(events(&mut unfinished, &signs, 0), [(4, 8), (5, 7)]);
        // The start of this call was before the first read.
        assert_eq!(events(&mut unfinished, &[end(6, 9, true)], 0), []);
        assert_eq!(events(&mut unfinished, &[start(7, 9, UTS)], 0), []);
        assert!(unfinished.ends.is_empty());
    }

    #[test]
    fn no_call_is_put_together_across_a_loss() {
        let mut unfinished = Unfinished::default();
        assert_eq!(
            events(&mut unfinished, &[start(1, 7, UTS), start(2, 8, UTS)], 0),
            []
        );
        let signs = [
            start(3, 9, UTS),
            end(12, 7, true),
            end(13, 9, true),
            start(11, 8, UTS),
            end(14, 8, true),
        ];
        assert_eq!(events(&mut unfinished, &signs, 10), [(14, 8)]);
    }
}
