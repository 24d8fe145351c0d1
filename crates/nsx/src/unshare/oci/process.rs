//! `process`: the program, its user, directory and environment, and what it may do.

use super::{Bundle, Config, OciError, c_string, seccomp};
use crate::text::escape;
use nsx_core::plan::Confinement;
use nsx_target::oci as spec;
use std::{
    collections::BTreeSet,
    ffi::{CString, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

impl Bundle {
    /// Sets the process. `program` replaces the configuration's arguments unless it is empty.
    pub(super) fn set_process(
        &mut self,
        config: &Config,
        program: Vec<OsString>,
    ) -> Result<(), OciError> {
        let nothing = spec::Process::default();
        let process = config.process.as_ref().unwrap_or(&nothing);
        let request = &mut self.request;
        request.programs = vec![arguments(process, program)?];
        let environment = process.env.iter();
        let environment = environment.map(|variable| c_string(variable, "process.env"));
        let environment = environment.collect::<Result<Vec<_>, _>>()?;
        // As in runc, an empty HOME counts as none.
        let has_home = environment
            .iter()
            .find(|variable| variable.as_bytes().starts_with(b"HOME="))
            .is_some_and(|variable| variable.as_bytes() != b"HOME=");
        request.home_of = (!has_home).then_some(process.user.uid);
        request.environment = Some(environment);
        let directory = if process.cwd.is_empty() {
            Path::new("/")
        } else {
            Path::new(&*process.cwd)
        };
        if !directory.is_absolute() {
            return Err(OciError::RelativeDirectory(escape(process.cwd.as_bytes())));
        }
        request.directory = Some(directory.to_owned());
        request.uid = Some(process.user.uid);
        request.gid = Some(process.user.gid);
        request.supplementary_groups = process.user.additional_gids.clone();
        request.confinement = confinement(process)?;
        if let Some(rules) = &config.linux.seccomp {
            request.confinement.filter = seccomp::filter(rules, &mut self.left_out)?;
        }
        let unknown = process.unknown_capabilities();
        let unknown = unknown.map(|name| format!("process.capabilities ({name})"));
        self.left_out.extend(unknown.collect::<BTreeSet<_>>());
        Ok(())
    }
}

fn arguments(process: &spec::Process, program: Vec<OsString>) -> Result<Vec<CString>, OciError> {
    if !program.is_empty() {
        let words = program.iter().map(|word| c_string(word, "an argument"));
        return words.collect();
    }
    if process.args.is_empty() {
        return Err(OciError::Missing("process.args".to_owned()));
    }
    let words = process.args.iter();
    words.map(|word| c_string(word, "an argument")).collect()
}

/// Returns the limits of a process. `runc` refuses what the kernel would refuse.
fn confinement(process: &spec::Process) -> Result<Confinement, OciError> {
    let (bounding, state) = process.capabilities();
    if !state.permitted.contains(state.effective) {
        return Err(OciError::NotPermitted);
    }
    let limits = process.rlimits.iter().map(|rlimit| {
        rlimit
            .limit()
            .ok_or_else(|| OciError::Limit(escape(rlimit.name.as_bytes())))
    });
    Ok(Confinement {
        bounding: Some(bounding),
        capabilities: Some(state),
        no_new_privs: process.no_new_privileges,
        limits: limits.collect::<Result<_, _>>()?,
        oom_score: process.oom_score_adj,
        umask: Some(process.user.umask.unwrap_or(spec::UMASK)),
        ..Confinement::default()
    })
}
