//! From a scenario and a seed to all that an episode needs.

use std::sync::Arc;

use plant::{Command, World};
use serde::{Deserialize, Serialize};
use timing::{Clock, Control, LineConfig, Network, Rate, Span};

use crate::format::{Camera, PilotKind, RobotKind, Scenario};
use crate::number::Dice;
use crate::{Compensation, Conditions, Expect, Latency, ScenarioError, world};

/// One variant of a scenario, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The file's name without folder and extension.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The seed that fixed what the scenario leaves open.
    pub seed: u64,
    /// What does not change while the episode runs.
    pub world: Arc<World>,
    /// Whether the goal counts only once the robot stands still in it.
    pub goal_at_rest: bool,
    /// The delay line.
    pub line: LineConfig,
    /// Where the time of an inference comes from.
    pub latency: Latency,
    /// Of a modelled device.
    pub device: Conditions,
    /// Who drives.
    pub pilot: PilotSpec,
    /// What is done about latency.
    pub compensation: Compensation,
    /// The speed wanted where the way is free, m/s.
    pub cruise: f64,
    /// Holds until the first command.
    pub initial_command: Command,
    /// The run ends then.
    pub duration: Span,
    /// The free distance at which `brake_on_sight` sees what is ahead, m, whether or not it drives.
    pub sight: Option<f64>,
    /// What must hold for the scenario to pass.
    pub expect: Expect,
}

/// Who drives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PilotSpec {
    /// A neural network.
    Network {
        /// A name in assets/models, or the path of an .onnx file.
        model: String,
    },
    /// The privileged expert.
    Expert,
    /// Cruises, and brakes for good once something ahead is in sight.
    BrakeOnSight {
        /// Free distance, m.
        sight: f64,
    },
    /// The model gives the latency, the expert the decisions.
    Surrogate {
        /// A name in assets/models, or the path of an .onnx file.
        model: String,
    },
    /// Cruises and sees nothing.
    Straight,
}

impl PilotSpec {
    /// What it is called: `expert`, `brake_on_sight`, `straight`, or its model.
    pub fn name(&self) -> &str {
        match self {
            Self::Expert => "expert",
            Self::BrakeOnSight { .. } => "brake_on_sight",
            Self::Straight => "straight",
            Self::Network { model } | Self::Surrogate { model } => model,
        }
    }

    /// The model that is run, whoever decides.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Network { model } | Self::Surrogate { model } => Some(model),
            Self::Expert | Self::BrakeOnSight { .. } | Self::Straight => None,
        }
    }
}

impl Setup {
    /// Puts the depth camera of a `[camera]` section that says nothing else on a robot that has none, for a network that
    /// needs one. Returns whether it had none.
    pub fn give_camera(&mut self) -> bool {
        let missing = self.world.camera.is_none();
        if missing {
            Arc::make_mut(&mut self.world).camera = Some(world::camera(&Camera::default()));
            if let Some(network) = &mut self.line.network {
                Arc::make_mut(network).frame_bytes += depth_bytes(&Camera::default());
            }
        }
        missing
    }
}

/// What goes over a network with each frame and each answer beside its numbers: names, shapes and the headers of the layers
/// below.
const HEAD: u64 = 128;

/// A depth image of 32-bit floats.
fn depth_bytes(camera: &Camera) -> u64 {
    4 * (camera.width * camera.height) as u64
}

impl Scenario {
    /// The variant that `seed` stands for: equal seeds give equal setups.
    pub fn setup(&self, seed: u64) -> Result<Setup, ScenarioError> {
        let world = world::build(self, Dice(seed))?;
        let initial_command = self.initial_command();
        let max_speed = match &world.robot {
            plant::Robot::Rover(rover) => rover.max_speed,
            plant::Robot::Balancer(balancer) => balancer.max_speed,
        };
        Ok(Setup {
            name: self.name().to_owned(),
            title: self.title.clone(),
            seed,
            world: Arc::new(world),
            goal_at_rest: self.robot.goal.as_ref().is_some_and(|goal| goal.at_rest),
            line: self.line(seed)?,
            latency: self.latency.source.clone(),
            device: self.device.clone(),
            pilot: self.pilot(),
            compensation: self.controller.compensation,
            cruise: self.robot.cruise.unwrap_or(max_speed),
            initial_command,
            duration: Span::from_secs(self.duration_s),
            sight: self.controller.sight,
            expect: self.expect.clone(),
        })
    }

    /// The file's text, as it was read.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The file's name without folder and extension.
    pub fn name(&self) -> &str {
        let name = self.source.name.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".toml").unwrap_or(name)
    }

    pub(crate) fn rate(&self, path: &str, hz: f64) -> Result<Rate, ScenarioError> {
        let help = "expected 0.001 to 1000000 Hz";
        Rate::from_hz(hz).ok_or_else(|| self.error(path, &format!("`{path}` is {hz}"), help))
    }

    fn line(&self, seed: u64) -> Result<LineConfig, ScenarioError> {
        let rate = self.rate("capture.hz", self.capture.hz)?;
        let phase = match self.capture.phase_steps {
            Some(steps) => {
                Span((i128::from(rate.period().0) * i128::from(seed % steps.max(1)) / i128::from(steps.max(1))) as i64)
            }
            None => Span::from_ms(Dice(seed).number("capture.phase_ms", self.capture.phase_ms)),
        };
        let control = match self.controller.hz {
            Some(hz) => Control::Periodic(Clock::from_start(self.rate("controller.hz", hz)?)),
            None => Control::Event,
        };
        let line = &self.latency;
        let network = line.network.as_ref().map(|name| crate::network(name)).transpose()?.flatten();
        Ok(LineConfig {
            capture: Clock { rate, phase },
            control,
            schedule: line.schedule,
            sensing: Span::from_ms(line.sensing_ms),
            link_out: Span::from_ms(line.link_out_ms),
            link_back: Span::from_ms(line.link_back_ms),
            dead_time: Span::from_ms(line.dead_time_ms),
            deadline: line.deadline_ms.map(Span::from_ms),
            network: network.map(|network| Arc::new(self.loaded(network))),
            seed,
        })
    }

    /// A network with what this robot puts on it: frames of the scan and the depth image, unless the scenario says otherwise.
    pub fn loaded(&self, network: Network) -> Network {
        let camera = self.camera.as_ref().map_or(0, depth_bytes);
        let frame_bytes = self.latency.frame_bytes.unwrap_or(HEAD + 4 * self.lidar.beams as u64 + camera);
        let answer_bytes = self.latency.answer_bytes.unwrap_or(HEAD);
        Network { frame_bytes, answer_bytes, ..network }
    }

    fn pilot(&self) -> PilotSpec {
        let model = self.controller.model.clone().unwrap_or_default();
        match self.controller.pilot {
            PilotKind::Network => PilotSpec::Network { model },
            PilotKind::Surrogate => PilotSpec::Surrogate { model },
            PilotKind::Expert => PilotSpec::Expert,
            PilotKind::Straight => PilotSpec::Straight,
            PilotKind::BrakeOnSight => PilotSpec::BrakeOnSight { sight: self.controller.sight.unwrap_or_default() },
        }
    }

    fn initial_command(&self) -> Command {
        let given = self.controller.initial_command.clone().unwrap_or_default();
        match self.robot.kind {
            RobotKind::Rover => Command::Twist {
                linear: given.linear.unwrap_or(self.robot.speed),
                angular: given.angular.unwrap_or_default(),
            },
            RobotKind::Balancer => Command::Acceleration { base: given.acceleration.unwrap_or_default() },
        }
    }
}
