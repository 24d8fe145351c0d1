//! Which network namespace a socket is in.
//!
//! Sound because one ioctl ignores its argument, and the other call writes one integer whose size
//! it is told.

use super::check;
use rustix::{
    fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    io::Errno,
};

const SIOCGSKNS: libc::Ioctl = 0x894c;
const SO_NETNS_COOKIE: libc::c_int = 71;

/// A descriptor of the network namespace that a socket is in (4.10). Asks for CAP_NET_ADMIN there.
pub fn network_namespace(socket: impl AsFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the ioctl ignores its argument.
    let fd = check(unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), SIOCGSKNS, 0) })?;
    // SAFETY: the kernel has just made the descriptor, close-on-exec, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A number that all sockets of one network namespace have in common, and no others until the next
/// boot (5.14). Since 6.18 it is the namespace's own, see [`super::nsfs::id64`].
pub fn network_cookie(socket: impl AsFd) -> Result<u64, Errno> {
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
