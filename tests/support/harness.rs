//! From tests to trials: one as root and one as the ordinary user. What the host lacks is printed
//! and counted.

use super::{
    need::Need,
    place::Place,
    procfs,
    session::{Session, User},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rustix::process::Signal;
use std::{
    any::type_name,
    cell::Cell,
    collections::BTreeMap,
    env,
    io::{self, Write},
    os::unix::process::CommandExt,
    panic,
    process::{Command, ExitCode},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// A test: a function that panics if nsx behaves wrongly.
pub(crate) struct Test {
    name: &'static str,
    users: &'static [User],
    needs: Vec<Need>,
    alone: bool,
    body: Arc<dyn Fn(&Session) + Send + Sync>,
}

/// A test that runs twice: as root and as the ordinary user.
pub(crate) fn both<F: Fn(&Session) + Send + Sync + 'static>(body: F) -> Test {
    Test::new(&[User::Root, User::Ordinary], body)
}

/// A test for root alone.
pub(crate) fn root<F: Fn(&Session) + Send + Sync + 'static>(body: F) -> Test {
    Test::new(&[User::Root], body)
}

/// A test for the ordinary user alone.
pub(crate) fn ordinary<F: Fn(&Session) + Send + Sync + 'static>(body: F) -> Test {
    Test::new(&[User::Ordinary], body)
}

impl Test {
    /// The test's name is the function's path, so that the name is written once.
    fn new<F: Fn(&Session) + Send + Sync + 'static>(users: &'static [User], body: F) -> Self {
        let path = type_name::<F>();
        let name = path.split_once("::").map_or(path, |(_crate, name)| name);
        Self {
            name,
            users,
            needs: Vec::new(),
            alone: false,
            body: Arc::new(body),
        }
    }

    /// Adds requirements of the test.
    pub(crate) fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Runs no other test meanwhile: for a test that loads the host, or counts something on it.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Returns the reason why this host cannot run the test as `user`, if there is one.
    fn lacking(&self, user: User) -> Option<String> {
        let own = match user {
            User::Root => Need::Root,
            User::Ordinary => Need::OrdinaryUser,
        };
        std::iter::once(&own)
            .chain(&self.needs)
            .find_map(|need| need.lacking(user))
    }
}

thread_local! {
    /// The origin of this thread's last panic: the line of the test, which the panic message does
    /// not name.
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// The state that all the tests of a run share.
struct Run {
    place: Place,
    /// `NSX_TEST_REQUIRE=all`: a missing requirement is a failure.
    strict: bool,
    /// Locked for writing by a test that must be alone, and for reading by the others.
    crowd: RwLock<()>,
    /// The number of ignored tests, by reason.
    ignored: Mutex<BTreeMap<String, usize>>,
}

/// Runs `tests` as the command line says.
pub(crate) fn run(tests: impl Iterator<Item = Test>) -> ExitCode {
    heed_signals();
    let arguments = Arguments::from_args();
    let strict = env::var_os("NSX_TEST_REQUIRE").is_some_and(|value| value == "all");
    let place = Place::new();
    let run = Arc::new(Run {
        place,
        strict,
        crowd: RwLock::default(),
        ignored: Mutex::default(),
    });
    let trials = tests.map(Arc::new).flat_map(|test| {
        let run = Arc::clone(&run);
        test.users.iter().map(move |&user| {
            let (run, test) = (Arc::clone(&run), Arc::clone(&test));
            Trial::ignorable_test(test.name, move || run.one(&test, user)).with_kind(user.name())
        })
    });
    panic::set_hook(Box::new(|failure| {
        LAST_PANIC.set(
            failure
                .location()
                .map(|place| format!("{}:{}", place.file(), place.line())),
        );
    }));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    run.report();
    conclusion.exit_code()
}

/// Starts over if a signal is ignored, as a shell script does for background jobs, and nohup:
/// otherwise no tested program could be interrupted.
fn heed_signals() {
    let ignored = u64::from_str_radix(&procfs::status("self", "SigIgn"), 16).unwrap();
    if [Signal::INT, Signal::QUIT, Signal::HUP]
        .iter()
        .any(|signal| ignored & 1 << (signal.as_raw() - 1) != 0)
    {
        let mut words = env::args_os();
        let error = Command::new("env")
            .arg("--default-signal=INT,QUIT,HUP")
            .args(words.next())
            .args(words)
            .exec();
        panic!("failed to run env: {error}");
    }
}

impl Run {
    fn one(&self, test: &Test, user: User) -> Result<Completion, Failed> {
        if let Some(reason) = test.lacking(user) {
            if self.strict {
                return Err(format!("{reason}, and NSX_TEST_REQUIRE=all").into());
            }
            *self
                .ignored
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(reason.clone())
                .or_default() += 1;
            return Ok(Completion::ignored_with(reason));
        }
        // A failed test poisons the lock, which protects no data.
        let _alone = test
            .alone
            .then(|| self.crowd.write().unwrap_or_else(PoisonError::into_inner));
        let _beside =
            (!test.alone).then(|| self.crowd.read().unwrap_or_else(PoisonError::into_inner));
        let body = || {
            let session = Session::new(&self.place, user);
            (test.body)(&session);
            session.assert_nothing_left();
        };
        match panic::catch_unwind(panic::AssertUnwindSafe(body)) {
            Ok(()) => Ok(Completion::Completed),
            Err(failure) => {
                let place = LAST_PANIC.take().unwrap_or_default();
                let text = failure.downcast_ref::<String>().map(String::as_str);
                let text = text
                    .or_else(|| failure.downcast_ref::<&str>().copied())
                    .unwrap_or_default();
                Err(format!("{place}: {text}").into())
            }
        }
    }

    /// Prints a summary of the ignored tests.
    fn report(&self) {
        let ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (reason, count) in &*ignored {
            text += &format!("ignored {count}: {reason}\n");
        }
        // If standard output is closed, nobody reads this.
        let _ = io::stdout().write_all(text.as_bytes());
    }
}
