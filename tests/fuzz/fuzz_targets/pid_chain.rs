//! The value of an `NSpid` line: what is read means what the kernel would print for it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_core::pid::PidChain;

fuzz_target!(|text: &[u8]| {
    if let Ok(chain) = PidChain::parse(text) {
        let printed: String = chain.ids().iter().map(|id| format!("\t{id}")).collect();
        assert_eq!(PidChain::parse(printed.as_bytes()), Ok(chain));
    }
});
