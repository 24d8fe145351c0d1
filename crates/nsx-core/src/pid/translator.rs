//! From ids as one PID namespace counts to ids as another does.
//!
//! Since 6.11 the kernel translates, one call a number and no scan. Before, all processes are
//! looked through, see `scan`, with the same answers.

use super::{
    Numbering, Pid,
    scan::{Found, scan},
};
use crate::{
    hash::HashMap,
    proc::{ProcError, ProcRoot},
    sys::nsfs,
};
use rustix::io::Errno;

/// The ids that are translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdsOf {
    /// Those of processes; that of a further thread of one is refused.
    #[default]
    Processes,
    /// Those of threads, which a process's first thread shares with it.
    Threads,
}

/// The reason why an id has no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untranslated {
    /// No process has it, or the process is not visible in the caller's PID namespace.
    #[error("no such process")]
    NoProcess,
    /// It is a thread's, of the process that has this id in the same namespace.
    #[error("this is a thread of process {0}")]
    Thread(Pid),
    /// There is such a process, but the namespace to translate to does not see it.
    #[error("not visible there")]
    NotVisible,
    /// It cannot be known: `Denied` if the kernel does not let the caller look closely enough,
    /// which it need not since 6.11.
    #[error(transparent)]
    Failed(ProcError),
}

/// Translates ids of processes from one PID namespace, `from`, to another, `to`.
///
/// Both are held open. They may be any two that can be opened: one above the other in either order,
/// or side by side, in which case every answer is [`Untranslated::NotVisible`]. Processes that the
/// caller's own PID namespace does not see cannot be translated. An answer was right at one moment;
/// a process that ended since may have left its id to another. A zombie still has its ids.
///
/// ```
/// use nsx_core::{
///     pid::{Numbering, Pid, Process, IdsOf, Translator, Untranslated},
///     proc::ProcRoot,
/// };
///
/// let proc = ProcRoot::system()?;
/// // A process of a container, pinned; here this one stands in for it.
/// let target = Process::pin(Pid::from_raw(std::process::id() as i32).unwrap())?;
/// let inside = Numbering::of(&target, &proc)?;
/// let translator = Translator::new(&proc, inside, Numbering::own(&proc)?, IdsOf::Processes);
///
/// // What its PID namespace calls 1 and 4194303, as the caller's calls them.
/// for id in [1, 4_194_303].map(|id| Pid::from_raw(id).unwrap()) {
///     match translator.translate(id) {
///         Ok(here) => println!("{id} in there is {here} here"),
///         Err(Untranslated::NoProcess) => println!("there is no {id} in there"),
///         Err(why) => println!("{id}: {why}"),
///     }
/// }
/// # let own = Pid::from_raw(std::process::id() as i32).unwrap();
/// # assert_eq!(translator.translate(own), Ok(own));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Translator<'a> {
    proc: &'a ProcRoot,
    from: Numbering,
    to: Numbering,
    tasks: IdsOf,
}

/// The kernel does not translate.
struct TooOld;

impl<'a> Translator<'a> {
    /// Returns a translator between these two. `proc` is read if the kernel does not translate, and
    /// must show the caller.
    pub fn new(proc: &'a ProcRoot, from: Numbering, to: Numbering, tasks: IdsOf) -> Self {
        Self {
            proc,
            from,
            to,
            tasks,
        }
    }

    /// Returns the namespace whose ids are translated.
    pub fn from(&self) -> &Numbering {
        &self.from
    }

    /// Returns the namespace whose ids the answers are.
    pub fn to(&self) -> &Numbering {
        &self.to
    }

    /// Translates `id` of `from` to `to`. Takes up to four system calls, or one scan without the
    /// kernel's help (6.11).
    ///
    /// # Errors
    /// [`Untranslated`].
    pub fn translate(&self, id: Pid) -> Result<Pid, Untranslated> {
        match self.ask(id) {
            Ok(answer) => answer,
            Err(TooOld) => self
                .scan(&[id])?
                .remove(&id)
                .unwrap_or(Err(Untranslated::NoProcess)),
        }
    }

    /// Like [`Translator::translate`], but for many ids, in their order: one scan at most for all
    /// of them.
    pub fn translate_all(&self, ids: &[Pid]) -> Vec<Result<Pid, Untranslated>> {
        let asked: Result<Vec<_>, TooOld> = ids.iter().map(|&id| self.ask(id)).collect();
        asked.unwrap_or_else(|TooOld| match self.scan(ids) {
            Ok(found) => ids
                .iter()
                .map(|id| {
                    found
                        .get(id)
                        .copied()
                        .unwrap_or(Err(Untranslated::NoProcess))
                })
                .collect(),
            Err(error) => vec![Err(error); ids.len()],
        })
    }

