//! The environment of a program, see `environ(7)`.

use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
};

/// Variables, `NAME=VALUE` each, in the order in which a program gets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<CString>);

impl Environment {
    /// Copies the environment of this process.
    pub fn of_caller() -> Self {
        let variables = std::env::vars_os();
        Self(
            variables
                .filter_map(|(name, value)| variable(&name, &value))
                .collect(),
        )
    }

    /// Returns the value of a variable.
    pub fn value(&self, name: &OsStr) -> Option<&[u8]> {
        self.0.iter().find_map(|variable| value_of(variable, name))
    }

    /// Sets a variable. It takes the position of a variable of that name, or else the last
    /// position. Nothing is set if the name or the value has a zero byte.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let name = name.as_ref();
        let Some(new) = variable(name, value.as_ref()) else {
            return;
        };
        let known = self
            .0
            .iter_mut()
            .find(|known| value_of(known, name).is_some());
        match known {
            Some(known) => *known = new,
            None => self.0.push(new),
        }
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: &OsStr) {
        self.0.retain(|variable| value_of(variable, name).is_none());
    }

    /// Keeps the variables with these names only.
    pub fn keep(&mut self, names: &[&OsStr]) {
        self.0
            .retain(|variable| names.iter().any(|name| value_of(variable, name).is_some()));
    }

    /// Returns the variables.
    pub fn into_variables(self) -> Vec<CString> {
        self.0
    }
}

impl FromIterator<CString> for Environment {
    /// Takes variables, `NAME=VALUE` each, as they are.
    fn from_iter<I: IntoIterator<Item = CString>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

fn variable(name: &OsStr, value: &OsStr) -> Option<CString> {
    CString::new([name.as_bytes(), value.as_bytes()].join(&b'=')).ok()
}

/// Returns the value of a variable, if this is its name. A name has no `=`.
fn value_of<'a>(variable: &'a CString, name: &OsStr) -> Option<&'a [u8]> {
    let name = name.as_bytes();
    let value = variable.to_bytes().strip_prefix(name)?.strip_prefix(b"=")?;
    (!name.contains(&b'=')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_keeps_its_position_when_it_is_set_again() {
        let mut environment: Environment = [c"A=1", c"AB=2", c"C=a=b"]
            .map(CString::from)
            .into_iter()
            .collect();
        assert_eq!(environment.value("C".as_ref()), Some(&b"a=b"[..]));
        environment.set("A", "3");
        environment.set("D", "");
        environment.set("E", "a\0b");
        environment.remove("AB".as_ref());
        environment.keep(&["A", "C", "D"].map(OsStr::new));
        let left = [c"A=3", c"C=a=b", c"D="].map(CString::from);
        assert_eq!(environment.into_variables(), left);
    }
}
