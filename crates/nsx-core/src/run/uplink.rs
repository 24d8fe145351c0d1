//! Programs that connect a new network namespace without privilege: pasta and slirp4netns.
//!
//! Such a program becomes a child of the process that started it, or of that process's guard: both
//! are subreapers, see `PR_SET_CHILD_SUBREAPER(2const)`. So it can be found and ended, even if the
//! process that started it was killed.

use super::complaint::Complaint;
use crate::{
    ns::Namespace,
    pid::{Pid, Process},
    plan::{Protocol, Publish, Uplink, UplinkKind},
    proc::ProcRoot,
    trouble,
};
use rustix::{
    fd::AsFd,
    fs::{Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read, Write},
    net::IpAddr,
    os::unix::{net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Lets this process become the parent of programs that its children leave behind.
pub(super) fn adopt() {
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Returns the directory of the socket for requests, if there is one.
pub(super) fn directory(uplink: &Uplink) -> Option<&Path> {
    uplink.socket.as_deref()?.parent()
}

/// Makes that directory, for the caller alone.
pub(super) fn make_directory(uplink: &Uplink) -> Result<(), Errno> {
    directory(uplink).map_or(Ok(()), |directory| rustix::fs::mkdir(directory, Mode::RWXU))
}

/// Removes that directory.
pub(super) fn remove_directory(uplink: &Uplink) -> Result<(), Errno> {
    uplink.socket.as_deref().map_or(Ok(()), remove_socket)
}

/// Removes a socket for requests to slirp4netns, and its directory. A socket that is gone is not a
/// failure.
///
/// # Errors
/// The errno of `rmdir(2)`.
pub fn remove_socket(socket: &Path) -> Result<(), Errno> {
    let _ = rustix::fs::unlink(socket);
    socket.parent().map_or(Ok(()), rustix::fs::rmdir)
}

/// Starts the program for the network namespace `inside` of the process `nsx`, and returns when the
/// network works. If the program refuses, it complains on standard error; `ECANCELED` here.
pub(super) fn start(uplink: &Uplink, nsx: Pid, inside: &Namespace) -> Result<(), Errno> {
    adopt();
    let complaint = Complaint::new()?;
    let started = match uplink.kind {
        UplinkKind::Pasta => start_pasta(uplink, nsx, inside, &complaint),
        UplinkKind::Slirp4netns => start_slirp4netns(uplink, nsx, &complaint),
    };
    match started {
        Ok(true) => Ok(()),
        Ok(false) => {
            complaint.print();
            Err(Errno::CANCELED)
        }
        Err(error) => Err(trouble::errno_of(&error)),
    }
}

fn start_pasta(
    uplink: &Uplink,
    nsx: Pid,
    inside: &Namespace,
    complaint: &Complaint,
) -> io::Result<bool> {
    let mut pasta = Command::new(&uplink.program);
    pasta
        .args([
            "--config-net",
            "--quiet",
            "--tcp-ns",
            "none",
            "--udp-ns",
            "none",
        ])
        .args(["--ns-ifname", uplink.name.as_str()])
        .args(["--dns-forward", &uplink.resolver.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaint.stream()?)
        .process_group(0);
    if let Some(mtu) = uplink.mtu {
        pasta.args(["--mtu", &mtu.to_string()]);
    }
    for (protocol, option) in [
        (Protocol::Tcp, "--tcp-ports"),
        (Protocol::Udp, "--udp-ports"),
    ] {
        let of = |publish: &&Publish| publish.protocol == protocol;
        let mut ports: Vec<_> = uplink.published.iter().filter(of).map(pasta_port).collect();
        if ports.is_empty() {
            ports.push("none".to_owned());
        }
        for port in ports {
            pasta.args([option, &port]);
        }
    }
    // It would become nobody, who cannot join the namespaces.
    if rustix::process::geteuid().is_root() {
        pasta.args(["--runas", "0:0"]);
    }
    if uplink.joins_user {
        pasta.arg(nsx.to_string());
    } else {
        let inside = inside.as_fd().try_clone_to_owned()?;
        pasta
            .stdin(Stdio::from(inside))
            .args(["--netns-only", "--netns", "/proc/self/fd/0"]);
    }
    // It goes on in the background once the network works.
    Ok(pasta.status()?.success())
}

/// A port as pasta's options name it.
fn pasta_port(publish: &Publish) -> String {
    let address = publish.address.map(|address| format!("{address}/"));
    let address = address.unwrap_or_default();
    format!("{address}{}:{}", publish.outside, publish.inside)
}

fn start_slirp4netns(uplink: &Uplink, nsx: Pid, complaint: &Complaint) -> io::Result<bool> {
    let mut slirp = Command::new(&uplink.program);
    slirp
        .args(["--configure", "--ready-fd=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(complaint.stream()?)
        .process_group(0);
    if let Some(mtu) = uplink.mtu {
        slirp.arg(format!("--mtu={mtu}"));
    }
    if let Some(socket) = &uplink.socket {
        slirp.arg("--api-socket").arg(socket);
    }
    slirp.arg(nsx.to_string()).arg(uplink.name.as_str());
    let mut child = slirp.spawn()?;
    let mut ready = [0];
    let said = child
        .stdout
        .take()
        .map_or(Ok(0), |mut stream| stream.read(&mut ready))?;
    if said == 0 {
        return Ok(false);
    }
    match &uplink.socket {
        Some(socket) => uplink
            .published
            .iter()
            .try_fold(true, |good, publish| Ok(good && forward(socket, publish)?)),
        None => Ok(true),
    }
}

/// Requests a port from slirp4netns, and prints its complaint if there is one.
fn forward(socket: &Path, publish: &Publish) -> io::Result<bool> {
    let address = match publish.address {
        Some(IpAddr::V4(address)) => address.to_string(),
        _ => "0.0.0.0".to_owned(),
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        r#"{{"execute":"add_hostfwd","arguments":{{"proto":"{}","host_addr":"{address}","host_port":{},"guest_port":{}}}}}"#,
        publish.protocol.word(),
        publish.outside,
        publish.inside
    );
    stream.write_all(request.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.contains("\"return\"") {
        return Ok(true);
    }
    let line = format!("slirp4netns: {}\n", answer.trim());
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
    Ok(false)
}

/// Returns the children of this process.
pub(super) fn children(proc: &ProcRoot) -> Vec<Pid> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(proc, "thread-self/children", flags, Mode::empty());
    let mut text = String::new();
    if let Ok(file) = file {
        let _ = File::from(file).read_to_string(&mut text);
    }
    let words = text.split_ascii_whitespace();
    words
        .filter_map(|word| Pid::from_raw(word.parse().ok()?))
        .collect()
}

/// Ends the children of this process.
pub(super) fn end_children(proc: Option<&ProcRoot>) {
    for child in proc.map(children).unwrap_or_default() {
        let _ = Process::hold(child).map(|child| child.kill());
        let _ = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
    }
}
