//! Network devices, as far as nsx sets them up itself.
//!
//! Sound because the structure that the ioctls read and write is a plain C one on the stack, of the
//! size they know.

use super::check;
use rustix::{
    fd::AsRawFd,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType},
};

/// Sets the loopback device of this process's network namespace up, see `netdevice(7)`. The kernel
/// gives it its addresses.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: a structure of integers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (letter, byte) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *letter = *byte as libc::c_char;
    }
    // SAFETY: the ioctl reads the name and writes the flags.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) })?;
    // SAFETY: the call before has written this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    // SAFETY: the ioctl reads the name and the flags.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })?;
    Ok(())
}
