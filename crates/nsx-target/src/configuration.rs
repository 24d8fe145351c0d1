//! A container's OCI configuration, `config.json`, if it is believed.
//!
//! It decides the user, the rights and the directory of a program. A configuration that only root
//! could have written is believed. A user's configuration is believed only inside user namespaces
//! that the user created or is root in, even if the user is the caller.

use crate::{
    belief,
    claim::{Claim, Location},
    found::Subject,
    host::Host,
    unread::ReadError,
};
use std::path::PathBuf;

/// A configuration that may be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Configuration {
    /// The file, as the engine names it.
    pub path: PathBuf,
    /// Its content.
    pub text: Vec<u8>,
    /// `true` if a user could have written it. Such a configuration decides nothing outside the
    /// target's user namespace.
    pub is_users: bool,
}

/// An error that keeps a configuration from being followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The file cannot be read, or more than one user could have written it.
    #[error("{}: {why}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: ReadError,
    },
    /// A user could have written it, and the process is in a user namespace that is not the user's.
    #[error("{} can be written by user {user}, who does not own the user namespace", path.display())]
    Users {
        /// The file.
        path: PathBuf,
        /// The user's name or number.
        user: String,
    },
}

impl Subject {
    /// Reads the configuration of the container that was named, if there is one.
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
        let content = match host
            .dir(bundle)
            .and_then(|directory| directory.content("config.json"))
        {
            Ok(content) => content,
            Err(why) => return Err(ConfigurationError::Unread { path, why }),
        };
        let is_users = content.claim != Claim::System;
        if let Some(owner) = host.owner(content.claim)
            && (belief::check_inside(host, self.process.pid(), &owner).is_err()
                || self.process.ended())
        {
            return Err(ConfigurationError::Users {
                path,
                user: owner.word,
            });
        }
        Ok(Configuration {
            path,
            text: content.bytes,
            is_users,
        })
    }
}
