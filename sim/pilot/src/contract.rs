//! What a network is fed and what it answers.

use plant::{Command, DepthImage, Observation, Pose, Robot};
use timing::{Chunks, Span};

use crate::grid::{GRID, Grid};
use crate::motion::{relative, reproject};

/// The contract of a robot's networks. Every tensor is `f32`, row-major, with a batch of 1 as its first axis.
///
/// [`Contract::Rover`]:
///
/// | tensor | shape | what |
/// |---|---|---|
/// | `scan` | `[N, 3, 360]` | ranges / 10 m in [0, 1], 1 where nothing is met; beam i at bearing `-pi + 2 pi (i + 0.5) / 360` in the base frame. Channel 0 is the newest capture; 1 and 2 are those 100 and 200 ms older, *moved into the newest base frame* by odometry, so that what differs moved by itself |
/// | `state` | `[N, 6]` | speed / (2 m/s), yaw rate / (2 rad/s), goal distance / (5 m) in [0, 1], cosine and sine of the goal's bearing, cruise / (2 m/s) |
/// | out `logits` | `[N, 65]` | of the classes of [`GRID`](crate::GRID) |
///
/// [`Contract::CameraRover`]: the same, and
///
/// | tensor | shape | what |
/// |---|---|---|
/// | `depth` | `[N, 1, 48, 64]` | the depth camera's newest image: depth along the optical axis / 10 m in [0, 1], 1 where nothing is met; row 0 at the top, column 0 at the left. Other resolutions are resampled: the nearest depth within each pixel |
///
/// [`Contract::ChunkRover`]: scan and state as above, and
///
/// | tensor | shape | what |
/// |---|---|---|
/// | `prefix` | `[N, 16, 3]` | the *frozen prefix*, the commands that will hold until the answer can: row k, from k to k + 1 times 50 ms after the capture, is speed / (2 m/s), yaw rate / (2 rad/s), 1; rows from where the answer takes over are 0. All 0 where nothing is frozen |
/// | out `chunk` | `[N, 16, 65]` | logits of the same classes for the commands k times 50 ms after the capture. Those of frozen rows are not looked at |
///
/// Commands of a chunk take hold one by one with `compensation = "chunks"`; with any other the first is all that counts.
///
/// [`Contract::Balancer`]:
///
/// | tensor | shape | what |
/// |---|---|---|
/// | `body` | `[N, 4]` | pitch (rad, positive forward), pitch rate (rad/s), speed (m/s), position along world x (m) |
/// | out `acceleration` | `[N, 1]` | of the base, m/s^2, positive forward |
///
/// The command in force is left out on purpose: a network that sees it learns to repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Scan and state in, logits of the action grid out.
    Rover,
    /// Scan, state and depth image in, logits of the action grid out.
    CameraRover,
    /// Scan, state and frozen prefix in, logits of the action grid out for this and the next instants.
    ChunkRover,
    /// The body's state in, acceleration out.
    Balancer,
}

/// Name and shape of an input; a batch of 1 stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// As the network declares it.
    pub name: &'static str,
    /// Sizes, slowest first.
    pub shape: &'static [usize],
}

/// A filled input.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name and shape.
    pub spec: TensorSpec,
    /// Row-major.
    pub data: Vec<f32>,
}

/// What a pilot looks at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The frame to decide on.
    pub now: &'a Observation,
    /// The frames captured [`Contract::LOOK_BACK`] before it, as nearly as there are any.
    pub earlier: [&'a Observation; 2],
    /// The speed wanted where the way is free, m/s.
    pub cruise: f64,
    /// The commands that will hold until the answer can, one a step of a chunk.
    pub frozen: &'a [Command],
}

impl<'a> Input<'a> {
    /// Picks the earlier frames from what was captured before `now`, in any order: those nearest to the wanted ages,
    /// whatever the capture rate; `now` itself where there are none.
    pub fn new(now: &'a Observation, past: impl Iterator<Item = &'a Observation>, cruise: f64) -> Self {
        let mut earlier = [now; 2];
        for frame in past.filter(|frame| frame.at < now.at) {
            for (held, wanted) in earlier.iter_mut().zip(Contract::LOOK_BACK) {
                let off = |frame: &Observation| ((now.at - frame.at).0 - wanted.0).abs();
                if off(frame) < off(held) {
                    *held = frame;
                }
            }
        }
        Self { now, earlier, cruise, frozen: &[] }
    }
}

/// A network's output held something that is no number, or too few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFinite {
    /// NaN or infinite.
    #[error("found an output that is not finite at index {0}; expected finite numbers")]
    At(usize),
    /// Not as many as the contract says.
    #[error("found {found} outputs, expected {expected}")]
    Length {
        /// In the output.
        found: usize,
        /// In the contract.
        expected: usize,
    },
}

