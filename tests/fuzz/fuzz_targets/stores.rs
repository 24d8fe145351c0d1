//! What container engines keep on disk: each format is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nsx_target::formats;

fuzz_target!(|input: (u8, &[u8])| {
    let (format, text) = input;
    match format % 9 {
        0 => drop(formats::docker_config(text)),
        1 => drop(formats::podman_containers(text)),
        2 => drop(formats::OciState::parse_runc(text)),
        3 => drop(formats::OciState::parse_crun(text)),
        4 => drop(formats::oci_bundle(text, b"k8s.io", b"id")),
        5 => drop(formats::machine(text)),
        6 => drop(formats::unix_sockets(text)),
        7 => drop(formats::crio_state(text)),
        _ => drop(formats::kubelet_log(text)),
    }
});
