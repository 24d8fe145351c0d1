//! The events of `--watch`: a line of JSON, or a line on the screen.

use crate::since_1970;
use nsx_core::{
    census::Entry,
    ns::{NsId, NsKind},
};
use serde::Serialize;
use std::time::Duration;

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Event {
    /// Seconds since 1970, with thousandths.
    pub(super) time: f64,
    #[serde(rename = "event")]
    pub(super) what: What,
    #[serde(flatten)]
    pub(super) subject: Subject,
    /// The number of lost events, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A namespace was created. Without events of the kernel: it was not seen before.
    Created,
    /// A namespace became visible, and the kernel sent no event that it was created.
    Appeared,
    /// A process moved into a namespace that already existed.
    Joined,
    /// A namespace is gone, or no process is in it and no file in the caller's mount namespace holds
    /// it.
    Destroyed,
    /// Events of the kernel came faster than nsx read them.
    Lost,
}

/// The namespace of an event, and a process: the one that joined, the leader of the namespace, or
/// the process that created it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Subject {
    /// The inode number; `None` if the namespace was gone before it could be read.
    pub(super) ns: Option<u64>,
    #[serde(rename = "type")]
    pub(super) kind: Option<&'static str>,
    /// The never-reused id (6.18).
    pub(super) id64: Option<u64>,
    /// The name of the owner of the namespace, as a word that other commands accept.
    pub(super) name: Option<String>,
    pub(super) pid: Option<i32>,
    pub(super) ppid: Option<i32>,
    pub(super) command: Option<String>,
    /// The process or thread that created the namespace.
    pub(super) creator: Option<i32>,
}

impl Subject {
    /// A namespace, without a process.
    pub(super) fn of(entry: &Entry) -> Self {
        let id64 = entry.relation.and_then(|relation| relation.id64);
        Self::ns(entry.ns, id64)
    }

    /// A namespace with its never-reused id, without a process.
    pub(super) fn ns(ns: NsId, id64: Option<u64>) -> Self {
        Self {
            ns: Some(ns.inode),
            id64,
            ..Self::kind(Some(ns.kind))
        }
    }

    /// A namespace of which only the kind is known, at most.
    pub(super) fn kind(kind: Option<NsKind>) -> Self {
        Self {
            kind: kind.map(NsKind::name),
            ..Self::default()
        }
    }
}

impl Event {
    /// The event at a time since 1970.
    pub(super) fn new(time: Duration, what: What, subject: Subject) -> Self {
        Self {
            time: since_1970::seconds(time),
            what,
            subject,
            count: None,
        }
    }

    /// The loss of events.
    pub(super) fn lost(count: u64) -> Self {
        Self {
            count: Some(count),
            ..Self::new(since_1970::now(), What::Lost, Subject::default())
        }
    }

    /// Returns the event as a line of text, safe to show.
    pub(super) fn in_words(&self) -> String {
        if let Some(count) = self.count {
            return format!("lost      {count} or more events of the kernel");
        }
        let what = match self.what {
            What::Created => "created",
            What::Appeared => "appeared",
            What::Joined => "joined",
            What::Destroyed => "destroyed",
            What::Lost => "lost",
        };
        let Subject {
            ns,
            kind,
            name,
            pid,
            command,
            ..
        } = &self.subject;
        let kind = kind.unwrap_or("?");
        let ns = ns.map_or_else(|| "?".to_owned(), |ns| ns.to_string());
        // The PID of a process is shown once.
        let pid = pid.map(|pid| pid.to_string());
        let name = name.clone().filter(|name| pid.as_ref() != Some(name));
        let words: String = [&name, &pid, command]
            .into_iter()
            .flatten()
            .map(|word| format!(" {}", crate::text::escape(word.as_bytes())))
            .collect();
        format!("{what:9} {kind}:[{ns}]{words}")
    }
}
