//! Tables of nftables in the caller's network namespace, through the program `nft`.

use super::complaint::Complaint;
use crate::{plan::Table, trouble};
use nsx_net::InterfaceName;
use rustix::io::Errno;
use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

/// Makes a table. If the program refuses, it complains on standard error; `ECANCELED` here.
pub(super) fn make(table: &Table) -> Result<(), Errno> {
    let complaint = Complaint::new()?;
    let mut nft = Command::new(&table.program)
        .args(["-j", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complaint.stream()?)
        .process_group(0)
        .spawn()
        .map_err(|error| trouble::errno_of(&error))?;
    // A program that ends without reading says why by its status.
    if let Some(mut input) = nft.stdin.take() {
        let _ = input.write_all(table.commands.as_bytes());
    }
    if !nft.wait().is_ok_and(|status| status.success()) {
        complaint.print();
        return Err(Errno::CANCELED);
    }
    let Some(interface) = &table.routes_loopback else {
        return Ok(());
    };
    route_loopback(interface, true).map_err(|error| {
        remove(table);
        trouble::errno_of(&error)
    })
}

/// Lets connections from an interface reach loopback addresses of this host, or not.
fn route_loopback(interface: &InterfaceName, allow: bool) -> io::Result<()> {
    let setting = format!("/proc/sys/net/ipv4/conf/{interface}/route_localnet");
    std::fs::write(setting, if allow { "1" } else { "0" })
}

/// Removes a table. A table that is gone is not a failure.
pub(super) fn remove(table: &Table) {
    remove_table(&table.program, &table.name, table.routes_loopback.as_ref());
}

/// Removes a table of the family inet through the program `nft`. If it is the last table of nsx's
/// about `interface`, connections to loopback addresses stay on this host again.
pub fn remove_table(program: &Path, name: &str, interface: Option<&InterfaceName>) {
    let _ = quiet(program)
        .args(["delete", "table", "inet", name])
        .status();
    let Some(interface) = interface else { return };
    let is_needed = || {
        let listed = quiet(program)
            .args(["list", "tables"])
            .stdout(Stdio::piped())
            .output();
        let prefix = format!("table inet nsx/{interface}/");
        listed.is_ok_and(|listed| {
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            text.lines().any(|line| line.starts_with(&prefix))
        })
    };
    if !is_needed() {
        // The interface may be gone.
        let _ = route_loopback(interface, false);
        // Another nsx may have made a table meanwhile.
        if is_needed() {
            let _ = route_loopback(interface, true);
        }
    }
}

/// Returns the program without streams, in a process group of its own: signals of the terminal do
/// not reach it.
fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}
