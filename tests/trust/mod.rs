//! Users and containers that would lead root astray.
//!
//! A record of an engine is a claim of every user who could have written it. Each test is an attack
//! that once worked, or a similar one: the user's code leaves a mark if user 0 of the host runs it.

mod astray;
mod cost;
mod honest;
mod limits;
mod lxc;
mod names;
mod squatting;
mod stores;
mod target;
mod ways;
mod world;

use crate::support::{Need, Test};

pub(crate) fn tests() -> Vec<Test> {
    let host = [
        Need::Namespaces,
        Need::Tool("busybox"),
        Need::Tool("cc"),
        Need::Tool("ip"),
        Need::Tool("newuidmap"),
        Need::Tool("setfacl"),
    ];
    let areas = [
        astray::tests(),
        ways::tests(),
        lxc::tests(),
        names::tests(),
        honest::tests(),
        squatting::tests(),
        cost::tests(),
        limits::tests(),
        target::tests(),
    ];
    areas
        .into_iter()
        .flatten()
        .map(|test| test.needs(host))
        .collect()
}
