//! The ways out of a refusal, in words that name nsx's options.

use nsx_core::{
    capability::names,
    refusal::{Administrator, Refusal, Remedy},
};
use std::{
    borrow::Cow,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Returns a refusal as hints, one per line: the cause, and the ways out.
pub(crate) fn hints(refusal: &Refusal) -> Vec<String> {
    let cause = Some(refusal.cause.clone());
    cause.into_iter().chain(ways_out(refusal)).collect()
}

/// Returns the ways out of a refusal in one line; none if none are known.
pub(crate) fn ways_out(refusal: &Refusal) -> Option<String> {
    in_words(&refusal.remedies)
}

/// Returns the ways out in one line, with `or` before the last; none if there is no way out.
fn in_words(remedies: &[Remedy]) -> Option<String> {
    let words: Vec<_> = remedies.iter().map(phrase).collect();
    let (last, others) = words.split_last()?;
    Some(match others {
        [] => last.to_string(),
        // A comma would not separate phrases that have one themselves.
        [first] if first.contains(", ") || last.contains(", ") => format!("{first}; or {last}"),
        others => format!("{}, or {last}", others.join(", ")),
    })
}

fn phrase(remedy: &Remedy) -> Cow<'static, str> {
    match remedy {
        Remedy::BecomeRoot => "run it as root".into(),
        Remedy::RunWith(capabilities) => {
            format!("run it with {}", names(*capabilities).join(" and ")).into()
        }
        Remedy::AddToBoundingSet(capabilities) => {
            let names = names(*capabilities);
            let options: Vec<_> = names
                .iter()
                .map(|name| format!("--cap-add {}", &name[4..]))
                .collect();
            format!(
                "have it started with {} ({} in a container, CapabilityBoundingSet= in a systemd \
                unit)",
                names.join(" and "),
                options.join(" ")
            )
            .into()
        }
        Remedy::KeepInBoundingSet(_) => {
            "run it where it is: setpriv, capsh, systemd and container engines take it out".into()
        }
        Remedy::RunWithoutNoNewPrivs => "run it where that is not set: setpriv, systemd \
            (NoNewPrivileges=) and container engines set it"
            .into(),
        Remedy::RunAsCreator => "run it as the user who created them".into(),
        Remedy::RunInThatUserNamespace => {
            "run it in that user namespace or in one above, such as the host's".into()
        }
        Remedy::CreateUserNamespace => "add -r (--map-root-user)".into(),
        Remedy::JoinUserNamespace => {
            "if the target is in a user namespace of yours, add --userns to join that too".into()
        }
        Remedy::OwnUserNamespace => "leave --owner out, and the new user namespace is yours".into(),
        Remedy::RunInOwnMountNamespace => "run it from a shell in user and mount namespaces of \
            your own (nsx unshare -r --mount)"
            .into(),
        Remedy::EndNamespaces(kind) => {
            format!("end some of them, which `nsx ls -t {kind}` lists").into()
        }
        Remedy::RaiseSysctl(Administrator::Host) => "have the administrator raise it".into(),
        Remedy::RaiseSysctl(Administrator::UserNamespace) => {
            "have root of this user namespace raise it".into()
        }
        Remedy::SetSysctl(value) => format!("have the administrator set it to {value}").into(),
        Remedy::InstallAppArmorProfile => {
            "have the administrator install a profile for nsx that allows userns".into()
        }
        Remedy::ChangeSeccompProfile => {
            "start the container with a profile that allows it, or with CAP_SYS_ADMIN".into()
        }
        Remedy::UnmaskProc => {
            "in a container started by an engine, start it with /proc unmasked".into()
        }
        Remedy::MapIdRanges => "map ranges of ids, as --map-auto does".into(),
        Remedy::MapOtherIds => {
            "map others, as with --map-users 0:100000:65536 --map-groups 0:100000:65536".into()
        }
        Remedy::KeepGroups => "do without -G".into(),
        Remedy::InstallIdMapHelper => "install it, on Debian with the package uidmap, or have \
            PATH name its directory"
            .into(),
        Remedy::PrivilegeIdMapHelper { file, capability } => {
            let file = file.display();
            let capability = names(*capability).join(",").to_lowercase();
            format!(
                "as root: chmod u+s {file}, or setcap {capability}+ep {file}; or install the \
                package uidmap again"
            )
            .into()
        }
        Remedy::MoveIdMapHelper => "have PATH name one that lies elsewhere first, or have the \
            administrator mount that without nosuid"
            .into(),
        Remedy::MakeDirectory => "make it".into(),
        Remedy::NameProcDirectory => "name another with --mount-proc=DIR".into(),
        Remedy::LeaveProcOut => "go without with --no-mount-proc".into(),
        Remedy::LeaveProcAsItIs => "with kinds named, --no-fix leaves /proc as it is".into(),
        Remedy::MakeMountPoint => "make it, or mount a --tmpfs or an --overlay above it first, \
            where nsx makes what is missing"
            .into(),
        Remedy::PrivatePropagation => "leave --propagation at private".into(),
        Remedy::LeavePropagation => "add --propagation unchanged: mounts that the program makes \
            may then be seen outside"
            .into(),
        Remedy::NameLayersWithoutMounts => "name directories without mounts".into(),
        Remedy::NameWorkingDirectory => {
            "name one that the program starts in with --wd, or start from another".into()
        }
        Remedy::BindWorkingDirectory(directory) => format!(
            "start the program in another with --wd, or add --bind {}",
            directory.display()
        )
        .into(),
        Remedy::LeaveFiltersOut => {
            "leave them out, and the program is not held by them: --no-seccomp".into()
        }
        Remedy::EnterOrRemovePin(at) => format!(
            "enter that one, or remove it with `nsx rm {}`",
            with_slash(at).display()
        )
        .into(),
        Remedy::MakePinDirectory => "make it, or name a file in another".into(),
        Remedy::NamePinIn(kind, directory) => format!(
            "name a file in it, which nsx makes: --pin {kind}={}",
            directory.join("NAME").display()
        )
        .into(),
        Remedy::NamePinApart => "name a file in a directory of its own".into(),
        Remedy::FindLockHolder(directory) => {
            format!("`fuser {}` names it", directory.display()).into()
        }
        Remedy::SmallerClockOffset => {
            "name an offset nearer to 0; /proc/uptime says how long the machine runs".into()
        }
        Remedy::BinfmtForm => {
            "as in :python:E::py::/usr/bin/python3: for files that end in .py".into()
        }
    }
}

