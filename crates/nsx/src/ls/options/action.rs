//! From the options to an action. Options that have no meaning together are refused here, as far as
//! clap did not refuse them.

use super::{
    super::{
        action::Action,
        graph::Graph,
        namespaces::{self, Namespaces},
        pid_tree,
        processes::Processes,
        selection::{Scope, Selection, Source},
        target::Target,
        tree::Order,
        watch::Watch,
    },
    Options, Tree,
};
use crate::{
    answer::Format,
    error::Error,
    out::Output,
    query::{
        column::{self, Column, NsColumn, ProcessColumn},
        condition,
        system::Procfs,
    },
};
use nsx_core::ns::NsSet;
use std::{ffi::OsString, time::Duration};

impl Options {
    /// Returns the action that the options request, and the form of its output.
    pub(in super::super) fn action(self) -> Result<(Action, Format, Output), Error> {
        let format = Format::of(self.json, self.json_lines);
        let output = Output {
            color: self.color,
            quiet: self.quiet,
        };
        Ok((self.view(format)?, format, output))
    }

    fn view(mut self, format: Format) -> Result<Action, Error> {
        if self.columns {
            let of_processes = self.pids;
            return Ok(Action::Columns { of_processes });
        }
        if let Some(interval) = self.watch.map(Duration::from_secs_f64) {
            return self.watched(interval).map(Action::Watch);
        }
        if let Some(word) = self.target.take() {
            return Ok(self.about(word));
        }
        if self.pids {
            return Ok(Action::Processes(self.source(), self.processes()?));
        }
        match self.tree {
            Some(Tree::Pid) => return self.pid_tree(),
            Some(Tree::Process) if self.from.is_some() => return Err(not_saved()),
            _ => {}
        }
        if let Some(language) = self.graph {
            let (source, selection) = (self.source(), self.selection()?);
            return Ok(Action::Graph(
                source,
                Graph {
                    selection,
                    language,
                },
            ));
        }
        if let Some(file) = self.save.take() {
            return Ok(Action::Save(self.procfs(), file));
        }
        if let Some(before) = self.diff.take() {
            return Ok(Action::Diff {
                before,
                after: self.source(),
                details: self.verbose,
            });
        }
        if self.groups || !self.lists_namespaces() {
            return Ok(Action::Groups(self.source()));
        }
        self.namespaces(format)
    }

    /// Returns whether the options request anything that is answered namespace by namespace.
    fn lists_namespaces(&self) -> bool {
        let shapes = self.output.is_some() || self.tree.is_some() || self.json || self.json_lines;
        self.all || self.deep || self.from.is_some() || self.selects() || shapes
    }

    /// Returns whether the options select some of the namespaces.
    fn selects(&self) -> bool {
        !self.kinds.is_empty() || self.task.is_some() || self.filter.is_some()
    }

    /// The action on a process or namespace that is named.
    fn about(mut self, word: OsString) -> Action {
        if self.why {
            return Action::Why(self.source(), word);
        }
        let target = Target {
            word,
            kinds: self.kinds(),
            deep: self.deep,
        };
        Action::Target(self.source(), target)
    }

    fn namespaces(mut self, format: Format) -> Result<Action, Error> {
        let order = self.tree.and_then(Tree::of_namespaces);
        let columns = match &self.output {
            Some(list) => column::parse_list(list, NsColumn::USUAL).map_err(Error::Usage)?,
            None => namespaces::usual_columns(format),
        };
        let view = Namespaces {
            selection: self.selection()?,
            columns,
            order,
        };
        Ok(Action::Namespaces(self.source(), view))
    }

    fn processes(&mut self) -> Result<Processes, Error> {
        Ok(Processes {
            scope: self.scope(),
            filter: condition::read(self.filter.as_deref())?,
            columns: self.process_columns(ProcessColumn::USUAL)?,
        })
    }

    fn pid_tree(mut self) -> Result<Action, Error> {
        if !self.kinds.is_empty() {
            return Err(Error::usage(
                "--tree=pid has PID namespaces alone: --type cannot be given with it",
            ));
        }
        if self.deep {
            return Err(Error::usage(
                "--tree=pid is about processes: --deep, which looks for what else keeps \
                namespaces, cannot be given with it",
            ));
        }
        if self.from.is_some() {
            return Err(not_saved());
        }
        let processes = Processes {
            scope: self.scope(),
            filter: condition::read(self.filter.as_deref())?,
            columns: self.process_columns(&pid_tree::USUAL)?,
        };
        Ok(Action::PidTree(self.procfs(), processes))
    }

