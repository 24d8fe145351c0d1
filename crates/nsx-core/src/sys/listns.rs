//! The kernel's own list of namespaces, `listns(2)` (6.19).
//!
//! Sound because the structure that the call reads is a plain one on the stack, and the kernel is
//! told how many ids there is room for.

use super::check;
use rustix::io::Errno;

const SYS_LISTNS: libc::c_long = 470;

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
pub(crate) fn list(after: u64, ids: &mut [u64]) -> Result<usize, Errno> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
