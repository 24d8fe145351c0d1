//! Files that container engines keep on disk, after a letter for the format: each is read or
//! refused.
#![cfg_attr(fuzzing, no_main)]

use nsx_fuzz::fuzz_target;
use nsx_target::formats;

fuzz_target!(|input: &[u8]| {
    let Some((format, text)) = input.split_first() else {
        return;
    };
    match format {
        b'd' => drop(formats::docker_config(text)),
        b'p' => drop(formats::podman_containers(text)),
        b'r' => drop(formats::OciState::parse_runc(text)),
        b'c' => drop(formats::OciState::parse_crun(text)),
        b'b' => drop(formats::oci_bundle(text, b"k8s.io", b"id")),
        b'm' => drop(formats::machine(text)),
        b's' => drop(formats::unix_sockets(text)),
        b'o' => drop(formats::crio_state(text)),
        b'k' => drop(formats::kubelet_log(text)),
        _ => {}
    }
});
