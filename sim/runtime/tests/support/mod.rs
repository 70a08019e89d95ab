//! What several test files share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};

use runtime::{Engine, Isolation, Options, Requested, Rung, RuntimeError};

/// A model of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// In this process, on one rung, from what is on the machine.
pub fn local(rung: Rung) -> Options {
    Options { requested: Requested::Exactly(rung), isolate: Isolation::Never, offline: true, ..Options::default() }
}

/// The example `engine`, which answers to `__engine`.
pub fn engine_program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/engine");
    assert!(program.is_file(), "{} is not built: cargo build --release -p runtime --examples", program.display());
    program
}

/// In a child process, on one rung.
pub fn isolated(rung: Rung) -> Options {
    Options { isolate: Isolation::Always, child_program: Some(engine_program()), ..local(rung) }
}

/// ONNX Runtime, fetched as the program would unless `DEADTIME_OFFLINE=1`, or `None` with a line that says so.
pub fn onnxruntime(model: &str, options: &Options) -> Option<Box<dyn Engine>> {
    match runtime::load(&data(model), &Options { offline: false, ..options.clone() }) {
        Ok(engine) => Some(engine),
        Err(RuntimeError::Missing { reason, .. }) if reason.starts_with("no libonnxruntime found") => {
            eprintln!("SKIPPED: {reason}");
            None
        }
        Err(other) => panic!("{model}: {other}"),
    }
}
