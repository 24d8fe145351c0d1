//! A program of each fuzz target: libFuzzer's, or without libFuzzer one that runs the target once
//! on each input of its corpus.

#[cfg(fuzzing)]
pub use libfuzzer_sys::fuzz_target;

use std::{
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// The program without libFuzzer: `cargo test`.
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: &[u8]| $body:expr) => {
        fn main() -> std::io::Result<()> {
            $crate::replay(module_path!(), |$input: &[u8]| $body)
        }
    };
}

/// Runs the target `name` on each input of its corpus.
///
/// # Errors
/// An error that names the input if the target panics on one, or the corpus if it is missing or
/// empty.
pub fn replay(name: &str, target: impl Fn(&[u8])) -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let failed =
        |path: &Path, cause: &str| io::Error::other(format!("{}: {cause}", path.display()));
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).map_err(|error| failed(&corpus, &error.to_string()))? {
        let path = entry?.path();
        let input = fs::read(&path)?;
        catch_unwind(AssertUnwindSafe(|| target(&input)))
            .map_err(|_| failed(&path, "the target panics"))?;
        inputs += 1;
    }
    if inputs == 0 {
        Err(failed(&corpus, "no inputs"))
    } else {
        Ok(())
    }
}