    fn watched(mut self, interval: Duration) -> Result<Watch, Error> {
        let target = self.target.take();
        let selection = if target.is_some() || self.selects() {
            Some(self.selection()?)
        } else {
            None
        };
        Ok(Watch {
            interval,
            target,
            selection,
        })
    }

    fn source(&mut self) -> Source {
        match self.from.take() {
            Some(file) => Source::Saved(file),
            None => Source::Live(self.procfs()),
        }
    }

    fn procfs(&mut self) -> Procfs {
        self.proc.take().map_or(Procfs::Own, Procfs::At)
    }

    fn selection(&mut self) -> Result<Selection, Error> {
        Ok(Selection {
            kinds: self.kinds().unwrap_or(NsSet::ALL),
            process: self.task.take(),
            filter: condition::read(self.filter.as_deref())?,
            deep: self.deep,
        })
    }

    /// The kinds that are named; `None` if no kind is named.
    fn kinds(&self) -> Option<NsSet> {
        (!self.kinds.is_empty()).then(|| self.kinds.iter().copied().collect())
    }

    fn scope(&mut self) -> Scope {
        match self.task.take() {
            Some(process) => Scope::Below(process),
            None if self.all => Scope::All,
            None => Scope::Nested,
        }
    }

    fn process_columns(
        &self,
        usual: &[ProcessColumn],
    ) -> Result<Option<Vec<ProcessColumn>>, Error> {
        let list = self.output.as_deref();
        list.map(|list| column::parse_list(list, usual))
            .transpose()
            .map_err(Error::Usage)
    }
}

impl Tree {
    /// The order of namespaces; `None` for a tree of processes.
    fn of_namespaces(self) -> Option<Order> {
        match self {
            Self::Owner => Some(Order::Owner),
            Self::Parent => Some(Order::Parent),
            Self::Process => Some(Order::Process),
            Self::Pid => None,
        }
    }
}

/// The refusal of a tree by processes of a census that was saved.
fn not_saved() -> Error {
    Error::usage(
        "what was saved does not say which process made which: --tree=owner and --tree=parent can \
        be had",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn action(words: &[&str]) -> Result<Action, Error> {
        let options = Options::try_parse_from([&["nsx ls"], words].concat()).unwrap();
        options.action().map(|(action, _, _)| action)
    }

    #[test]
    fn options_request_one_action() {
        use Source::{Live, Saved};
        let of = |words: &str| action(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert!(matches!(of("-q"), Action::Groups(Live(Procfs::Own))));
        assert!(matches!(of("--groups --from x"), Action::Groups(Saved(_))));
        for words in ["-a", "--json", "-t net", "--deep", "--tree", "--from x"] {
            assert!(matches!(of(words), Action::Namespaces(..)), "{words}");
        }
        assert!(matches!(
            of("1 --proc /x"),
            Action::Target(Live(Procfs::At(_)), _)
        ));
        assert!(matches!(of("1 --why --deep"), Action::Why(..)));
        assert!(matches!(
            of("--columns --pids"),
            Action::Columns { of_processes: true }
        ));
        assert!(matches!(of("--tree=pid -a"), Action::PidTree(..)));
        assert!(matches!(
            of("--graph dot --from x"),
            Action::Graph(Saved(_), _)
        ));
        assert!(matches!(of("--save x"), Action::Save(..)));
        assert!(matches!(
            of("--diff x"),
            Action::Diff { after: Live(_), .. }
        ));
        for (words, selects) in [
            ("--watch", false),
            ("--watch -t net", true),
            ("--watch 1", true),
        ] {
            let Action::Watch(watch) = of(words) else {
                panic!("{words}");
            };
            assert_eq!(watch.selection.is_some(), selects, "{words}");
        }
        for (words, scope) in [
            ("--pids", "nested"),
            ("--pids -a", "all"),
            ("--pids -a -p 1", "1"),
        ] {
            let Action::Processes(_, request) = of(words) else {
                panic!("{words}");
            };
            let found = match request.scope {
                Scope::Nested => "nested".into(),
                Scope::All => "all".into(),
                Scope::Below(word) => word,
            };
            assert_eq!(found, scope, "{words}");
        }
    }

    #[test]
    fn options_without_meaning_are_refused() {
        for words in [
            &["--tree=pid", "-t", "net"][..],
            &["--tree=pid", "--deep"],
            &["--tree=pid", "--from", "x"],
            &["--tree=process", "--from", "x"],
            &["-o", "nothing"],
            &["-Q", "NOTHING == 1"],
            &["--pids", "-Q", "NLINKS == 1"],
        ] {
            assert!(action(words).is_err(), "{words:?}");
        }
    }
}
