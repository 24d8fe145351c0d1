//! Events of the kernel about namespaces, from tracefs, see `Documentation/trace/events.rst`.
//!
//! [`NsEvents`] has every namespace that a process creates, and every join of an existing one, also
//! if the process ends at once. The events have the kinds of the namespaces, but not their ids: the
//! caller reads those from `/proc` while the process lasts.

mod events;
mod format;
mod instance;
mod page;

pub use events::{Act, NsEvent, NsEvents};
