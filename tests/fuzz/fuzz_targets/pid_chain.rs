//! The value of an `NSpid` line: what is read means what the kernel would print for it.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::pid::PidChain;
use nsx_fuzz::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if let Ok(chain) = PidChain::parse(text) {
        let printed: String = chain.ids().iter().map(|id| format!("\t{id}")).collect();
        assert_eq!(PidChain::parse(printed.as_bytes()), Ok(chain));
    }
});
