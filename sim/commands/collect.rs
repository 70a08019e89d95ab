//! `deadtime collect`: drives scenarios in lockstep, writes what a network learns from, and counts how often a pilot
//! reaches the goal. There is no delay line here: an inference takes no simulated time, or a constant.

#[path = "collect/drive.rs"]
mod drive;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::iter::from_fn;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use pilot::Contract;
use runtime::{Isolation, Options, ROWS, Rows, block_on, in_lanes};
use scenario::{Scenario, Setup};

use drive::{Drive, End, Row};

/// Options of `collect`.
#[derive(clap::Args, Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Args {
    /// Scenario files
    #[arg(required = true)]
    pub scenarios: Vec<PathBuf>,
    /// Seeds, from A up to but not including B
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..100")]
    pub seeds: std::ops::Range<u64>,
    /// Folder for the samples; without it, only count outcomes
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// This network drives, and the expert says what it would have done; without it, the expert drives
    #[arg(long, value_name = "M.onnx")]
    pub model: Option<PathBuf>,
    /// The part of the time the expert drives although there is a model
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    pub beta: f64,
    /// Drive straight on: how far a pilot comes that sees nothing
    #[arg(long, conflicts_with = "model")]
    pub straight: bool,
    /// Push the robot off its way now and then, vary cruise speed and latency, and let people who step out come at other
    /// moments or not at all, so that a network has to look rather than to know the place
    #[arg(long)]
    pub noise: bool,
    /// Every command takes hold this many milliseconds after its capture
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    pub latency: f64,
    /// Write the depth image too, and put the default camera on a robot that has none
    #[arg(long)]
    pub depth: bool,
    /// Write beside the label of each frame those of the instants of an action chunk, and the commands that held meanwhile
    #[arg(long, conflicts_with = "depth")]
    pub chunks: bool,
    /// Captures a second; the scenario's own by default
    #[arg(long, value_name = "N", value_parser = rate)]
    pub hz: Option<timing::Rate>,
    /// Run the model in this process: only for one whose origin you know
    #[arg(long)]
    pub trust: bool,
    /// Episodes at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub jobs: usize,
    /// Print one JSON object a scenario instead of text
    #[arg(long)]
    pub json: bool,
    /// Name the seeds that failed
    #[arg(long)]
    pub failures: bool,
}

fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    parsed
        .filter(|range: &std::ops::Range<u64>| !range.is_empty())
        .ok_or_else(|| format!("found `{text}`, expected such as 0..100"))
}

/// A number of captures a second.
pub fn rate(text: &str) -> Result<timing::Rate, String> {
    let hz = text.parse().ok().filter(|hz| (0.1..=1000.0).contains(hz));
    hz.and_then(timing::Rate::from_hz).ok_or_else(|| format!("found `{text}`, expected 0.1 to 1000 captures a second"))
}

/// `deadtime collect`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut header = Vec::new();
    for path in &args.scenarios {
        let scenario = scenario::load(path)?;
        let found = sweep(args, &scenario)?;
        let count = |end| found.iter().filter(|(_, e, _)| *e == end).count();
        let (goal, hit, late) = (count(End::Goal), count(End::Hit), count(End::Timeout));
        let secs = found.iter().map(|(_, _, secs)| secs).sum::<f64>() / found.len() as f64;
        if args.json {
            let line = serde_json::json!({"scenario": scenario.name(), "episodes": found.len(), "goal": goal, "collision": hit, "timeout": late, "mean_seconds": secs});
            println!("{line}");
        } else {
            println!(
                "{:<12} {goal:>4} goal {hit:>4} collision {late:>4} timeout of {}; mean {secs:.2} s",
                scenario.name(),
                found.len()
            );
        }
        if args.failures {
            let failed: Vec<_> =
                found.iter().filter(|f| f.1 != End::Goal).map(|f| (f.0, f.1, (f.2 * 100.0).round() / 100.0)).collect();
            println!("  {failed:?}");
        }
        header.push(scenario.name().to_owned());
    }
    if let Some(out) = &args.out {
        let text = serde_json::json!({
            "scenarios": header, "seeds": [args.seeds.start, args.seeds.end],
            "scan": "NAME.scan: u16, range / 10 m * 65535, as the contract's `scan` or nothing",
            "depth": "NAME.depth: u16, depth / 10 m * 65535, as the contract's `depth`; with --depth alone",
            "rows": "NAME.rows: f32, inputs but scan and depth, then costs[65] and class (rover) or acceleration (balancer), then seed and frame; \
                     with --chunks then, for each step of a chunk, its costs[65] (NaN after the episode's end) and the speed (m/s) and yaw rate (rad/s) in force",
        });
        std::fs::write(out.join("header.json"), format!("{text}\n")).into_diagnostic()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs every seed of a scenario and writes its samples in the order of the seeds; returns seed, end and seconds.
pub fn sweep(args: &Args, scenario: &Scenario) -> Result<Vec<(u64, End, f64)>> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::new());
    let writer = match &args.out {
        Some(dir) => Some(Mutex::new(Samples::create(dir, scenario.name(), args.depth, args.seeds.start)?)),
        None => None,
    };
    let jobs = args.jobs.clamp(1, seeds.len());
    let lanes = ROWS.min(seeds.len().div_ceil(jobs));
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let network = args.model.as_deref().map(|path| load(path, args.trust)).transpose()?;
            let one = async |seed: u64| -> Result<()> {
                let (setup, contract) = prepare(args, scenario.setup(seed)?, network.as_ref())?;
                let mut rows = Vec::new();
                let drive = Drive::new(args, &setup, network.as_ref().zip(contract));
                let (end, secs) = drive.run(&mut rows).await?;
                if let Some(writer) = &writer {
                    writer.lock().map_err(|_| miette!("another job failed"))?.put(seed, rows)?;
                }
                done.lock().map_err(|_| miette!("another job failed"))?.push((seed, end, secs));
                Ok(())
            };
            let one = async |seed| one(seed).await.inspect_err(|_| failed.store(true, Ordering::Relaxed));
            let taken = from_fn(|| {
                let go_on = !failed.load(Ordering::Relaxed);
                go_on.then(|| seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied())?
            });
            let settle = || network.as_ref().is_some_and(Rows::settle);
            block_on(in_lanes(lanes, taken.map(one)), settle).into_iter().collect()
        };
        let jobs: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| job.join().map_err(|_| miette!("a job failed"))?)
    })?;
    if let Some(writer) = writer {
        writer.into_inner().map_err(|_| miette!("a job failed"))?.finish()?;
    }
    let mut done = done.into_inner().map_err(|_| miette!("a job failed"))?;
    done.sort_by_key(|found| found.0);
    Ok(done)
}

