//! From a request to connect a network namespace that exists to a plan.

use super::{Actor, Addition, NamespaceFile, Network, Plan, Step};

/// A request to connect a network namespace.
#[derive(Clone, Debug)]
pub struct Request {
    /// The namespaces to join, of which the last is the network namespace.
    pub joins: Vec<NamespaceFile>,
    /// The connections.
    pub network: Network,
    /// The lines about them in the record of the set, if the namespace is a set's.
    pub record: Option<Addition>,
}

/// Returns the plan of a request. It runs no program, and what it makes stays.
pub fn plan(request: Request) -> Plan {
    let mut plan = Plan::default();
    for file in request.joins {
        plan.push(Actor::Nsx, Step::JoinFile(file));
    }
    for step in request.network.steps() {
        plan.push(Actor::Outside, step);
    }
    for link in request.network.links {
        plan.push(Actor::Nsx, Step::SetUpLink(link));
    }
    if let Some(addition) = request.record {
        plan.push(Actor::Outside, Step::AddToRecord(addition));
    }
    plan
}
