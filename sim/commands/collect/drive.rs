//! One episode of `deadtime collect`, in lockstep: who drives, what disturbs, what is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use miette::{IntoDiagnostic, Result, miette};
use pilot::{Contract, GRID, Input, Tensor};
use plant::{Command, Observation, Piece, Plant, Robot, Trigger, World};
use runtime::Rows;
use scenario::Setup;
use timing::{SimTime, Span};

use super::Args;

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
pub struct Row {
    /// Empty for a robot that has no use for it.
    pub scan: Vec<u16>,
    /// Empty without a camera.
    pub depth: Vec<u16>,
    /// The other inputs, the label, seed and frame; for chunks, the labels of the next instants and what held meanwhile.
    pub values: Vec<f32>,
    /// Index of its capture.
    frame: u64,
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

/// Captures a second for which the lengths below are given in frames.
const USUAL: f64 = 40.0;

/// What the expert says of a frame.
struct Label {
    command: Command,
    values: Vec<f32>,
    /// Nothing may disturb this frame: it matters what is done now.
    matters: bool,
}

/// One episode.
pub struct Drive<'a> {
    args: &'a Args,
    setup: &'a Setup,
    network: Option<(&'a Rows, Contract)>,
    /// What is encoded: at least what the network takes.
    contract: Contract,
    /// Captures a second, in units of the usual.
    pace: f64,
    dice: Dice,
    cruise: f64,
    latency: Span,
    past: VecDeque<Observation>,
    encoded: Vec<Tensor>,
    /// The command that disturbs, and for how many more frames.
    push: Option<(Command, u32)>,
    expert_drives: bool,
    /// The newest frames that were not kept.
    skipped: VecDeque<Row>,
    /// For chunks: the costs of each frame so far, and what was commanded since when.
    costs: Vec<Vec<f32>>,
    commanded: Vec<(SimTime, Command)>,
}

impl<'a> Drive<'a> {
    /// An episode with a fresh plant; `network` drives if there is one.
    pub fn new(args: &'a Args, setup: &'a Setup, network: Option<(&'a Rows, Contract)>) -> Self {
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
        let contract = match network {
            _ if args.depth => Contract::CameraRover,
            Some((_, contract)) => contract,
            None => Contract::of(&setup.world.robot)[0],
        };
        Self {
            args,
            setup,
            network,
            contract,
            pace: setup.line.capture.rate.hz() / USUAL,
            dice,
            cruise,
            latency: Span::from_ms(latency),
            past: VecDeque::new(),
            encoded: Vec::new(),
            push: None,
            expert_drives: true,
            skipped: VecDeque::new(),
            costs: Vec::new(),
            commanded: vec![(SimTime::ZERO, setup.initial_command)],
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
    pub async fn run(mut self, rows: &mut Vec<Row>) -> Result<(End, f64)> {
        let ended = self.episode(rows).await?;
        if self.args.chunks {
            for row in rows {
                self.look_ahead(row);
            }
        }
        Ok(ended)
    }

    /// Adds what only what came after the frame can tell: the labels of the instants of a chunk, and what held meanwhile.
    fn look_ahead(&self, row: &mut Row) {
        let (steps, step) = Contract::CHUNK;
        let capture = self.setup.line.capture;
        let stride = step.0 / capture.rate.period().0;
        for k in 0..steps as i64 {
            match self.costs.get(row.frame as usize + (k * stride) as usize) {
                Some(costs) => row.values.extend(costs),
                None => row.values.resize(row.values.len() + GRID.len(), f32::NAN),
            }
            let at = capture.event(row.frame) + Span(step.0 * k);
            let before = self.commanded.partition_point(|(since, _)| *since <= at);
            if let Command::Twist { linear, angular } = self.commanded[before.max(1) - 1].1 {
                row.values.extend([linear as f32, angular as f32]);
            }
        }
    }

    async fn episode(&mut self, rows: &mut Vec<Row>) -> Result<(End, f64)> {
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
                    self.commanded.push((due, command));
                } else {
                    let seen = plant.observe(&pieces, capture, frame);
                    let decided = self.decide(seen, rows).await?;
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
    async fn decide(&mut self, seen: Observation, rows: &mut Vec<Row>) -> Result<Command> {
        let wanted = self.args.out.is_some() || (self.network.is_none() && !self.args.straight);
        let label = wanted.then(|| self.label(&seen));
        self.contract.encode(
            &Input::new(&seen, self.past.iter(), self.cruise),
            self.setup.world.lidar.max_range,
            &mut self.encoded,
        );
        let mut command = match (self.network, &label) {
            (Some((network, contract)), _) => {
                let taken = contract.inputs();
                let row = self.encoded.iter().filter(|encoded| taken.contains(&encoded.spec));
                let row = row.map(|tensor| (tensor.spec.name, &tensor.spec.shape[1..], &tensor.data[..]));
                let output = network.infer(row).await.map_err(|why| miette!("{why}"))?;
                self.contract.decode(&output, self.cruise).into_diagnostic()?
            }
            (None, Some(label)) => label.command,
            (None, None) => pilot::straight(self.cruise),
        };
        if let Some(label) = label {
            if self.args.chunks {
                self.costs.push(label.values[..GRID.len()].to_vec());
            }
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
        if self.network.is_some() && frame.is_multiple_of(self.frames(40) as u64) {
            self.expert_drives = self.dice.unit() < self.args.beta;
        }
        let command = if self.network.is_some() && self.expert_drives { label.command } else { command };
        if !self.args.noise || label.matters {
            self.push = None;
            return command;
        }
        if self.push.is_none() && self.dice.unit() < 0.02 / self.pace {
            let length = 4 + (12.0 * self.dice.unit()) as u32;
            let frames = self.frames(length);
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

    /// As many frames as this many are at the usual rate; one at least.
    fn frames(&self, usual: u32) -> u32 {
        ((f64::from(usual) * self.pace).round() as u32).max(1)
    }

    /// Keeps every third frame (at the usual rate), and every one that matters with the half second before it: what tells a frame on which to
    /// brake from one on which not to.
    fn keep(&mut self, label: Label, frame: u64, rows: &mut Vec<Row>) {
        let (every, before) = (self.frames(3), self.frames(20));
        let matters = label.matters || matches!(self.contract, Contract::Balancer);
        let row = self.row(label.values, frame);
        if matters {
            rows.extend(self.skipped.drain(..));
            rows.push(row);
        } else if frame % u64::from(every) == self.setup.seed % u64::from(every) {
            rows.push(row);
        } else {
            self.skipped.push_back(row);
            if self.skipped.len() as u32 > before * (every - 1) / every {
                self.skipped.pop_front();
            }
        }
    }

    fn row(&self, label: Vec<f32>, frame: u64) -> Row {
        let of =
            |wanted: fn(&str) -> bool| self.encoded.iter().filter(move |t| wanted(t.spec.name)).flat_map(|t| &t.data);
        let whole = |x: &f32| (x * 65535.0).round() as u16;
        let rest = of(|name| !matches!(name, "scan" | "depth" | "prefix")).copied();
        Row {
            scan: of(|name| name == "scan").map(whole).collect(),
            depth: of(|name| name == "depth").map(whole).collect(),
            values: rest.chain(label).chain([self.setup.seed as f32, frame as f32]).collect(),
            frame,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_splitmix64() {
        // The reference implementation's first output for this seed.
        assert_eq!(Dice(1_234_567).unit(), (6_457_827_717_110_365_317u64 >> 11) as f64 / (1u64 << 53) as f64);
        let mut dice = Dice(2);
        let mean = (0..100_000).map(|_| dice.unit()).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }
}
