//! The kernel's own list of namespaces, `listns(2)` (6.19), and the way from an id to a namespace.
//!
//! Sound because the structures that the calls read are plain ones on the stack, and the room for
//! what is written is told.

use super::check;
use crate::ns::NsKind;
use rustix::{
    fd::{FromRawFd, OwnedFd},
    io::Errno,
};

const SYS_LISTNS: libc::c_long = 470;

/// Stands for the file system of namespaces where a descriptor is asked for (6.18).
const FD_NSFS_ROOT: libc::c_int = -10003;
/// The type of a namespace's file handle.
const FILEID_NSFS: libc::c_int = 0xf1;

/// `struct ns_id_req` in its first form.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    after: u64,
    kinds: u32,
    spare2: u32,
    owner: u64,
}

/// Writes the ids of namespaces that come after the id `after` (0: from the first) and returns the
/// number of ids; 0 at the end.
///
/// A process that is not root of the host gets the namespaces that it is in or has CAP_SYS_ADMIN
/// over. All kinds are requested, because early 6.19 read beyond its memory if a page of one kind
/// was requested. `ENOSYS` before 6.19.
pub fn list(after: u64, ids: &mut [u64]) -> Result<usize, Errno> {
    let request = Request {
        size: size_of::<Request>() as u32,
        spare: 0,
        after,
        kinds: 0,
        spare2: 0,
        owner: 0,
    };
    // SAFETY: the call reads the structure, and writes at most as many ids as there is room for.
    let answer = unsafe {
        libc::syscall(
            SYS_LISTNS,
            &raw const request,
            ids.as_mut_ptr(),
            ids.len(),
            0,
        )
    };
    match check(libc::c_int::try_from(answer).unwrap_or(-1)) {
        // Nothing comes after the last.
        Err(Errno::NOENT) => Ok(0),
        count => Ok(count?.unsigned_abs() as usize),
    }
}

/// `struct file_handle` with `struct nsfs_file_handle` in it.
#[repr(C)]
struct Handle {
    size: u32,
    kind: libc::c_int,
    id: u64,
    flag: u32,
    inode: u32,
}

/// Opens the namespace with this id, which may be all that is known of it (6.19); 6.18 also wants
/// its kind and its inode number, and else answers `ESTALE`.
pub fn open(id: u64, known: Option<(NsKind, u32)>) -> Result<OwnedFd, Errno> {
    let (flag, inode) = known.map_or((0, 0), |(kind, inode)| (kind.flag(), inode));
    let mut handle = Handle {
        size: 16,
        kind: FILEID_NSFS,
        id,
        flag,
        inode,
    };
    // SAFETY: the call reads the handle, whose size it finds in it.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            FD_NSFS_ROOT,
            &raw mut handle,
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    let fd = check(libc::c_int::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the kernel has just made the descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ns::Namespace,
        proc::{NsLink, ProcRoot},
    };

    #[test]
    fn a_list_begins_with_what_comes_after() {
        let mut ids = [0; 8];
        match list(0, &mut ids) {
            Ok(count) => {
                assert!(count > 1);
                let mut rest = [0; 8];
                let next = list(ids[0], &mut rest).unwrap();
                assert!(next > 0 && rest[0] == ids[1]);
            }
            // Before 6.19, or under a filter.
            Err(errno) => assert!([Errno::NOSYS, Errno::PERM].contains(&errno), "{errno}"),
        }
    }

    #[test]
    fn a_namespace_is_found_by_its_id() {
        let own = ProcRoot::system().unwrap();
        let own = own
            .open_ns(rustix::process::getpid(), NsLink::Own(NsKind::Uts))
            .unwrap();
        let inode = own.id().inode.try_into().unwrap();
        match own
            .id64()
            .and_then(|id| open(id, Some((NsKind::Uts, inode))))
        {
            Ok(found) => assert_eq!(Namespace::from_fd(found).unwrap().id(), own.id()),
            // Before 6.18, or for whoever may not.
            Err(errno) => assert!([Errno::NOTTY, Errno::PERM].contains(&errno), "{errno}"),
        }
    }
}
