//! Lists the processes that are in containers, each with the container's address.

#![allow(clippy::print_stdout, reason = "an example prints what it finds")]

use nsx_target::{Host, Inventory};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::system()?;
    let mut inventory = Inventory::new(&host);
    for pid in host.proc().pids()? {
        if let Some(container) = inventory.origin(pid).container() {
            println!("{pid}\t{}", container.address());
        }
    }
    Ok(())
}

#[test]
fn the_processes_of_this_host_are_listed() -> Result<(), Box<dyn Error>> {
    main()
}