/// A path that is not taken for a name.
fn with_slash(path: &Path) -> PathBuf {
    if path.as_os_str().as_bytes().contains(&b'/') {
        path.to_owned()
    } else {
        Path::new(".").join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::CapabilitySet;

    #[test]
    fn ways_out_are_alternatives() {
        let words = |remedies: &[Remedy]| in_words(remedies).unwrap_or_default();
        assert_eq!(in_words(&[]), None);
        assert_eq!(words(&[Remedy::MakeDirectory]), "make it");
        assert_eq!(
            words(&[Remedy::CreateUserNamespace, Remedy::BecomeRoot]),
            "add -r (--map-root-user), or run it as root"
        );
        assert_eq!(
            words(&[Remedy::OwnUserNamespace, Remedy::BecomeRoot]),
            "leave --owner out, and the new user namespace is yours; or run it as root"
        );
        assert_eq!(
            words(&[Remedy::MapIdRanges, Remedy::KeepGroups, Remedy::BecomeRoot]),
            "map ranges of ids, as --map-auto does, do without -G, or run it as root"
        );
        let capabilities = CapabilitySet::SYS_PTRACE | CapabilitySet::CHOWN;
        let started = words(&[Remedy::AddToBoundingSet(capabilities)]);
        assert!(
            started.contains("CAP_CHOWN and CAP_SYS_PTRACE (--cap-add CHOWN --cap-add SYS_PTRACE"),
            "{started}"
        );
    }
}