/// A variant of a scenario at the wanted rate, with the camera that the samples or the network need.
/// Also what the network is fed.
fn prepare(args: &Args, mut setup: Setup, network: Option<&Rows>) -> Result<(Setup, Option<Contract>)> {
    if let Some(rate) = args.hz {
        setup.line.capture.rate = rate;
    }
    let cameras = Contract::of(&setup.world.robot).iter().any(|contract| contract.needs_camera());
    if args.depth && !cameras {
        return Err(miette!(
            "found --depth with {}, whose robot's networks take no depth image; leave one out",
            setup.name
        ));
    }
    let (_, step) = Contract::CHUNK;
    if args.chunks && !Contract::of(&setup.world.robot).contains(&Contract::ChunkRover) {
        return Err(miette!(
            "found --chunks with {}, whose robot's networks answer with one command; leave it out",
            setup.name
        ));
    }
    if args.chunks && step.0 % setup.line.capture.rate.period().0 != 0 {
        return Err(miette!(
            "found --chunks at {} captures a second, and steps of {} ms between the commands of a chunk; choose an --hz of \
             which a period fits into a step, such as 40",
            setup.line.capture.rate.hz(),
            step.ms()
        ));
    }
    let mut contract = None;
    if let Some(network) = network {
        let found = episode::fit(&network.info().model, &setup.world.robot).into_diagnostic()?;
        let found = found.ok_or_else(|| miette!("the model's inputs are no pilot's: it cannot drive"))?;
        if found.needs_camera() {
            setup.give_camera();
        }
        if args.depth && found == Contract::ChunkRover {
            return Err(miette!(
                "found --depth with a network that answers in chunks, which takes no depth image; leave it out"
            ));
        }
        contract = Some(found);
    }
    if args.depth {
        setup.give_camera();
    }
    Ok((setup, contract))
}

/// The network that drives.
fn load(path: &Path, trust: bool) -> Result<Rows> {
    let isolate = if trust { Isolation::Never } else { Isolation::Auto };
    let engine = runtime::load(path, &Options { isolate, ..Options::default() })
        .into_diagnostic()
        .wrap_err_with(|| format!("the model {} cannot be run", path.display()))?;
    Ok(Rows::new(engine))
}

/// The files of a scenario. Episodes arrive in any order and are written by seed.
struct Samples {
    scan: BufWriter<File>,
    rows: BufWriter<File>,
    depth: Option<BufWriter<File>>,
    /// The seed that is written next.
    next: u64,
    waiting: BTreeMap<u64, Vec<Row>>,
}

impl Samples {
    fn create(dir: &Path, name: &str, depth: bool, next: u64) -> Result<Self> {
        std::fs::create_dir_all(dir).into_diagnostic()?;
        let file = |kind: &str| File::create(dir.join(format!("{name}.{kind}"))).map(BufWriter::new).into_diagnostic();
        let depth = depth.then(|| file("depth")).transpose()?;
        Ok(Self { scan: file("scan")?, rows: file("rows")?, depth, next, waiting: BTreeMap::new() })
    }

    fn put(&mut self, seed: u64, rows: Vec<Row>) -> Result<()> {
        self.waiting.insert(seed, rows);
        while let Some(rows) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.write(rows)?;
        }
        Ok(())
    }

    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            row.scan.iter().try_for_each(|x| self.scan.write_all(&x.to_le_bytes())).into_diagnostic()?;
            if let Some(file) = &mut self.depth {
                row.depth.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())).into_diagnostic()?;
            }
            row.values.iter().try_for_each(|x| self.rows.write_all(&x.to_le_bytes())).into_diagnostic()?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.scan.flush().into_diagnostic()?;
        if let Some(file) = &mut self.depth {
            file.flush().into_diagnostic()?;
        }
        self.rows.flush().into_diagnostic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(seeds("3..5"), Ok(3..5));
        for wrong in ["5", "5..5", "a..b", "5..3", ""] {
            assert!(seeds(wrong).unwrap_err().contains("expected such as 0..100"), "{wrong}");
        }
    }

    #[test]
    fn rates_are_positive_numbers() {
        assert_eq!(rate("10").map(timing::Rate::hz), Ok(10.0));
        for wrong in ["0", "-1", "NaN", "ten", "1e9", ""] {
            assert!(rate(wrong).unwrap_err().contains("captures a second"), "{wrong}");
        }
    }
}
