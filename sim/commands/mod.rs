//! One file a subcommand, and the words they share.

pub mod blame;
pub mod collect;
pub mod compare;
pub mod doctor;
pub mod fusion;
pub mod measure;
pub mod models;
pub mod replay;
pub mod run;
pub mod test;
pub mod window;

use std::process::ExitCode;

/// An expectation failed, or a replay differs.
pub const FAILED: u8 = 1;
/// Usage, or a file that is not valid.
pub const USAGE: u8 = 2;
/// It ran, but the verdict is not to be trusted.
pub const UNTRUSTED: u8 = 3;
/// Nothing was selected.
pub const NOTHING: u8 = 4;

/// Shown under `--help`.
pub const EXIT_CODES: &str = "\
Exit codes: 0 expectations met; 1 an expectation failed; 2 usage or an invalid file; 3 it ran, but the verdict is not to
be trusted (runtime lost, log incomplete, contaminated measurement); 4 nothing selected; 130 interrupted.";

/// `deadtime schema`.
pub fn schema() -> miette::Result<ExitCode> {
    print_json(&scenario::schema());
    Ok(ExitCode::SUCCESS)
}

/// One object on standard output. A closed pipe is not an error of ours.
pub fn print_json<T: serde::Serialize>(value: &T) {
    use std::io::Write;
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    let _ = writeln!(std::io::stdout(), "{text}");
}
