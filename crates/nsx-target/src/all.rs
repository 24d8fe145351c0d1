//! Every container, checked against the kernel.

use crate::{
    check::{Checked, Checker},
    engine::Engine,
    host::Host,
    merge::merged,
    person::Owners,
    scan,
    stores::{self, Query},
};

/// Returns every running container, checked. Sandboxes of pods are left out.
pub(crate) fn running(host: &Host, owners: Owners, engine: Option<Engine>) -> Vec<Checked> {
    let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
    let mut found = all(host, owners, engine);
    found.retain(|it| it.runs() && !is_sandbox(it));
    found
}

/// Returns every container, checked, running or not.
pub(crate) fn all(host: &Host, owners: Owners, engine: Option<Engine>) -> Vec<Checked> {
    let records = stores::look(host, owners, engine, &Query::All).records;
    let mut checker = Checker::new(host);
    let mut found: Vec<_> = records
        .into_iter()
        .map(|record| checker.check(record))
        .collect();
    let beyond = scan::beyond(host, owners, engine, &Query::All, &found);
    found.extend(beyond.into_iter().map(|record| checker.check(record)));
    merged(found)
}
