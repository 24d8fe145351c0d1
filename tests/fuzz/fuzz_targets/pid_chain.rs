//! The value of an `NSpid` line: a value that is read prints as the kernel prints it.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::pid::PidChain;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(chain) = PidChain::parse(text) {
        let printed: String = chain.ids().iter().map(|id| format!("\t{id}")).collect();
        assert_eq!(PidChain::parse(printed.as_bytes()), Ok(chain));
    }
});
