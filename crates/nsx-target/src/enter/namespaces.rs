//! A program in namespaces that files hold, in which there may be no process.

use super::{
    Enter, EnterError, Entry, Findings, NamespaceDirectory, accounts::ProgramAccounts, guard,
    joined, view,
};
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{
        Caller, NamespaceFile,
        enter::{Directory, Groups, Program, Request},
    },
    proc::{NsLink, ProcRoot},
};

/// Returns a request for a namespace that is the target itself.
pub(super) fn of_namespace(
    mut enter: Enter,
    file: NamespaceFile,
    proc: &ProcRoot,
    caller: &Caller,
) -> Result<Entry, EnterError> {
    let mut findings = Findings::default();
    let mut files = std::mem::take(&mut enter.files);
    let (path, found) = (file.path.clone(), file.kind());
    add(&mut files, file, &mut findings);
    match enter
        .scope
        .named()
        .difference(kinds_of(&files))
        .iter()
        .next()
    {
        Some(wanted) => Err(EnterError::NotAProcess {
            path,
            found,
            wanted,
        }),
        None => request(enter, files, proc, caller, findings),
    }
}

/// Returns a request for the namespaces of a directory in which the caller is not.
pub(super) fn of_directory(
    mut enter: Enter,
    directory: NamespaceDirectory,
    proc: &ProcRoot,
    caller: &Caller,
) -> Result<Entry, EnterError> {
    let mut findings = Findings::default();
    let NamespaceDirectory { path, files: found } = directory;
    let mut files = std::mem::take(&mut enter.files);
    let named = enter.scope.named();
    if found.is_empty() && files.is_empty() && named.is_empty() {
        return Err(EnterError::EmptyDirectory(path));
    }
    for file in found {
        let id = file.ns.id();
        if named.is_empty() && proc.own_ns(NsLink::Own(id.kind)) == Ok(id) {
            findings.checked(id.to_string(), "is shared with you");
        } else {
            add(&mut files, file, &mut findings);
        }
    }
    match named.difference(kinds_of(&files)).iter().next() {
        Some(kind) => Err(EnterError::NotInDirectory {
            directory: path,
            kind,
        }),
        None if files.is_empty() => Err(EnterError::OnlyYours(path)),
        None => request(enter, files, proc, caller, findings),
    }
}

/// Adds a namespace, unless another one of its kind is to be joined.
fn add(files: &mut Vec<NamespaceFile>, file: NamespaceFile, findings: &mut Findings) {
    if files.iter().all(|other| other.kind() != file.kind()) {
        findings.checked(file.ns.id().to_string(), "is held open from now on");
        files.push(file);
    }
}

pub(super) fn kinds_of(files: &[NamespaceFile]) -> NsSet {
    files.iter().map(NamespaceFile::kind).collect()
}

fn request(
    enter: Enter,
    mut files: Vec<NamespaceFile>,
    proc: &ProcRoot,
    caller: &Caller,
    mut findings: Findings,
) -> Result<Entry, EnterError> {
    joined::add_owner(&mut files, caller, proc, &mut findings);
    let joined = kinds_of(&files);
    guard::note_privileges(joined, caller, &mut findings);
    let chosen = ProgramAccounts::new(None).chosen(&enter.run_as)?;
    let joins_user = joined.contains(NsKind::User);
    let groups = if joins_user {
        Groups::Drop { required: false }
    } else {
        Groups::Keep
    };
    let mut request = Request {
        exactly: true,
        files,
        guard: guard::guard(enter.descriptors, false),
        uid: chosen.uid,
        gid: chosen.gid,
        // The file does not tell which ids the namespace maps.
        root_if_mapped: joins_user,
        groups: chosen.groups_or(groups),
        environment: enter.environment.settle(None),
        program: Program::First(enter.programs()?),
        directory: enter.directory.clone().map(Directory::Inside),
        ..Request::default()
    };
    view::Options::new(&enter, joined).apply(&mut request, None, proc, &mut findings)?;
    Ok(Entry {
        request,
        container: None,
        findings,
    })
}
