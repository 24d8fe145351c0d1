//! The container engines of the host: what runs, which records cannot be read, and the sockets that
//! are open to the caller.

use crate::{doctor::report::Finding, text};
use nsx_target::{Engine, Host, Inventory};
use rustix::fs::{Access, AtFlags, CWD};
use std::{
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

pub(super) fn findings() -> Vec<Finding> {
    let host = match Host::system() {
        Ok(host) => host,
        Err(error) => return vec![Finding::unknown("engines", text::chain(&error))],
    };
    let words = host.words();
    let mut findings: Vec<_> = Engine::ALL
        .into_iter()
        .filter(|engine| *engine != Engine::Unit)
        .filter_map(|engine| running(engine, &words))
        .collect();
    findings.extend(sockets());
    let mut inventory = Inventory::new(&host);
    findings.extend(inventory.unread().iter().map(|unread| {
        let finding = format!(
            "records of {} cannot be read, so that names may be missing: {unread}",
            unread.engine
        );
        Finding::info(unread.engine.name(), text::escape(finding.as_bytes()))
    }));
    if findings.is_empty() {
        let nothing = "no container, lab or socket of an engine is found";
        findings.push(Finding::info("engines", nothing));
    }
    findings
}

fn running(engine: Engine, words: &[String]) -> Option<Finding> {
    const MOST: usize = 4;
    let prefix = format!("{}:", engine.name());
    let own: Vec<_> = words
        .iter()
        .filter(|word| word.starts_with(&prefix))
        .map(|word| text::escape(word.as_bytes()))
        .collect();
    let shown = text::listed_up_to(&own, MOST, "more");
    let finding = format!("running and readable: {shown}");
    (!own.is_empty()).then(|| Finding::ok(engine.name(), finding))
}

/// Sockets of engines that the caller may write to: who can do that is root, or the engine's user.
fn sockets() -> impl Iterator<Item = Finding> {
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own = run.iter().flat_map(|run| {
        ["docker.sock", "podman/podman.sock"].map(|socket| (run.join(socket), "you"))
    });
    let system = SOCKETS.map(|path| (PathBuf::from(path), "root"));
    let all: Vec<_> = system.into_iter().chain(own).collect();
    all.into_iter()
        .filter(|(path, _)| is_socket(path))
        .map(|(path, user)| {
            let may = rustix::fs::accessat(CWD, &path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
            let shown = text::shown(path.as_os_str());
            let finding = match may {
                true => format!("{shown} is open to you: its engine does what you say as {user}"),
                false => format!("{shown} is closed to you"),
            };
            Finding::info("socket", finding)
        })
}

/// The sockets by which engines of the system are told what to do.
pub(in crate::doctor) const SOCKETS: [&str; 5] = [
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/lib/incus/unix.socket",
];

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}
