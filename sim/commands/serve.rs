//! `deadtime serve`: this machine as the device of a robot that is simulated elsewhere.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use miette::{IntoDiagnostic, Result, miette};
use runtime::{Engine, Meter};
use target::{ServeOptions, Served};

use super::measure::power_line;
use super::{INTERRUPT, heed_interrupts};
use crate::assets;
use crate::launch::{RuntimeOptions, model_name, runtime_line, token};

/// Options of `serve`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Models, or folders that hold some; those that ship by default
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub models: Vec<PathBuf>,
    /// Where to listen; port 0 is any that is free. Other addresses than loopback need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    pub bind: SocketAddr,
    /// What clients must show (`authorization: Bearer TOKEN`); DEADTIME_TOKEN by default
    #[arg(long, value_name = "T")]
    pub token: Option<String>,
    /// Inferences at once. One is what a robot has; more answer several robots, and slow each other down
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
}

/// `deadtime serve`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let token = token(args.token.as_deref());
    let options = ServeOptions { bind: args.bind, token, parallel: usize::from(args.parallel) };
    options.check().into_diagnostic()?;
    let paths = if args.models.is_empty() { vec![assets::root().join("assets/models")] } else { args.models.clone() };
    let models: Vec<Served> = files(&paths)?.iter().filter_map(|path| load(path, args)).collect();
    if models.is_empty() {
        return Err(miette!(help = "give --models a folder of .onnx files", "there is no model that could be served"));
    }
    heed_interrupts();
    let guarded = options.token.is_some();
    let meter = Meter::begin();
    let ready = |address: SocketAddr| {
        say(format_args!("serving on grpc://{address} (health and metadata: http://{address}/v2); Ctrl-C stops it"));
        if !address.ip().is_loopback() {
            say(format_args!(
                "this address can be reached from elsewhere; clients must show the token, which travels unencrypted"
            ));
        } else if guarded {
            say(format_args!("clients must show the token"));
        }
    };
    target::serve(&options, models, ready, || INTERRUPT.load(Ordering::Relaxed)).into_diagnostic()?;
    for line in meter.end().iter().map(power_line) {
        say(format_args!("power since the start: {line}"));
    }
    say(format_args!("stopped"));
    Ok(ExitCode::SUCCESS)
}

/// A line on standard output. Whoever read the first lines and closed the pipe does not stop a server.
fn say(line: std::fmt::Arguments) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The .onnx files among these paths and directly in them.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(assets::model(&path.to_string_lossy()));
            continue;
        }
        let found = assets::onnx_files(path).map_err(|e| miette!("cannot read {}: {e}", path.display()))?;
        files.extend(found);
    }
    Ok(files)
}

/// As many engines as run at once, or a line that says why there are none.
fn load(path: &Path, args: &Args) -> Option<Served> {
    let name = model_name(&path.to_string_lossy());
    let load = |_| runtime::load(path, &args.runtime.options());
    let engines: Result<Vec<Box<dyn Engine>>, _> = (0..args.parallel).map(load).collect();
    match engines {
        Ok(engines) => {
            let info = engines.first()?.info();
            let place = if info.isolated { ", in a process of its own" } else { "" };
            say(format_args!("{name}: {}{place}", runtime_line(info)));
            Served::new(name, engines)
        }
        Err(error) => {
            say(format_args!("{name}: not served: {error}"));
            None
        }
    }
}