    /// Asks the kernel, by way of the caller's own id for the process.
    fn ask(&self, id: Pid) -> Result<Result<Pid, Untranslated>, TooOld> {
        // The kernel answers two calls about what may be two processes, if the first one is gone by
        // the second. Then it does not say the same again, and the newer answer is asked about.
        for _ in 0..16 {
            let callers = match nsfs::pid_from_pidns(&self.from, id) {
                Ok(callers) => callers,
                Err(errno) => return failure(errno, Untranslated::NoProcess),
            };
            let process = match nsfs::tgid_from_pidns(&self.from, id) {
                Ok(_) if self.tasks == IdsOf::Threads => callers,
                Ok(process) => process,
                Err(errno) => return failure(errno, Untranslated::NoProcess),
            };
            if process != callers {
                return match nsfs::tgid_in_pidns(&self.from, callers) {
                    Ok(process) => Ok(Err(Untranslated::Thread(process))),
                    Err(errno) => failure(errno, Untranslated::NoProcess),
                };
            }
            if self.to.is_own() {
                return Ok(Ok(callers));
            }
            let there = match nsfs::pid_in_pidns(&self.to, callers) {
                Ok(there) => Ok(Ok(there)),
                Err(errno) => failure(errno, Untranslated::NotVisible),
            };
            if nsfs::pid_from_pidns(&self.from, id) == Ok(callers) {
                return there;
            }
        }
        Ok(Err(Untranslated::NoProcess))
    }

    /// Looks through all processes.
    fn scan(&self, ids: &[Pid]) -> Result<HashMap<Pid, Result<Pid, Untranslated>>, Untranslated> {
        let found = scan(self.proc, &self.from, ids)?;
        Ok(found
            .into_iter()
            .map(|(id, found)| (id, found.and_then(|found| self.in_to(&found))))
            .collect())
    }

    fn in_to(&self, found: &Found) -> Result<Pid, Untranslated> {
        if let (IdsOf::Processes, Some(process)) = (self.tasks, found.thread_of) {
            return Err(Untranslated::Thread(process));
        }
        // Not below what the procfs shows: the processes in there are not shown.
        let level = self.to.level().ok_or(Untranslated::NotVisible)?;
        match (found.chain.ids().get(level), found.namespaces.get(level)) {
            (Some(&there), _) if self.to.is_own() => Ok(there),
            (Some(&there), Some(&Some(ns))) if ns == self.to.id() => Ok(there),
            (Some(_), Some(None)) => Err(Untranslated::Failed(ProcError::Denied)),
            _ => Err(Untranslated::NotVisible),
        }
    }
}

/// Returns the meaning of an errno, given that `ESRCH` means `absence`.
fn failure(errno: Errno, absence: Untranslated) -> Result<Result<Pid, Untranslated>, TooOld> {
    match errno {
        Errno::NOTTY | Errno::NOSYS => Err(TooOld),
        Errno::SRCH => Ok(Err(absence)),
        errno => Ok(Err(Untranslated::Failed(errno.into()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pid::Process;

    fn translator(proc: &ProcRoot, tasks: IdsOf) -> Translator<'_> {
        let caller = Process::pin(rustix::process::getpid()).unwrap();
        Translator::new(
            proc,
            Numbering::of(&caller, proc).unwrap(),
            Numbering::own(proc).unwrap(),
            tasks,
        )
    }

    /// Returns the translation, after a check that the kernel and a scan give the same.
    fn both(translator: &Translator<'_>, id: Pid) -> Result<Pid, Untranslated> {
        let scanned = translator
            .scan(&[id])
            .unwrap()
            .remove(&id)
            .unwrap_or(Err(Untranslated::NoProcess));
        assert_eq!(translator.translate(id), scanned);
        assert_eq!(translator.translate_all(&[id, id]), [scanned, scanned]);
        scanned
    }

    #[test]
    fn the_callers_own_ids_stay() {
        let proc = ProcRoot::system().unwrap();
        for tasks in [IdsOf::Processes, IdsOf::Threads] {
            let translator = translator(&proc, tasks);
            let own = rustix::process::getpid();
            assert_eq!(both(&translator, own), Ok(own));
            assert_eq!(
                both(&translator, Pid::from_raw(4_194_303).unwrap()),
                Err(Untranslated::NoProcess)
            );
        }
    }

    #[test]
    fn the_id_of_a_thread_is_translated_on_request() {
        let proc = ProcRoot::system().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (process, thread) = (rustix::process::getpid(), rustix::thread::gettid());
                assert_eq!(both(&translator(&proc, IdsOf::Threads), thread), Ok(thread));
                let refused = Err(Untranslated::Thread(process));
                assert_eq!(both(&translator(&proc, IdsOf::Processes), thread), refused);
            });
        });
    }

    #[test]
    fn a_zombie_has_its_id_until_it_is_reaped() {
        let proc = ProcRoot::system().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = Pid::from_child(&child);
        while !Process::hold(id).unwrap().ended() {
            std::thread::yield_now();
        }
        let translator = translator(&proc, IdsOf::Processes);
        assert_eq!(both(&translator, id), Ok(id));
        child.wait().unwrap();
        assert_eq!(both(&translator, id), Err(Untranslated::NoProcess));
    }
}
