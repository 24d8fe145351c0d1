//! Running from a file that a hostile target cannot write to.
//!
//! A program inside can have the kernel run nsx once more, as a process of the target's: a program
//! that is a script of `#!/proc/self/exe` does that. From then on `/proc/PID/exe` leads to the file
//! that nsx runs from. Once nobody runs that file, a user who may write to it on the host could do
//! so from inside (CVE-2019-5736). So nsx starts over from a file that has the same contents and
//! that nobody can write to. There are two such files, and neither requires trust in the programs
//! inside:
//!
//! - **A mount of its own.** nsx clones the mount that its file is on, down to that file
//!   (`OPEN_TREE_CLONE`), makes the clone read-only, and executes the file there. The descriptor
//!   closes at that exec, and with it the clone leaves the only mount namespace it was in: nothing
//!   but running programs and open files keep it. Every way back from `/proc/PID/exe`, and from
//!   whatever was opened through it, goes through this mount, on which nothing can be opened for
//!   writing, truncated, linked, or changed in its mode, times or attributes: `EROFS`. To make the
//!   mount writable again takes `mount_setattr(2)` or a remount; to get a writable clone of the
//!   mount takes `open_tree(2)` or a bind mount. All of them answer `EINVAL` to everybody for a
//!   mount that is in no mount namespace. Only while the descriptor is open could somebody do so,
//!   and then only nsx runs, which has joined nothing yet. Nothing is copied, and no page is in
//!   memory twice. This requires CAP_SYS_ADMIN over the mount namespace that the file is in, and
//!   Linux 5.12. The mount does not take away what any descriptor of the host's file system gives:
//!   a process with CAP_DAC_READ_SEARCH on the host reads other files by their handles, as through
//!   each bind mount that an engine makes for `/etc/hosts`, and a process with CAP_SYS_ADMIN on the
//!   host may change how the whole file system is mounted. Neither was ever kept from the host.
//! - **A sealed copy in memory**, see `memfd_create(2)`, for everybody else. It costs as much as
//!   the file is long.
//!
//! The mount is the cheaper by far, so it may be made before it is known to be needed.

use crate::sys::{
    mount::set_attributes,
    process::{SingleThread, exec_file, set_name},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags},
    io::Errno,
    mount::{MountAttrFlags, OpenTreeFlags},
};
use std::{
    ffi::CString,
    os::unix::ffi::OsStringExt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// The file that this process runs from.
const OWN: &str = "/proc/self/exe";

/// The seals that leave a file as it is, themselves included.
const SEALS: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// `true` once this process was found to run from such a file.
static FOUND_SEALED: AtomicBool = AtomicBool::new(false);

/// Starts this program over from a file that no process can write to, with the same arguments. Returns
/// if it runs from one already, or on failure.
///
/// # Errors
/// The errno of `memfd_create(2)`, `fcntl(2)` or `execveat(2)`; `EINVAL` if an argument has a zero byte,
/// or if this process has several threads.
pub fn seal() -> Result<(), Errno> {
    if FOUND_SEALED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let own = rustix::fs::openat(CWD, OWN, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if is_sealed(&own)? {
        return found_sealed();
    }
    // If this fails, or the file cannot be executed there, it can be copied.
    let _ = mounted().and_then(start_over);
    start_over(copied(&own)?)
}

/// Does as [`seal`] if that needs no copy, and ignores failures. For a caller that cannot know yet
/// whether that will be needed.
pub fn seal_early() {
    // Any other user has privileges from the file, if at all, and would lose them on such a mount.
    if !FOUND_SEALED.load(Ordering::Relaxed)
        && rustix::process::geteuid().is_root()
        && let Ok(own) =
            rustix::fs::openat(CWD, OWN, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    {
        let _ = match is_sealed(&own) {
            Ok(true) => found_sealed(),
            Ok(false) => mounted().and_then(start_over),
            Err(errno) => Err(errno),
        };
    }
}

/// Notes that this process runs from a file that no process can write to.
fn found_sealed() -> Result<(), Errno> {
    FOUND_SEALED.store(true, Ordering::Relaxed);
    // The kernel has named this process after a descriptor (before 6.14).
    set_name(c"nsx")
}

/// Returns whether the file that this process runs from is one that [`seal`] starts. A failure to
/// find out must not count as no: a process that has started over would do so again, and do all
/// that it has done before.
fn is_sealed(own: &OwnedFd) -> Result<bool, Errno> {
    // A file is the root of its mount, and of all that its name could begin with, only if that
    // mount is attached nowhere.
    if rustix::fs::readlinkat(CWD, OWN, Vec::new())?.as_bytes() == b"/"
        && rustix::fs::fstatvfs(own)?
            .f_flag
            .contains(StatVfsMountFlags::RDONLY)
    {
        return Ok(true);
    }
    match rustix::fs::fcntl_get_seals(own) {
        Err(Errno::INVAL) => Ok(false), // a file system without seals
        seals => Ok(seals?.contains(SEALS)),
    }
}

/// Returns the file on a mount of its own, which is read-only. It is detached once this is closed.
fn mounted() -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let file = rustix::mount::open_tree(CWD, OWN, flags)?;
    set_attributes(
        &file,
        MountAttrFlags::MOUNT_ATTR_RDONLY,
        MountAttrFlags::empty(),
        false,
    )?;
    Ok(file)
}

/// Returns a copy in memory.
fn copied(own: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = match rustix::fs::memfd_create("nsx", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("nsx", flags)?, // before 6.3
        copy => copy?,
    };
    while rustix::fs::sendfile(&copy, own, None, 1 << 30)? > 0 {}
    seal_copy(&copy)?;
    Ok(copy)
}

/// The attempts to seal a copy: a fifth of a second, beside what the kernel waits by itself.
const ATTEMPTS: u32 = 20;

/// Seals a copy. The kernel refuses to, with `EBUSY`, while another part of it holds a page of the
/// file, such as memory reclaim, which soon lets go.
fn seal_copy(copy: &OwnedFd) -> Result<(), Errno> {
    for _ in 0..ATTEMPTS {
        match rustix::fs::fcntl_add_seals(copy, SEALS) {
            Err(Errno::BUSY) => thread::sleep(Duration::from_millis(10)),
            sealed => return sealed,
        }
    }
    rustix::fs::fcntl_add_seals(copy, SEALS)
}

/// Becomes the program in a file, with the arguments that this one has. Returns only on failure.
fn start_over(file: impl AsFd) -> Result<(), Errno> {
    let arguments: Result<Vec<_>, _> = std::env::args_os()
        .map(|word| CString::new(word.into_vec()))
        .collect();
    let arguments = arguments.map_err(|_| Errno::INVAL)?;
    Err(exec_file(SingleThread::check()?, file, &arguments))
}
