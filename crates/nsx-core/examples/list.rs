//! Lists the namespaces of the host and what keeps each alive: `list`.

#![allow(clippy::print_stdout)]

use nsx_core::{
    census::{Census, Query, Sources},
    ns::NsSet,
    proc::ProcRoot,
};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let sources = Sources::PINS.with(Sources::RELATIONS);
    let query = Query {
        kinds: NsSet::ALL,
        sources,
    };
    let census = Census::take(&ProcRoot::system()?, query)?;
    for entry in &census.namespaces {
        println!("{} {} {:?}", entry.ns, entry.processes, entry.holders);
    }
    Ok(())
}

#[test]
fn the_namespaces_are_listed() -> Result<(), Box<dyn Error>> {
    main()
}
