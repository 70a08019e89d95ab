//! `deadtime` and `deadtime window`: the window, or the same run without one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::Result;

use super::{replay, run};
use crate::launch::{Overrides, RemoteOptions, RuntimeOptions};

/// Options of the window.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// The scenario to open with, by default what was open last, or `lesson`; or a log to look at (a path, or the name of one that
    /// the window keeps with `.mcap`)
    #[arg(value_name = "SCENARIO|RUN.mcap")]
    pub scenario: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    #[command(flatten)]
    pub remote: RemoteOptions,
    /// The seed; the scenario's own by default
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the run to this log instead of keeping it with the others; later runs of this window go to F-2.mcap, F-3.mcap...
    #[arg(long, value_name = "F.mcap")]
    pub log: Option<PathBuf>,
    /// The folder with the labs, one Markdown file each
    #[arg(long, value_name = "DIR")]
    pub labs: Option<PathBuf>,
    /// Open as for the first time, whatever was remembered
    #[arg(long)]
    pub fresh: bool,
    /// Play this script of keys and screenshots, then quit: for tests
    #[arg(long, value_name = "F", hide = true)]
    pub script: Option<PathBuf>,
    /// Where the script's screenshots go
    #[arg(long, value_name = "DIR", hide = true, default_value = ".")]
    pub shots: PathBuf,
    /// Size of the window, such as 1280x800; by default as it was
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<[u32; 2]>,
}

const DEFAULT: &str = "lesson";

fn size(text: &str) -> std::result::Result<[u32; 2], String> {
    let parsed = text.split_once('x').and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
    parsed
        .filter(|[w, h]| (320..=16384).contains(w) && (240..=16384).contains(h))
        .ok_or_else(|| format!("found size `{text}`; expected WIDTHxHEIGHT in pixels, such as 1280x800"))
}

/// Whether that is a log and no scenario.
fn is_log(what: &Path) -> bool {
    what.extension().is_some_and(|extension| extension == "mcap")
}

const HOW_TO_GET_A_WINDOW: &str = "For the window, start it in a graphical session, over `ssh -X`, or under \
    `xvfb-run`, on a machine with a Vulkan or OpenGL driver (Debian: mesa-vulkan-drivers libxcursor1 libxi6 \
    libxkbcommon-x11-0).";

/// Opens the window, or runs the same scenario without one, with the reason.
pub fn run(args: Args) -> Result<ExitCode> {
    match missing() {
        None => open(args),
        Some(reason) => {
            eprintln!("no window: {reason}");
            let scenario = args.scenario.unwrap_or_else(|| DEFAULT.into());
            if is_log(&scenario) {
                return replay::run(&replay::Args { log: scenario, timeline: None, json: false });
            }
            eprintln!("running `{}` without one. {HOW_TO_GET_A_WINDOW}\n", scenario.display());
            // Whether a busy machine's measurement is certified is not what was asked for here.
            run::run(&run::Args {
                scenario,
                overrides: args.overrides,
                remote: args.remote,
                runtime: args.runtime,
                seed: args.seed,
                unpaced: false,
                log: args.log,
                json: false,
            })
            .map(|_| ExitCode::SUCCESS)
        }
    }
}

#[cfg(not(feature = "window"))]
mod with_window {
    use miette::Result;
    use std::process::ExitCode;

    pub fn missing() -> Option<String> {
        Some("this program was built without it (--no-default-features)".into())
    }

    pub fn open(_: super::Args) -> Result<ExitCode> {
        unreachable!("there is no window in this build")
    }

    pub fn probe() -> Result<ExitCode> {
        Ok(ExitCode::FAILURE)
    }
}

#[cfg(feature = "window")]
#[path = "with_window.rs"]
mod with_window;

use with_window::open;
pub use with_window::{missing, probe};
