//! A container's OCI configuration, `config.json`, as far as it may be believed.
//!
//! It decides as whom, where and with which rights a program runs, so it is worth what its least trusted writer is worth. What
//! only root could have written is believed. A user's word holds inside of user namespaces that the user created or is root in,
//! and nowhere else, also if the user is the caller.

use crate::{
    belief,
    claim::{Claim, Location},
    files::ReadError,
    find::Subject,
    host::Host,
};
use std::path::PathBuf;

/// A configuration that may be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The file, as the engine names it.
    pub path: PathBuf,
    /// What is in it.
    pub text: Vec<u8>,
    /// Whether it is a user's word: it says nothing about what is outside of the target's user namespace.
    pub is_users: bool,
}

/// Why a configuration is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It cannot be read, or more than one user could have written it.
    #[error("{}: {why}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        why: ReadError,
    },
    /// It is the word of a user about a process in a user namespace that is not the user's.
    #[error("{} can be written by user {user}, who does not own the user namespace", path.display())]
    Users {
        /// The file.
        path: PathBuf,
        /// The user, as it is typed.
        user: String,
    },
}

impl Subject {
    /// Reads the configuration of the container that was named; none where none was, or its engine keeps none.
    ///
    /// # Errors
    /// [`ConfigurationError`]: the program is then to be as the process is.
    pub fn configuration(&self, host: &Host) -> Option<Result<Configuration, ConfigurationError>> {
        let bundle = self.container.as_ref()?.bundle.as_ref()?;
        host.renew();
        Some(self.read(host, bundle))
    }

    fn read(&self, host: &Host, bundle: &Location) -> Result<Configuration, ConfigurationError> {
        let path = bundle.path.join("config.json");
        let content = match host.dir(bundle).and_then(|directory| directory.content("config.json")) {
            Ok(content) => content,
            Err(why) => return Err(ConfigurationError::Unread { path, why }),
        };
        let is_users = content.claim != Claim::System;
        if let Some(owner) = host.owner(content.claim)
            && (belief::check_inside(host, self.process.pid(), &owner).is_err() || self.process.ended())
        {
            return Err(ConfigurationError::Users { path, user: owner.word });
        }
        Ok(Configuration { path, text: content.bytes, is_users })
    }
}
