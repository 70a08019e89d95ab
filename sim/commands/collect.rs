//! `deadtime collect`: drives scenarios in lockstep, writes what a network learns from, and counts how often a pilot
//! reaches the goal. There is no delay line here: an inference takes no simulated time, or a constant.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use pilot::{Contract, GRID, Input, Tensor};
use plant::{Command, Observation, Piece, Plant, Robot, Trigger, World};
use runtime::{Data, Engine, Isolation, Options};
use scenario::{Scenario, Setup};
use timing::{SimTime, Span};

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

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The goal was reached without touching anything.
    Goal,
    /// Something was touched, or the balancer fell.
    Hit,
    /// The time was up. For a balancer that is success.
    Timeout,
}

/// One row of what is learnt from; the scan goes to a file of its own.
struct Row {
    scan: Vec<u16>,
    values: Vec<f32>,
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
            "rows": "NAME.rows: f32, inputs but the scan, then costs[65] and class (rover) or acceleration (balancer), then seed and frame",
        });
        std::fs::write(out.join("header.json"), format!("{text}\n")).into_diagnostic()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs every seed of a scenario and writes its samples in the order of the seeds; returns seed, end and seconds.
pub fn sweep(args: &Args, scenario: &Scenario) -> Result<Vec<(u64, End, f64)>> {
    let seeds: Vec<u64> = args.seeds.clone().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let writer = match &args.out {
        Some(dir) => Some(Mutex::new(Samples::create(dir, scenario.name())?)),
        None => None,
    };
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut engine = args.model.as_deref().map(|path| load(path, args.trust)).transpose()?;
            while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                let setup = scenario.setup(seed)?;
                let mut rows = Vec::new();
                let (end, secs) = Drive::new(args, &setup, engine.as_deref_mut()).run(&mut rows)?;
                if let Some(writer) = &writer {
                    writer.lock().map_err(|_| miette!("another job failed"))?.put(seed, rows)?;
                }
                done.lock().map_err(|_| miette!("another job failed"))?.push((seed, end, secs));
            }
            Ok(())
        };
        let jobs: Vec<_> = (0..args.jobs.clamp(1, seeds.len())).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| job.join().map_err(|_| miette!("a job failed"))?)
    })?;
    if let Some(writer) = writer {
        writer.into_inner().map_err(|_| miette!("a job failed"))?.finish()?;
    }
    let mut done = done.into_inner().map_err(|_| miette!("a job failed"))?;
    done.sort_by_key(|found| found.0);
    Ok(done)
}

fn load(path: &Path, trust: bool) -> Result<Box<dyn Engine>> {
    let isolate = if trust { Isolation::Never } else { Isolation::Auto };
    runtime::load(path, &Options { isolate, ..Options::default() })
        .into_diagnostic()
        .wrap_err_with(|| format!("the model {} cannot be run", path.display()))
}

/// The two files of a scenario. Episodes arrive in any order and are written by seed.
struct Samples {
    scan: BufWriter<File>,
    rows: BufWriter<File>,
    waiting: std::collections::BTreeMap<u64, Vec<Row>>,
}

impl Samples {
    fn create(dir: &Path, name: &str) -> Result<Self> {
        std::fs::create_dir_all(dir).into_diagnostic()?;
        let file = |kind: &str| File::create(dir.join(format!("{name}.{kind}"))).map(BufWriter::new).into_diagnostic();
        Ok(Self { scan: file("scan")?, rows: file("rows")?, waiting: std::collections::BTreeMap::new() })
    }

    fn put(&mut self, seed: u64, rows: Vec<Row>) -> Result<()> {
        self.waiting.insert(seed, rows);
        if self.waiting.len() > 32 { self.write_first() } else { Ok(()) }
    }

