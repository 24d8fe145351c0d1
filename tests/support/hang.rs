//! A mount that hangs, like a mount of a dead file server: every process that touches it waits for
//! ever.
//!
//! It is a FUSE mount whose server never answers, not even the kernel's first message. The server
//! is the test program: `tests --hang DIRECTORY…` mounts, says so on standard output and sleeps.
//! When it ends, the kernel releases all waiting processes.

use rustix::{
    fd::AsRawFd,
    fs::{Mode, OFlags},
    mount::{MountFlags, mount},
};
use std::{
    env::ArgsOs,
    ffi::CString,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    process::ExitCode,
};

/// The first argument of the test program if it has to be such a server.
pub(crate) const OPTION: &str = "--hang";

/// Mounts and never answers if the arguments say so; otherwise returns at once.
pub(crate) fn become_hung(mut arguments: ArgsOs) -> Option<ExitCode> {
    arguments.next();
    if arguments.next()? != OPTION {
        return None;
    }
    let servers: Vec<_> = arguments
        .map(|directory| {
            let server =
                rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
                    .unwrap();
            // The owner of the directory serves it, to everybody.
            let owner = std::fs::metadata(&directory).unwrap().uid();
            let options = format!(
                "fd={},rootmode=40000,user_id={owner},group_id={owner},allow_other",
                server.as_raw_fd()
            );
            let options = CString::new(options).unwrap();
            mount(
                "fuse",
                &directory,
                "fuse",
                MountFlags::NOSUID | MountFlags::NODEV,
                &*options,
            )
            .unwrap();
            server
        })
        .collect();
    io::stdout().write_all(b"hung\n").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1000));
    drop(servers);
    Some(ExitCode::FAILURE)
}
