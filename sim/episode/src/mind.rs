//! The pilot inside an episode: what it remembers between frames, what it decides at once, what it asks a network.

use std::collections::VecDeque;
use std::sync::Arc;

use pilot::{Contract, Input, Tensor};
use plant::{Command, Observation, Robot};
use scenario::{Compensation, PilotSpec, Setup};
use timing::{Chunks, Span, safe_speed};

/// A decoded output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thought {
    /// Those of a chunk; of any other network one. Never empty.
    pub commands: Arc<[Command]>,
    /// The output was not finite; this is the safe command instead.
    pub safe: bool,
}

impl Thought {
    /// What it says is to be done now.
    pub fn command(&self) -> Command {
        self.commands[0]
    }
}

impl From<Command> for Thought {
    fn from(command: Command) -> Self {
        Self { commands: [command].into(), safe: false }
    }
}

/// Answers whose delay counts for what is frozen of the next.
const DELAYS: usize = 8;

/// Frames that are kept: a network looks 200 ms back from a frame that may itself be a second old, at 40 Hz.
const KEPT: usize = 48;

#[derive(Clone, Debug)]
pub(crate) struct Mind {
    setup: Arc<Setup>,
    /// Newest first.
    seen: VecDeque<Arc<Observation>>,
    cruise: f64,
    compensation: Compensation,
    /// Latency of the last applied frame: what a compensation expects of the next.
    expected: Span,
    /// Steps that the last chunks took, newest first.
    delays: VecDeque<usize>,
}

impl Mind {
    pub fn new(setup: &Arc<Setup>) -> Self {
        Self {
            setup: setup.clone(),
            seen: VecDeque::new(),
            cruise: setup.cruise,
            compensation: setup.compensation,
            expected: Span::ZERO,
            delays: VecDeque::new(),
        }
    }

    /// Whether a network is run.
    pub fn asks(&self) -> bool {
        matches!(self.setup.pilot, PilotSpec::Network { .. } | PilotSpec::Surrogate { .. })
    }

    pub fn newest(&self) -> Option<&Arc<Observation>> {
        self.seen.front()
    }

    pub fn compensation(&self) -> Compensation {
        self.compensation
    }

    /// How answers are executed, where they are chunks.
    pub fn chunks(&self) -> Option<Chunks> {
        match self.compensation {
            Compensation::Chunks { every } => Contract::ChunkRover.chunks(every.map(|every| every as usize)),
            _ => None,
        }
    }

    /// Steps that are frozen of the next chunk: the most that one of the last took.
    pub fn expected_delay(&self) -> usize {
        self.delays.iter().copied().max().unwrap_or(0)
    }

    /// A chunk took so many steps.
    pub fn took(&mut self, delay: usize) {
        self.delays.push_front(delay);
        self.delays.truncate(DELAYS);
    }

    pub fn set_setup(&mut self, setup: Arc<Setup>) {
        self.setup = setup;
    }

    pub fn set_cruise(&mut self, cruise: f64) {
        self.cruise = cruise;
    }

    pub fn set_compensation(&mut self, compensation: Compensation) {
        self.compensation = compensation;
    }

    pub fn remember(&mut self, observation: &Arc<Observation>) {
        self.seen.push_front(observation.clone());
        self.seen.truncate(KEPT);
    }

    /// What the robot does when it has nothing to go by.
    pub fn safe_command(&self) -> Command {
        match self.setup.world.robot {
            Robot::Rover(_) => Command::STOP,
            Robot::Balancer(_) => Command::Acceleration { base: 0.0 },
        }
    }

    /// The inputs of the network for a frame, which a compensation may move ahead by the expected latency (but not the depth
    /// image).
    pub fn encode(
        &self,
        contract: Contract,
        observation: &Observation,
        frozen: &[Command],
        in_force: Command,
        out: &mut Vec<Tensor>,
    ) {
        let world = &self.setup.world;
        let past = self.seen.iter().map(AsRef::as_ref);
        let moved;
        let now = if self.compensation == Compensation::Predict {
            moved = self.ahead(observation, in_force);
            &moved
        } else {
            observation
        };
        let input = Input { frozen, ..Input::new(now, past, self.cruise) };
        contract.encode(&input, world.lidar.max_range, out);
    }

    fn ahead(&self, observation: &Observation, in_force: Command) -> Observation {
        let world = &self.setup.world;
        pilot::predict(observation, &world.robot, in_force, world.lidar.max_range, self.expected.secs())
    }

    /// The command of a network's output.
    pub fn decode(&self, output: &[f32]) -> Thought {
        // Contracts of a robot whose outputs are of a length decode alike: a recorded run needs no network to tell which it was.
        let contracts = Contract::of(&self.setup.world.robot);
        let contract = contracts.iter().find(|contract| contract.output_len() == output.len()).unwrap_or(&contracts[0]);
        match contract.decode_all(output, self.cruise) {
            Ok(commands) => Thought { commands: commands.into(), safe: false },
            Err(_) => Thought { safe: true, ..self.safe_command().into() },
        }
    }

    /// The decision of a pilot that asks nobody. A surrogate's is the expert's, on the same frame.
    pub fn decide(&self, observation: &Observation) -> Option<Thought> {
        let command = match (&self.setup.pilot, &self.setup.world.robot) {
            (PilotSpec::Network { .. }, _) => return None,
            (PilotSpec::BrakeOnSight { sight }, _) => pilot::brake_on_sight(observation, *sight, self.cruise),
            (PilotSpec::Straight, Robot::Rover(_)) => pilot::straight(self.cruise),
            (PilotSpec::Straight, Robot::Balancer(_)) => self.safe_command(),
            (PilotSpec::Expert | PilotSpec::Surrogate { .. }, Robot::Rover(rover)) => {
                pilot::expert(observation, rover, self.cruise).command
            }
            (PilotSpec::Expert | PilotSpec::Surrogate { .. }, Robot::Balancer(balancer)) => {
                pilot::balance_expert(observation, balancer)
            }
        };
        Some(command.into())
    }

    /// What comes into force when a thought made from `observation` arrives after `latency`.
    pub fn apply(&mut self, thought: &Thought, observation: &Observation, latency: Span) -> Command {
        self.expected = latency;
        let command = thought.command();
        match (self.compensation, &self.setup.world.robot) {
            (Compensation::Governor, Robot::Rover(rover)) => {
                let reaction = latency + self.setup.line.capture.rate.period();
                let free = (free_ahead(&observation.scan, rover) - MARGIN).max(0.0);
                pilot::governor(command, safe_speed(free, rover.braking, reaction.secs()))
            }
            _ => command,
        }
    }
}

/// What the governor keeps free ahead, metres.
const MARGIN: f64 = 0.1;

/// Free distance from the footprint's front along its width, as the scan shows it, metres; the scanner's range at most.
fn free_ahead(scan: &[f32], rover: &plant::Rover) -> f64 {
    let step = std::f64::consts::TAU / scan.len().max(1) as f64;
    let ahead = scan.iter().enumerate().filter_map(|(i, &range)| {
        let (sin, cos) = libm::sincos(-std::f64::consts::PI + step * (i as f64 + 0.5));
        let (x, y) = (f64::from(range) * cos, f64::from(range) * sin);
        (x > 0.0 && y.abs() <= rover.width / 2.0).then_some(x - rover.length / 2.0)
    });
    ahead.fold(f64::INFINITY, f64::min)
}