    fn write_first(&mut self) -> Result<()> {
        let Some((_, rows)) = self.waiting.pop_first() else { return Ok(()) };
        for row in rows {
            row.scan.iter().try_for_each(|x| self.scan.write_all(&x.to_le_bytes())).into_diagnostic()?;
            row.values.iter().try_for_each(|x| self.rows.write_all(&x.to_le_bytes())).into_diagnostic()?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        while !self.waiting.is_empty() {
            self.write_first()?;
        }
        self.scan.flush().into_diagnostic()?;
        self.rows.flush().into_diagnostic()
    }
}

/// SplitMix64: disturbances, by seed.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What the expert says of a frame.
struct Label {
    command: Command,
    values: Vec<f32>,
    /// Nothing may disturb this frame: it matters what is done now.
    matters: bool,
}

/// One episode.
struct Drive<'a> {
    args: &'a Args,
    setup: &'a Setup,
    engine: Option<&'a mut (dyn Engine + 'static)>,
    contract: Contract,
    dice: Dice,
    cruise: f64,
    latency: Span,
    past: VecDeque<Observation>,
    encoded: Vec<Tensor>,
    outputs: Vec<runtime::Tensor>,
    /// The command that disturbs, and for how many more frames.
    push: Option<(Command, u32)>,
    expert_drives: bool,
    /// The newest frames that were not kept.
    skipped: VecDeque<Row>,
}

