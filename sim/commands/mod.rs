//! One file a subcommand, and the words they share.

pub mod bar;
pub mod blame;
pub mod budget;
pub mod candidates;
pub mod collect;
pub mod compare;
pub mod devices;
pub mod doctor;
pub mod fusion;
pub mod import;
pub mod labs;
pub mod measure;
pub mod models;
pub mod phase;
pub mod replay;
pub mod report;
pub mod run;
pub mod serve;
pub mod study;
pub mod sweep;
pub mod test;
pub mod window;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::{IntoDiagnostic, Result, WrapErr};

/// An expectation failed, or a replay differs.
pub const FAILED: u8 = 1;
/// Usage, or a file that is not valid.
pub const USAGE: u8 = 2;
/// It ran, but the verdict is not to be trusted.
pub const UNTRUSTED: u8 = 3;
/// Nothing was selected.
pub const NOTHING: u8 = 4;

/// A person pressed Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Whether somebody pressed Ctrl-C since [`heed_interrupts`].
pub static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C only sets [`INTERRUPT`], so that what was done so far can be kept; the second ends the program.
pub fn heed_interrupts() {
    let handler = || {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    // Where it cannot be heeded, Ctrl-C ends the program as ever.
    let _ = ctrlc::set_handler(handler);
}

/// Shown under `--help`.
pub const EXIT_CODES: &str = "\
Exit codes: 0 expectations met; 1 an expectation failed; 2 usage or an invalid file; 3 it ran, but the verdict is not to
be trusted (runtime lost, log incomplete, contaminated measurement); 4 nothing selected; 130 interrupted.";

/// Options of `schema`.
#[derive(clap::Args, Debug)]
pub struct SchemaArgs {
    /// Of which files
    #[arg(value_enum, default_value_t = Files::Scenario)]
    pub files: Files,
}

/// What people write.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum Files {
    /// Scenarios
    Scenario,
    /// Plans of sweeps
    Sweep,
    /// Labs: what stands between their lines of +++
    Lab,
}

/// `deadtime schema`.
pub fn schema(args: &SchemaArgs) -> Result<ExitCode> {
    match args.files {
        Files::Scenario => print_json(&scenario::schema()),
        Files::Sweep => print_json(&scenario::sweep_schema()),
        Files::Lab => print_json(&scenario::lab_schema()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Threads for what runs side by side: as asked, or one a core.
pub fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).clamp(1, 256)
}

/// A value as the text of a JSON file.
pub fn json_text<T: serde::Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).into_diagnostic()? + "\n")
}

/// Texts as files of a folder, which is made where it is missing.
pub fn write_files(out: &Path, files: &[(&str, String)]) -> Result<()> {
    let cannot = |what: &Path| format!("cannot write {}", what.display());
    std::fs::create_dir_all(out).into_diagnostic().wrap_err_with(|| cannot(out))?;
    for (name, text) in files {
        let path = out.join(name);
        std::fs::write(&path, text).into_diagnostic().wrap_err_with(|| cannot(&path))?;
    }
    Ok(())
}

/// One object on standard output. A closed pipe is not an error of ours.
pub fn print_json<T: serde::Serialize>(value: &T) {
    use std::io::Write;
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    let _ = writeln!(std::io::stdout(), "{text}");
}
