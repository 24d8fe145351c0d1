//! The label of a security module that confines a process.

use nsx_core::plan::Label;
use std::ffi::CString;

/// The content of `/proc/PID/attr/current`. Its form shows the security module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModuleLabel {
    AppArmor(String),
    SeLinux(String),
}

impl ModuleLabel {
    /// Reads a label. `docker-default (enforce)` and `unconfined` are AppArmor's,
    /// `system_u:system_r:container_t:s0` is SELinux's.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?.trim_end_matches(['\n', '\0']);
        match text.rsplit_once(" (") {
            Some((profile, mode)) if mode.ends_with(')') => {
                Some(Self::AppArmor(profile.to_owned()))
            }
            _ if text == "unconfined" => Some(Self::AppArmor(text.to_owned())),
            _ if text.split(':').count() >= 3 => Some(Self::SeLinux(text.to_owned())),
            _ => None,
        }
    }

    /// Returns the label to request; none if the target is not confined.
    pub(super) fn label(self) -> Option<Label> {
        match self {
            Self::AppArmor(profile) if profile == "unconfined" || profile.is_empty() => None,
            Self::AppArmor(profile) => CString::new(profile).ok().map(Label::AppArmor),
            Self::SeLinux(context) => CString::new(context).ok().map(Label::SeLinux),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_known_by_its_form() {
        let apparmor = |profile: &str| Some(ModuleLabel::AppArmor(profile.into()));
        assert_eq!(
            ModuleLabel::parse(b"docker-default (enforce)\n"),
            apparmor("docker-default")
        );
        assert_eq!(
            ModuleLabel::parse(b"a b (c) (complain)\n"),
            apparmor("a b (c)")
        );
        assert_eq!(ModuleLabel::parse(b"unconfined\n"), apparmor("unconfined"));
        assert_eq!(apparmor("unconfined").unwrap().label(), None);
        let context = "system_u:system_r:container_t:s0:c1,c2";
        assert_eq!(
            ModuleLabel::parse(b"system_u:system_r:container_t:s0:c1,c2\0"),
            Some(ModuleLabel::SeLinux(context.into()))
        );
        for text in [&b""[..], b"_", b"\xff"] {
            assert_eq!(ModuleLabel::parse(text), None);
        }
    }
}