const BEAMS: usize = 360;
/// Commands in a chunk.
const STEPS: usize = 16;
/// Rows and columns of the depth image.
const IMAGE: [usize; 2] = [48, 64];
/// What a range or depth of 1 stands for, metres.
const RANGE: f32 = 10.0;
/// What a goal distance of 1 stands for, metres.
const GOAL: f64 = 5.0;
/// What a speed of 1 stands for, m/s.
const SPEED: f64 = 2.0;
/// What a yaw rate of 1 stands for, rad/s.
const YAW_RATE: f64 = 2.0;

impl Contract {
    /// How much older than the newest the two earlier scans are.
    pub const LOOK_BACK: [Span; 2] = [Span(100_000_000), Span(200_000_000)];

    /// Commands in an answer of [`Contract::ChunkRover`], and the time between them.
    pub const CHUNK: (usize, Span) = (STEPS, Span(50_000_000));

    /// The contracts that a robot's networks may follow; the first is what it needs no further sensor for.
    pub fn of(robot: &Robot) -> &'static [Self] {
        match robot {
            Robot::Rover(_) => &[Self::Rover, Self::CameraRover, Self::ChunkRover],
            Robot::Balancer(_) => &[Self::Balancer],
        }
    }

    /// The contract whose inputs have these names, in any order.
    pub fn named<'n>(names: impl Iterator<Item = &'n str>) -> Option<Self> {
        let names: Vec<&str> = names.collect();
        [Self::Rover, Self::CameraRover, Self::ChunkRover, Self::Balancer].into_iter().find(|contract| {
            let inputs = contract.inputs();
            inputs.len() == names.len() && inputs.iter().all(|input| names.contains(&input.name))
        })
    }

    /// Whether it is fed a depth image.
    pub fn needs_camera(self) -> bool {
        self == Self::CameraRover
    }

    /// How its answers are executed where they are chunks, asked for every so many steps; `None` where an answer is one command.
    pub fn chunks(self, every: Option<usize>) -> Option<Chunks> {
        let (horizon, period) = Self::CHUNK;
        (self == Self::ChunkRover).then_some(Chunks { period, horizon, every })
    }

    /// What it is fed.
    pub fn inputs(self) -> &'static [TensorSpec] {
        match self {
            Self::Rover => &[SCAN, STATE],
            Self::CameraRover => &[SCAN, STATE, DEPTH],
            Self::ChunkRover => &[SCAN, STATE, PREFIX],
            Self::Balancer => &[TensorSpec { name: "body", shape: &[1, 4] }],
        }
    }

    /// Name and shape of what it answers.
    pub fn output(self) -> TensorSpec {
        match self {
            Self::Rover | Self::CameraRover => TensorSpec { name: "logits", shape: &[1, Grid::LEN] },
            Self::ChunkRover => TensorSpec { name: "chunk", shape: &[1, STEPS, Grid::LEN] },
            Self::Balancer => TensorSpec { name: "acceleration", shape: &[1, 1] },
        }
    }

    /// How many numbers it answers.
    pub fn output_len(self) -> usize {
        self.output().shape.iter().product()
    }

    /// Fills the inputs, reusing the buffers of `out`. `max_range` is what the scanner returns where it meets nothing, metres.
    pub fn encode(self, input: &Input, max_range: f64, out: &mut Vec<Tensor>) {
        if out.iter().map(|tensor| tensor.spec).ne(self.inputs().iter().copied()) {
            *out = self.inputs().iter().map(|&spec| Tensor { spec, data: Vec::new() }).collect();
        }
        for tensor in out.iter_mut() {
            tensor.data.clear();
        }
        match self {
            Self::Rover | Self::CameraRover | Self::ChunkRover => {
                let [scan, state, more @ ..] = &mut out[..] else { return };
                scans(input, max_range as f32, &mut scan.data);
                state.data.extend(rover_state(input));
                match more {
                    [image] if self == Self::CameraRover => depths(input.now.depth.as_ref(), &mut image.data),
                    [prefix] => frozen(input.frozen, &mut prefix.data),
                    _ => {}
                }
            }
            Self::Balancer => {
                let robot = &input.now.robot;
                let body = [robot.pitch, robot.pitch_rate, robot.linear, robot.pose.x];
                out[0].data.extend(body.map(|x| x as f32));
            }
        }
    }

    /// The command of an output, at the cruise speed its input was encoded with; of a chunk, its first.
    ///
    /// # Errors
    /// When the output is not what the contract says: the safe command is the caller's.
    pub fn decode(self, output: &[f32], cruise: f64) -> Result<Command, NotFinite> {
        self.decode_all(output, cruise).map(|commands| commands[0])
    }

    /// All commands of an output, at least one.
    ///
    /// # Errors
    /// As for [`Contract::decode`].
    pub fn decode_all(self, output: &[f32], cruise: f64) -> Result<Vec<Command>, NotFinite> {
        if output.len() < self.output_len() {
            return Err(NotFinite::Length { found: output.len(), expected: self.output_len() });
        }
        let output = &output[..self.output_len()];
        if let Some(at) = output.iter().position(|x| !x.is_finite()) {
            return Err(NotFinite::At(at));
        }
        Ok(match self {
            Self::Rover | Self::CameraRover | Self::ChunkRover => {
                output.chunks_exact(Grid::LEN).map(|logits| GRID.decide(logits, cruise)).collect()
            }
            Self::Balancer => vec![Command::Acceleration { base: f64::from(output[0]) }],
        })
    }
}

