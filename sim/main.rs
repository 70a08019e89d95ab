//! `deadtime`: the composition root. Reads the command line and joins the crates; the work is done in them.

mod answers;
mod assets;
#[cfg(feature = "window")]
mod blame_in_window;
mod chrome_trace;
mod commands;
mod labs;
#[cfg(feature = "window")]
mod labs_in_window;
mod launch;
mod log;
#[cfg(feature = "window")]
mod phase_in_window;
mod timeline;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// See what inference latency does to a robot: a real network drives, its measured latency is injected into the
/// control loop, and every run can be replayed bit for bit.
#[derive(Parser)]
#[command(version, after_help = commands::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run one scenario and print what happened
    Run(commands::run::Args),
    /// Run all scenarios under the given paths and check their expectations
    Test(commands::test::Args),
    /// Find out whose fault a collision was, by changing what led to it and running it again
    Blame(commands::blame::Args),
    /// Re-run a recorded log and compare every tick
    Replay(commands::replay::Args),
    /// Write logs and results as one page, with the worst runs to watch
    Report(commands::report::Args),
    /// Compare pilots on the same cases, without latency and with their own
    Compare(commands::compare::Args),
    /// Experiments with a question of their own: schedules, compensation
    #[command(subcommand)]
    Study(commands::study::Study),
    /// Find out how late the commands may be at each speed, and which models and devices are fast enough
    Budget(commands::budget::Args),
    /// Draw how often it collides, by speed and latency
    Phase(commands::phase::Args),
    /// Vary anything in a scenario against anything else, over many seeds
    Sweep(commands::sweep::Args),
    /// List models: what they cost, what they are fed, what they run on
    Models(commands::models::Args),
    /// Show what graph optimisation makes of a model, and what it gains
    Fusion(commands::fusion::Args),
    /// Measure the latency distribution of a model at a loop's own cadence
    Measure(commands::measure::Args),
    /// Serve models to other machines, over the Open Inference Protocol
    Serve(commands::serve::Args),
    /// Make a trace of latencies that were recorded elsewhere
    Import(commands::import::Args),
    /// List the devices that can be modelled, and how far each model may be off
    Devices(commands::devices::Args),
    /// Show which runtimes and devices are here, what is missing and how to get it
    Doctor(commands::doctor::Args),
    /// Guided experiments: predict, run, see what comes out
    Labs(commands::labs::Args),
    /// Print the JSON Schema of scenario files, of plans of sweeps, or of labs
    Schema(commands::SchemaArgs),
    /// Drive with the expert (or a network) and write training data
    Collect(commands::collect::Args),
    /// Open the window (the same as no command at all)
    Window(commands::window::Args),
    /// Try to open a window, and say why not
    #[command(name = "__probe-window", hide = true)]
    ProbeWindow,
    /// Run a model for another process
    #[command(name = "__engine", hide = true)]
    Engine,
    /// Optimise and profile a model for another process
    #[command(name = "__dissect", hide = true)]
    Dissect,
}

fn main() -> ExitCode {
    // Before there is a second thread.
    runtime::refuse_telemetry();
    let result = match Cli::parse().command.unwrap_or_else(|| Command::Window(commands::window::Args::default())) {
        Command::Run(args) => commands::run::run(&args),
        Command::Test(args) => commands::test::run(&args),
        Command::Blame(args) => commands::blame::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Study(study) => commands::study::run(&study),
        Command::Budget(args) => commands::budget::run(&args),
        Command::Phase(args) => commands::phase::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Fusion(args) => commands::fusion::run(&args),
        Command::Measure(args) => commands::measure::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Devices(args) => commands::devices::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Labs(args) => commands::labs::run(&args),
        Command::Schema(args) => commands::schema(&args),
        Command::Collect(args) => commands::collect::run(&args),
        Command::Window(args) => commands::window::run(args),
        Command::ProbeWindow => commands::window::probe(),
        Command::Engine => Ok(runtime::engine_main()),
        Command::Dissect => Ok(runtime::dissect_main()),
    };
    result.unwrap_or_else(|report| {
        eprintln!("{report:?}");
        ExitCode::from(commands::USAGE)
    })
}
