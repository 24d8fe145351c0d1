//! The cookie of a socket's network namespace.
//!
//! Sound because the call writes one integer, whose size it is told.

use super::check;
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Errno,
};

const SO_NETNS_COOKIE: libc::c_int = 71;

/// Returns a number that all sockets of one network namespace have in common, and no others until
/// the next boot (5.14). Since 6.18 it is the namespace's own, see [`super::nsfs::id64`].
pub(crate) fn network_cookie(socket: impl AsFd) -> Result<u64, Errno> {
    let mut cookie = 0_u64;
    let mut size = size_of::<u64>() as libc::socklen_t;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the call writes at most `size` bytes to the address, which has room for them.
    let answer = unsafe {
        libc::getsockopt(
            socket,
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut size,
        )
    };
    check(answer).map(|_| cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_one_namespace_have_one_cookie() {
        let [one, other] = [0; 2].map(|_| std::os::unix::net::UnixDatagram::unbound().unwrap());
        // ENOPROTOOPT before 5.14.
        assert_eq!(network_cookie(&one), network_cookie(&other));
        assert_ne!(network_cookie(&one), Ok(0));
        assert_eq!(
            network_cookie(std::fs::File::open("/proc").unwrap()),
            Err(Errno::NOTSOCK)
        );
    }
}