const SCAN: TensorSpec = TensorSpec { name: "scan", shape: &[1, 3, BEAMS] };
const STATE: TensorSpec = TensorSpec { name: "state", shape: &[1, 6] };
const DEPTH: TensorSpec = TensorSpec { name: "depth", shape: &[1, 1, IMAGE[0], IMAGE[1]] };
const PREFIX: TensorSpec = TensorSpec { name: "prefix", shape: &[1, STEPS, 3] };

/// The newest scan, and the earlier ones as they would look from where it was made.
fn scans(input: &Input, max: f32, out: &mut Vec<f32>) {
    out.reserve(3 * BEAMS);
    ranges(&input.now.scan, max, out);
    let mut moved = Vec::new();
    for frame in input.earlier {
        let ahead = relative(&frame.robot.pose, &input.now.robot.pose);
        if ahead == Pose::default() {
            ranges(&frame.scan, max, out);
        } else {
            reproject(&frame.scan, max, ahead, &mut moved);
            ranges(&moved, max, out);
        }
    }
}

/// Speed, yaw rate, goal distance, its bearing's cosine and sine, cruise. Without a goal it is far ahead.
fn rover_state(input: &Input) -> [f32; 6] {
    let robot = &input.now.robot;
    let [x, y] = input.now.goal;
    let distance = libm::hypot(x, y);
    let (near, cos, sin) =
        if distance > 0.0 { ((distance / GOAL).min(1.0), x / distance, y / distance) } else { (1.0, 1.0, 0.0) };
    [robot.linear / SPEED, robot.angular / YAW_RATE, near, cos, sin, input.cruise / SPEED].map(|x| x as f32)
}

/// A row for each step of a chunk: what will be commanded, and whether that is frozen.
fn frozen(commands: &[Command], out: &mut Vec<f32>) {
    out.resize(STEPS * 3, 0.0);
    for (row, command) in out.chunks_exact_mut(3).zip(commands) {
        if let Command::Twist { linear, angular } = command {
            row.copy_from_slice(&[(linear / SPEED) as f32, (angular / YAW_RATE) as f32, 1.0]);
        }
    }
}

/// Ranges in units of [`RANGE`], resampled to [`BEAMS`]: the nearest return within each wide beam, or the beam that a narrow
/// one lies in.
fn ranges(scan: &[f32], max_range: f32, out: &mut Vec<f32>) {
    let scaled = |range: f32| if range >= max_range { 1.0 } else { (range / RANGE).clamp(0.0, 1.0) };
    match scan.len() {
        BEAMS => out.extend(scan.iter().map(|&range| scaled(range))),
        0 => out.extend([1.0; BEAMS]),
        n => out.extend((0..BEAMS).map(|i| {
            let (from, to) = (i * n / BEAMS, ((i + 1) * n).div_ceil(BEAMS));
            scan[from..to].iter().map(|&range| scaled(range)).fold(1.0, f32::min)
        })),
    }
}

/// Depths in units of [`RANGE`], resampled to [`IMAGE`] as [`ranges`] are; without a camera nothing is met.
fn depths(image: Option<&DepthImage>, out: &mut Vec<f32>) {
    let [rows, columns] = IMAGE;
    let Some(DepthImage { width, height, depth, max_range }) = image else {
        out.resize(rows * columns, 1.0);
        return;
    };
    let scaled = |depth: f32| if depth >= *max_range { 1.0 } else { (depth / RANGE).clamp(0.0, 1.0) };
    if [*height, *width] == IMAGE {
        out.extend(depth.iter().map(|&depth| scaled(depth)));
        return;
    }
    let part = |i: usize, of: usize, n: usize| (i * n / of)..((i + 1) * n).div_ceil(of);
    for row in 0..rows {
        out.extend((0..columns).map(|column| {
            let within = part(row, rows, *height).flat_map(|y| &depth[y * width..][part(column, columns, *width)]);
            within.map(|&depth| scaled(depth)).fold(1.0, f32::min)
        }));
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;
