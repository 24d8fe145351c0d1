//! Serialization of a census, with the feature `serde`.

use crate::{
    ns::{NsId, NsKind},
    pid::Pid,
};
use serde::{Serialize, Serializer};

/// As its name: `net:[4026531833]`.
impl Serialize for NsId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As its word: `net`.
impl Serialize for NsKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(crate) fn pid<S: Serializer>(pid: &Pid, serializer: S) -> Result<S::Ok, S::Error> {
    pid.as_raw_nonzero().serialize(serializer)
}

pub(crate) fn optional_pid<S: Serializer>(
    pid: &Option<Pid>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    pid.map(Pid::as_raw_nonzero).serialize(serializer)
}

pub(crate) fn pids<S: Serializer>(pids: &[Pid], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pids.iter().map(|pid| pid.as_raw_nonzero()))
}

/// As text, in which bytes that are not UTF-8 are replaced.
pub(crate) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use crate::{
        census::{Census, Query, Sources},
        ns::NsSet,
        proc::ProcRoot,
    };

    #[test]
    fn a_census_is_serialized_with_names_and_numbers() {
        let query = Query {
            kinds: NsSet::ALL,
            sources: Sources::PINS
                .with(Sources::MEMBERS)
                .with(Sources::RELATIONS),
        };
        let proc = ProcRoot::system().unwrap();
        let census = Census::take(&proc, query).unwrap();
        let json = serde_json::to_value(&census).unwrap();
        let first = &json["namespaces"][0];
        assert_eq!(first["ns"], census.namespaces[0].ns.to_string());
        let lowest = census.namespaces[0]
            .lowest
            .map(|pid| pid.as_raw_nonzero().get());
        assert_eq!(first["lowest"].as_i64(), lowest.map(i64::from));
        assert!(json["members"][0]["pid"].is_u64());
    }
}
