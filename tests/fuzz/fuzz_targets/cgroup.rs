//! The cgroups of a process: a container's id is part of the text, whatever the cgroups are called.
#![cfg_attr(fuzzing, no_main)]

use nsx_core::cgroup::Membership;
use nsx_fuzz::fuzz_target;
use nsx_target::cgroup::CgroupFacts;

fuzz_target!(|text: &[u8]| {
    let facts = CgroupFacts::parse(text);
    let has =
        |part: &[u8]| part.is_empty() || text.windows(part.len()).any(|window| window == part);
    assert!(has(&facts.path));
    assert!(facts.unit.is_none_or(|unit| has(&unit)));
    // An escaped name is longer than the name.
    assert!(
        facts
            .container
            .is_none_or(|named| !named.id.is_empty() && (has(&named.id) || text.contains(&b'\\')))
    );
    for membership in Membership::parse_all(text) {
        assert!(
            has(&membership.controllers) && has(membership.path.as_os_str().as_encoded_bytes())
        );
    }
});
