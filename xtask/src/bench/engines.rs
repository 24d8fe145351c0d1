//! The cost of entering a container by its name: nsx compared with `docker exec` and `docker
//! inspect`.
//!
//! Docker runs on a host of its own. This program starts again there, starts the daemon and
//! measures.

use super::{Limit, Part, Work, time::Rounds};
use crate::{
    Outcome,
    host::{Host, which},
    say,
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// The number of containers on the host during a look-up.
const CONTAINERS: usize = 200;

/// The programs that Docker needs, and those for the image.
const TOOLS: [&str; 4] = ["dockerd", "docker", "busybox", "ip"];

/// Starts the daemon and a container on the host.
const START: &str = "
    dockerd --iptables=false --ip-masq=false --bridge=none </dev/null >/run/dockerd.log 2>&1 &
    for try in $(seq 150); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
    docker version >/dev/null 2>&1 || { tail -n 3 /run/dockerd.log >&2; exit 1; }
    tar -C /run/image -c . | docker import - image >/dev/null
    docker run --detach --network none --name web image sleep 1000 >/dev/null";

/// Compares, and returns the figures with limits.
pub(super) fn compare(nsx: &Path, directory: &Path) -> Outcome<Part> {
    if let Some(missing) = TOOLS.iter().find(|tool| which(tool).is_none()) {
        return Err(format!("entering containers needs {missing}, which is not there").into());
    }
    let host = Host::start("hosts")?;
    let mut inside = host.xtask()?;
    inside
        .args(["bench", "--inside-engines", "--nsx"])
        .arg(nsx)
        .arg("--directory")
        .arg(directory);
    let output = inside.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("entering containers could not be measured".into());
    }
    let (mut text, mut limits) = (String::new(), Vec::new());
    for line in String::from_utf8(output.stdout)?.lines() {
        let (name, figures) = line.split_once(": ").ok_or("no figure")?;
        let (most, unit) = match name {
            "nsx enter docker:web" => (0.06, "of the time of docker exec"),
            "nsx pidmap --from docker:web" => (0.05, "of the time of docker inspect"),
            _ => (f64::INFINITY, "of the time of docker inspect"),
        };
        let figure = figures.split(' ').next().ok_or("no figure")?.parse()?;
        text += &format!("{name}: {figures} {unit}\n");
        if most < f64::INFINITY {
            limits.push(Limit::time(name.to_owned(), figure, most, unit));
        }
    }
    Ok(Part {
        title: "Containers",
        text,
        limits,
    })
}

/// On the host: starts Docker and prints the figures.
pub(super) fn inside(nsx: &Path) -> Outcome {
    shell(START)?;
    let docker = which("docker").ok_or("docker is gone")?;
    let ratio = |ours: &[&str], theirs: &[&str]| -> Outcome<String> {
        let works = [Work::new(nsx, ours), Work::new(&docker, theirs)];
        let rounds = Rounds::run(&works)?;
        let [ours, theirs] = [0, 1].map(|which| rounds.median(which) * 1e3);
        Ok(format!(
            "{} ({ours:.1} ms to {theirs:.1} ms)",
            rounds.ratio(0, 1)
        ))
    };
    let enter = ratio(
        &["enter", "docker:web", "--", "true"],
        &["exec", "web", "true"],
    )?;
    say(&format!("nsx enter docker:web: {enter}\n"))?;
    shell(&format!(
        "seq {CONTAINERS} | xargs -P 2 -I NUMBER docker create --name c-NUMBER image sleep 1000 \
        >/dev/null"
    ))?;
    // Translating the PID of the first process is the cheapest thing to do with a container that
    // was found.
    for target in ["docker:web", "web"] {
        let found = ratio(
            &["pidmap", "--quiet", "--from", target, "1"],
            &["inspect", "web"],
        )?;
        say(&format!("nsx pidmap --from {target}: {found}\n"))?;
    }
    Ok(())
}

fn shell(script: &str) -> Outcome {
    let status = Command::new("sh")
        .args(["-ec", script])
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("Docker could not be used".into())
    }
}
