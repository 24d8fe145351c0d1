//! A namespace as JSON names it.

use nsx_core::ns::NsId;
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// A namespace, with the keys `ns`, its inode number, and `type`, its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(pub(super) NsId);

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ns) = self;
        let mut fields = serializer.serialize_struct("Identity", 2)?;
        fields.serialize_field("ns", &ns.inode)?;
        fields.serialize_field("type", ns.kind.name())?;
        fields.end()
    }
}