impl<'a> Drive<'a> {
    fn new(args: &'a Args, setup: &'a Setup, engine: Option<&'a mut (dyn Engine + 'static)>) -> Self {
        let mut dice = Dice(setup.seed ^ 0x5eed);
        let (mut cruise, mut latency) = (setup.cruise, args.latency);
        if args.noise {
            if dice.unit() < 0.25 {
                cruise *= 0.5 + 0.5 * dice.unit();
            }
            if dice.unit() < 0.4 {
                latency += 120.0 * dice.unit();
            }
        }
        Self {
            args,
            setup,
            engine,
            contract: Contract::of(&setup.world.robot),
            dice,
            cruise,
            latency: Span::from_ms(latency),
            past: VecDeque::new(),
            encoded: Vec::new(),
            outputs: Vec::new(),
            push: None,
            expert_drives: true,
            skipped: VecDeque::new(),
        }
    }

    /// The world, where noise is wanted with other people in it.
    fn world(&mut self) -> Arc<World> {
        let mut world = self.setup.world.clone();
        if self.args.noise {
            let dice = &mut self.dice;
            Arc::make_mut(&mut world).actors.retain_mut(|actor| {
                let Trigger::RobotWithin(near) = actor.trigger else { return true };
                actor.trigger = Trigger::RobotWithin(near * (0.6 + 0.8 * dice.unit()));
                actor.speed *= 0.7 + 0.6 * dice.unit();
                dice.unit() < 0.5
            });
        }
        world
    }

    /// Until the episode ends: how, and after how many seconds.
    fn run(mut self, rows: &mut Vec<Row>) -> Result<(End, f64)> {
        let mut plant = Plant::new(self.world()).into_diagnostic()?;
        let mut pending: VecDeque<(SimTime, Command)> = VecDeque::new();
        let mut command = self.setup.initial_command;
        let mut frame = 0;
        let end = SimTime::ZERO + self.setup.duration;
        loop {
            let mut pieces = vec![Piece { from: plant.tick_start(), command }];
            loop {
                let capture = self.setup.line.capture.event(frame);
                let due = pending.front().map_or(SimTime::NEVER, |p| p.0);
                if due.min(capture) >= plant.tick_end() {
                    break;
                }
                if due <= capture {
                    (_, command) = pending.pop_front().unwrap_or((due, command));
                    pieces.push(Piece { from: due, command });
                } else {
                    let seen = plant.observe(&pieces, capture, frame);
                    let decided = self.decide(seen, rows)?;
                    pending.push_back((capture + self.latency, decided));
                    frame += 1;
                }
            }
            let report = plant.step(&pieces);
            let now = plant.tick_start();
            if !report.contacts.is_empty() || plant.fallen() || report.invalid {
                return Ok((End::Hit, now.secs()));
            }
            if plant.goal_reached() && (!self.setup.goal_at_rest || plant.robot().linear == 0.0) {
                return Ok((End::Goal, now.secs()));
            }
            if now >= end {
                let upright = matches!(self.contract, Contract::Balancer);
                return Ok((if upright { End::Goal } else { End::Timeout }, now.secs()));
            }
        }
    }

    /// Who drives does; the expert's label is kept.
    fn decide(&mut self, seen: Observation, rows: &mut Vec<Row>) -> Result<Command> {
        let wanted = self.args.out.is_some() || (self.engine.is_none() && !self.args.straight);
        let label = wanted.then(|| self.label(&seen));
        self.contract.encode(
            &Input::new(&seen, self.past.iter(), self.cruise),
            self.setup.world.lidar.max_range,
            &mut self.encoded,
        );
        let mut command = match (&mut self.engine, &label) {
            (Some(engine), _) => {
                let inputs: Vec<runtime::Tensor> = self.encoded.iter().map(tensor).collect();
                engine.infer(&inputs, &mut self.outputs).into_diagnostic()?;
                let output = self.outputs.first().and_then(|t| t.data.as_f32()).unwrap_or_default();
                self.contract.decode(output, self.cruise).into_diagnostic()?
            }
            (None, Some(label)) => label.command,
            (None, None) => pilot::straight(self.cruise),
        };
        if let Some(label) = label {
            command = self.disturb(command, &label, seen.frame);
            if self.args.out.is_some() {
                self.keep(label, seen.frame, rows);
            }
        }
        self.past.push_front(seen);
        self.past.truncate(24);
        Ok(command)
    }

    fn label(&self, seen: &Observation) -> Label {
        match &self.setup.world.robot {
            Robot::Rover(rover) => {
                let decision = pilot::expert(seen, rover, self.cruise);
                let mut values = decision.costs.to_vec();
                values.push(decision.class as f32);
                let (speed, _) = GRID.indices(decision.class);
                let slowing = GRID.speeds[speed] * self.cruise < seen.robot.linear - 0.3;
                Label { command: decision.command, values, matters: slowing }
            }
            Robot::Balancer(balancer) => {
                let command = pilot::balance_expert(seen, balancer);
                let Command::Acceleration { base } = command else { unreachable!("it balances") };
                Label { command, values: vec![base as f32], matters: false }
            }
        }
    }

    /// The command with what disturbs it, which ends as soon as it matters what is done.
    fn disturb(&mut self, command: Command, label: &Label, frame: u64) -> Command {
        if self.engine.is_some() && frame.is_multiple_of(40) {
            self.expert_drives = self.dice.unit() < self.args.beta;
        }
        let command = if self.engine.is_some() && self.expert_drives { label.command } else { command };
        if !self.args.noise || label.matters {
            self.push = None;
            return command;
        }
        if self.push.is_none() && self.dice.unit() < 0.02 {
            let frames = 4 + (12.0 * self.dice.unit()) as u32;
            let push = match command {
                Command::Twist { .. } => Command::Twist {
                    linear: self.cruise * if self.dice.unit() < 0.7 { 1.0 } else { self.dice.unit() },
                    angular: 3.0 * (self.dice.unit() - 0.5),
                },
                Command::Acceleration { .. } => Command::Acceleration { base: 8.0 * (self.dice.unit() - 0.5) },
            };
            self.push = Some((push, frames));
        }
        match self.push.take() {
            Some((push, left)) => {
                self.push = (left > 1).then_some((push, left - 1));
                push
            }
            None => command,
        }
    }

    /// Keeps every third frame, and every one that matters with the half second before it: what tells a frame on which to
    /// brake from one on which not to.
    fn keep(&mut self, label: Label, frame: u64, rows: &mut Vec<Row>) {
        const BEFORE: usize = 20;
        let matters = label.matters || matches!(self.contract, Contract::Balancer);
        let row = self.row(label.values, frame);
        if matters {
            rows.extend(self.skipped.drain(..));
            rows.push(row);
        } else if frame % 3 == self.setup.seed % 3 {
            rows.push(row);
        } else {
            self.skipped.push_back(row);
            if self.skipped.len() > BEFORE * 2 / 3 {
                self.skipped.pop_front();
            }
        }
    }

    fn row(&self, label: Vec<f32>, frame: u64) -> Row {
        let scan = self.encoded.iter().filter(|t| t.spec.name == "scan").flat_map(|t| &t.data);
        let rest = self.encoded.iter().filter(|t| t.spec.name != "scan").flat_map(|t| &t.data).copied();
        Row {
            scan: scan.map(|x| (x * 65535.0).round() as u16).collect(),
            values: rest.chain(label).chain([self.setup.seed as f32, frame as f32]).collect(),
        }
    }
}

fn tensor(encoded: &Tensor) -> runtime::Tensor {
    runtime::Tensor {
        name: encoded.spec.name.into(),
        shape: encoded.spec.shape.to_vec(),
        data: Data::F32(encoded.data.clone()),
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
    fn dice_fill_the_interval_and_repeat() {
        let mut dice = Dice(1);
        let mean = (0..10_000).map(|_| dice.unit()).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(Dice(1).unit().to_bits(), Dice(1).unit().to_bits());
    }
}
