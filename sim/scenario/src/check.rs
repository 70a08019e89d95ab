//! What a seed cannot change: ranges, and which keys go together.

use std::ops::RangeInclusive;

use crate::error::{did_you_mean, nearest};
use crate::format::{Actor, Controller, PilotKind, RobotKind, Scatter, ScatterKind, Scenario, Trigger};
use crate::{Bounds, Conditions, Latency, Number, Outcome, Point, ScenarioError, Workload, device, profiles};

/// Places lie within a kilometre: floats stay finer than a micrometre there, and a typing mistake shows.
const PLACE: RangeInclusive<f64> = -1000.0..=1000.0;
const SIZE: RangeInclusive<f64> = 0.01..=1000.0;
const HEIGHT: RangeInclusive<f64> = 0.01..=100.0;
const ANGLE: RangeInclusive<f64> = -360.0..=360.0;
const MILLISECONDS: RangeInclusive<f64> = 0.0..=600_000.0;
const NOT_NEGATIVE: RangeInclusive<f64> = 0.0..=1e9;
/// Square of the normal quantile of 95 % confidence.
const Z_SQUARED: f64 = 3.841_458_820_694_124;
/// Things in one world.
const MAX_THINGS: usize = 10_000;

/// Stands for the network that drives, which is not looked at.
const NO_WORK: Workload = Workload { name: String::new(), macs: 0.0, weights: 0.0, activations: 0.0, int8: true };

type Checked = Result<(), ScenarioError>;

impl Scenario {
    /// Whether the file makes sense for every seed, as far as that can be told without one.
    pub(crate) fn check(&self) -> Checked {
        if self.title.trim().is_empty() {
            return Err(self.error("title", "`title` is empty", "say in a few words what the scenario is about"));
        }
        self.within("duration_s", self.duration_s, 0.01..=3600.0, "s")?;
        self.within("physics.tick_hz", self.physics.tick_hz, 10.0..=10_000.0, "Hz")?;
        self.check_robot()?;
        self.check_sensors()?;
        self.check_things()?;
        self.check_controller(&self.controller)?;
        self.check_latency()?;
        self.check_device()?;
        self.check_expect()
    }

    fn check_robot(&self) -> Checked {
        let robot = &self.robot;
        self.number("robot.start.x", robot.start.x, PLACE, "m")?;
        self.number("robot.start.y", robot.start.y, PLACE, "m")?;
        self.number("robot.start.yaw_deg", robot.start.yaw_deg, ANGLE, "degrees")?;
        if let Some(goal) = &robot.goal {
            self.number("robot.goal.x", goal.x, PLACE, "m")?;
            self.number("robot.goal.y", goal.y, PLACE, "m")?;
            self.within("robot.goal.radius", goal.radius, 0.01..=100.0, "m")?;
        }
        let rover = robot.kind == RobotKind::Rover;
        for (key, value, range, unit, fits) in [
            ("mass", robot.mass, 0.1..=10_000.0, "kg", true),
            ("max_speed", robot.max_speed, 0.01..=20.0, "m/s", true),
            ("max_yaw_rate", robot.max_yaw_rate, 0.01..=20.0, "rad/s", rover),
            ("acceleration", robot.acceleration, 0.01..=100.0, "m/s^2", true),
            ("braking", robot.braking, 0.01..=100.0, "m/s^2", rover),
            ("yaw_acceleration", robot.yaw_acceleration, 0.01..=1000.0, "rad/s^2", rover),
            ("lag_ms", robot.lag_ms, 0.0..=10_000.0, "ms", rover),
            ("omega", robot.omega, 0.1..=50.0, "rad/s", !rover),
            ("fall_deg", robot.fall_deg, 1.0..=89.0, "degrees", !rover),
        ] {
            let path = format!("robot.{key}");
            self.fits(&path, value.is_some(), fits)?;
            self.optional(&path, value, range, unit)?;
        }
        self.fits("robot.start_pitch_deg", robot.start_pitch_deg.is_some(), !rover)?;
        let pitch = robot.start_pitch_deg.unwrap_or(Number::ZERO);
        self.number("robot.start_pitch_deg", pitch, -89.0..=89.0, "degrees")?;
        let top = robot.max_speed.unwrap_or(if rover {
            plant::rover_default().max_speed
        } else {
            plant::balancer_default().max_speed
        });
        self.within("robot.speed", robot.speed, 0.0..=top, "m/s, its top speed")?;
        self.optional("robot.cruise", robot.cruise, 0.0..=top, "m/s, its top speed")
    }

    fn fits(&self, path: &str, given: bool, fits: bool) -> Checked {
        if given && !fits {
            let (kind, other) = match self.robot.kind {
                RobotKind::Rover => ("rover", "balancer"),
                RobotKind::Balancer => ("balancer", "rover"),
            };
            let help = format!("remove it, or set kind = \"{other}\"");
            return Err(self.error(path, &format!("`{path}` means nothing for a {kind}"), &help));
        }
        Ok(())
    }

    fn check_sensors(&self) -> Checked {
        let (capture, lidar) = (&self.capture, &self.lidar);
        self.within("capture.hz", capture.hz, 0.1..=1000.0, "Hz")?;
        let period = 1000.0 / capture.hz;
        self.number("capture.phase_ms", capture.phase_ms, 0.0..=period, "ms, one period")?;
        if let Some(steps) = capture.phase_steps {
            self.count("capture.phase_steps", steps as usize, 1..=1000)?;
            if capture.phase_ms != Number::ZERO {
                let help = "keep `phase_ms` for a phase of your choice, or `phase_steps` to let the seed set it";
                return Err(self.error("capture.phase_steps", "two keys set the phase", help));
            }
        }
        self.count("lidar.beams", lidar.beams, 2..=4096)?;
        self.within("lidar.max_range", lidar.max_range, 0.1..=1000.0, "m")?;
        self.within("lidar.height", lidar.height, 0.0..=10.0, "m")?;
        self.within("lidar.noise", lidar.noise, 0.0..=1.0, "m")?;
        let Some(camera) = &self.camera else { return Ok(()) };
        self.count("camera.width", camera.width, 1..=640)?;
        self.count("camera.height", camera.height, 1..=480)?;
        self.within("camera.fov_deg", camera.fov_deg, 1.0..=170.0, "degrees")?;
        self.within("camera.mount", camera.mount, 0.01..=10.0, "m")?;
        self.within("camera.max_range", camera.max_range, 0.1..=1000.0, "m")?;
        self.within("camera.noise", camera.noise, 0.0..=1.0, "m")
    }

    fn check_things(&self) -> Checked {
        for (i, item) in self.boxes.iter().enumerate() {
            let path = |key: &str| format!("box[{}].{key}", i + 1);
            self.number(&path("x"), item.x, PLACE, "m")?;
            self.number(&path("y"), item.y, PLACE, "m")?;
            self.number(&path("yaw_deg"), item.yaw_deg, ANGLE, "degrees")?;
            self.number(&path("length"), item.length, SIZE, "m")?;
            self.number(&path("width"), item.width, SIZE, "m")?;
            self.within(&path("height"), item.height, HEIGHT, "m")?;
            self.member(&path("group"), item.group.as_deref())?;
        }
        for (i, item) in self.cylinders.iter().enumerate() {
            let path = |key: &str| format!("cylinder[{}].{key}", i + 1);
            self.number(&path("x"), item.x, PLACE, "m")?;
            self.number(&path("y"), item.y, PLACE, "m")?;
            self.number(&path("radius"), item.radius, SIZE, "m")?;
            self.within(&path("height"), item.height, HEIGHT, "m")?;
            self.member(&path("group"), item.group.as_deref())?;
        }
        for (i, item) in self.walls.iter().enumerate() {
            let path = |key: &str| format!("wall[{}].{key}", i + 1);
            self.points(&path("path"), &item.path, 2)?;
            self.within(&path("thickness"), item.thickness, 0.01..=10.0, "m")?;
            self.within(&path("height"), item.height, HEIGHT, "m")?;
            self.member(&path("group"), item.group.as_deref())?;
        }
        for (i, item) in self.actors.iter().enumerate() {
            self.check_actor(&format!("actor[{}]", i + 1), item)?;
        }
        for (i, item) in self.scatters.iter().enumerate() {
            self.check_scatter(&format!("scatter[{}]", i + 1), item)?;
        }
        for (name, group) in &self.groups {
            self.number(&format!("group.{name}.shift_x"), group.shift_x, PLACE, "m")?;
            self.number(&format!("group.{name}.shift_y"), group.shift_y, PLACE, "m")?;
        }
        let walls = self.walls.iter().map(|wall| wall.path.len()).sum::<usize>();
        let scattered = self.scatters.iter().map(|scatter| scatter.count).sum::<usize>();
        let total = self.boxes.len() + self.cylinders.len() + walls + self.actors.len() + scattered;
        if total > MAX_THINGS {
            let help = format!("keep obstacles, wall segments and actors together at {MAX_THINGS} or fewer");
            return Err(self.error("scatter", &format!("{total} things are too many"), &help));
        }
        Ok(())
    }

    fn check_actor(&self, at: &str, actor: &Actor) -> Checked {
        let path = |key: &str| format!("{at}.{key}");
        let sizes = (actor.radius.is_some(), actor.length.is_some(), actor.width.is_some());
        if !matches!(sizes, (_, false, false) | (false, true, true)) {
            let help = "give either `radius` for a circle, or `length` and `width` for a box";
            return Err(self.error(at, "the size is unclear", help));
        }
        for (key, size) in [("radius", actor.radius), ("length", actor.length), ("width", actor.width)] {
            self.number(&path(key), size.unwrap_or(1.0.into()), SIZE, "m")?;
        }
        self.within(&path("height"), actor.height, HEIGHT, "m")?;
        self.points(&path("path"), &actor.path, 1)?;
        self.number(&path("speed"), actor.speed, 0.01..=20.0, "m/s")?;
        match actor.trigger {
            Trigger::AtS(at) => self.number(&path("trigger.at_s"), at, 0.0..=3600.0, "s")?,
            Trigger::RobotWithin(near) => self.number(&path("trigger.robot_within"), near, 0.0..=1000.0, "m")?,
        }
        self.member(&path("group"), actor.group.as_deref())
    }

    fn check_scatter(&self, at: &str, scatter: &Scatter) -> Checked {
        let path = |key: &str| format!("{at}.{key}");
        self.count(&path("count"), scatter.count, 1..=500)?;
        self.number(&path("x"), scatter.x, PLACE, "m")?;
        self.number(&path("y"), scatter.y, PLACE, "m")?;
        self.number(&path("size"), scatter.size, SIZE, "m")?;
        self.optional(&path("height"), scatter.height, HEIGHT, "m")?;
        self.within(&path("apart"), scatter.apart, 0.0..=100.0, "m")?;
        self.within(&path("clear"), scatter.clear, 0.0..=100.0, "m")?;
        if scatter.kind == ScatterKind::Actor {
            self.number(&path("speed"), scatter.speed, 0.01..=20.0, "m/s")?;
            self.number(&path("walk"), scatter.walk, 0.1..=100.0, "m")?;
            self.number(&path("heading_deg"), scatter.heading_deg, ANGLE, "degrees")?;
        }
        Ok(())
    }

    fn check_controller(&self, controller: &Controller) -> Checked {
        self.optional("controller.hz", controller.hz, 0.1..=10_000.0, "Hz")?;
        self.optional("controller.sight", controller.sight, 0.01..=1000.0, "m")?;
        let need = |key: &str, example: &str| {
            let message = format!("this pilot needs `{key}`");
            Err(self.error("controller.pilot", &message, &format!("add {key} = {example} under [controller]")))
        };
        match (controller.pilot, &controller.model) {
            (PilotKind::Network, None) => return need("model", "\"pilot\""),
            (PilotKind::Surrogate, None) => return need("model", "\"path/of/any.onnx\""),
            (_, Some(model)) if model.trim().is_empty() => {
                let help = "give a name in assets/models, such as \"pilot\", or the path of an .onnx file";
                return Err(self.error("controller.model", "`model` is empty", help));
            }
            _ => {}
        }
        if controller.pilot == PilotKind::BrakeOnSight && controller.sight.is_none() {
            return need("sight", "1.3");
        }
        let Some(command) = &controller.initial_command else { return Ok(()) };
        let path = |key: &str| format!("controller.initial_command.{key}");
        let rover = self.robot.kind == RobotKind::Rover;
        for (key, value, limit, fits) in [
            ("linear", command.linear, 20.0, rover),
            ("angular", command.angular, 20.0, rover),
            ("acceleration", command.acceleration, 100.0, !rover),
        ] {
            self.fits(&path(key), value.is_some(), fits)?;
            self.optional(&path(key), value, -limit..=limit, "in SI units")?;
        }
        Ok(())
    }

    fn check_latency(&self) -> Checked {
        let line = &self.latency;
        self.optional("latency.deadline_ms", line.deadline_ms, 0.001..=600_000.0, "ms")?;
        self.within("latency.sensing_ms", line.sensing_ms, MILLISECONDS, "ms")?;
        self.within("latency.link_out_ms", line.link_out_ms, MILLISECONDS, "ms")?;
        self.within("latency.link_back_ms", line.link_back_ms, MILLISECONDS, "ms")?;
        self.within("latency.dead_time_ms", line.dead_time_ms, MILLISECONDS, "ms")?;
        for (key, bytes) in [("frame_bytes", line.frame_bytes), ("answer_bytes", line.answer_bytes)] {
            let bytes = bytes.map(|bytes| bytes as f64);
            self.optional(&format!("latency.{key}"), bytes, 1.0..=1e9, "bytes")?;
        }
        if let Some(name) = line.network.as_ref().filter(|name| !name.contains(".toml"))
            && let Err(unknown) = crate::network(name)
        {
            return Err(self.error("latency.network", unknown.message(), unknown.help_line()));
        }
        // A path is looked at when it is used: what this check says must not depend on other files.
        if let Latency::Device(name) = &line.source
            && !name.contains(".toml")
            && let Err(wrong) = device(name, Some(&NO_WORK), &self.device)
        {
            return Err(self.error("latency.source", wrong.message(), wrong.help_line()));
        }
        let Latency::Profile(name) = &line.source else { return Ok(()) };
        if name.contains(".toml") || profiles().iter().any(|profile| profile.name == *name) {
            return Ok(());
        }
        let unknown = crate::profile::unknown(name);
        Err(self.error("latency.source", unknown.message(), unknown.help_line()))
    }

    fn check_device(&self) -> Checked {
        let Conditions { air_c, start_c, hurry, battery_wh, robot_w } = self.device;
        self.within("device.air_c", air_c, -60.0..=100.0, "degrees Celsius")?;
        self.optional("device.start_c", start_c, -60.0..=150.0, "degrees Celsius")?;
        self.within("device.hurry", hurry, 0.01..=10_000.0, "")?;
        self.optional("device.battery_wh", battery_wh, 0.001..=100_000.0, "Wh")?;
        self.within("device.robot_w", robot_w, 0.0..=100_000.0, "W")
    }

    fn check_expect(&self) -> Checked {
        let expect = &self.expect;
        for (key, bounds) in [
            ("goal_time_s", expect.goal_time_s),
            ("clearance_m", expect.clearance_m),
            ("p99_age_ms", expect.p99_age_ms),
            ("max_age_ms", expect.max_age_ms),
            ("blind_m", expect.blind_m),
        ] {
            let Some(bounds) = bounds else { continue };
            self.bounds(&format!("expect.{key}"), bounds, NOT_NEGATIVE, "")?;
        }
        if let Some(critical) = expect.critical_latency_ms {
            let path = "expect.critical_latency_ms";
            self.bounds(path, critical.bounds(), 0.0..=10_000.0, "ms")?;
            self.within(&format!("{path}.step_ms"), critical.step_ms, 0.1..=1000.0, "ms")?;
            self.count(&format!("{path}.phases"), critical.phases as usize, 1..=1000)?;
        }
        for (key, rate) in [("success_rate", expect.success_rate), ("success_rate_lower", expect.success_rate_lower)] {
            let Some(rate) = rate else { continue };
            self.bounds(&format!("expect.{key}"), rate.bounds(), 0.0..=1.0, "")?;
            self.count(&format!("expect.{key}.seeds"), rate.seeds as usize, 1..=100_000)?;
        }
        self.check_reach()?;
        if self.robot.goal.is_none() && (expect.outcome == Some(Outcome::Goal) || expect.goal_time_s.is_some()) {
            let path = if expect.outcome == Some(Outcome::Goal) { "expect.outcome" } else { "expect.goal_time_s" };
            let help = "add goal = { x = 12, y = 0 } under [robot], or expect another outcome";
            return Err(self.error(path, "there is no goal to reach", help));
        }
        Ok(())
    }

    /// A lower end that not even a success of every seed reaches is a mistake: Wilson's is `n / (n + z^2)` then.
    fn check_reach(&self) -> Checked {
        let Some((rate, min)) = self.expect.success_rate_lower.and_then(|rate| Some((rate, rate.min?))) else {
            return Ok(());
        };
        let best = rate.seeds as f64 / (rate.seeds as f64 + Z_SQUARED);
        if min <= best {
            return Ok(());
        }
        let message = format!("if all {} seeds succeed, the lower end is {best:.4}, which is less", rate.seeds);
        let help = if min < 1.0 {
            format!("give {} seeds or more, or a smaller `min`", (Z_SQUARED * min / (1.0 - min)).ceil())
        } else {
            "no number of seeds proves a rate of 1; give a smaller `min`".to_owned()
        };
        Err(self.error("expect.success_rate_lower.min", &message, &help))
    }

    fn bounds(&self, path: &str, bounds: Bounds, range: RangeInclusive<f64>, unit: &str) -> Checked {
        self.optional(&format!("{path}.min"), bounds.min, range.clone(), unit)?;
        self.optional(&format!("{path}.max"), bounds.max, range, unit)?;
        if (bounds.min, bounds.max) == (None, None) {
            return Err(self.error(path, "these bounds allow anything", "give `min`, `max` or both"));
        }
        if bounds.min.zip(bounds.max).is_some_and(|(min, max)| min > max) {
            return Err(self.error(path, "`min` is greater than `max`", "exchange the two"));
        }
        Ok(())
    }

    /// The group at `path`, if any, must exist.
    fn member(&self, path: &str, group: Option<&str>) -> Checked {
        let Some(name) = group.filter(|name| !self.groups.contains_key(*name)) else { return Ok(()) };
        let guess = did_you_mean(nearest(name, self.groups.keys().map(String::as_str)));
        let help =
            format!("{guess}a group is a section of its own: [group.{}]", if name.is_empty() { "NAME" } else { name });
        Err(self.error(path, &format!("there is no group `{name}`"), &help))
    }

    fn points(&self, path: &str, points: &[Point], least: usize) -> Checked {
        if !(least..=MAX_THINGS).contains(&points.len()) {
            let help = format!("give {least} to {MAX_THINGS} points, such as [[0, 1], [12, 1]]");
            return Err(self.error(path, &format!("`{path}` has {} points", points.len()), &help));
        }
        for (i, point) in points.iter().enumerate() {
            self.number(&format!("{path}[{}][1]", i + 1), point.x, PLACE, "m")?;
            self.number(&format!("{path}[{}][2]", i + 1), point.y, PLACE, "m")?;
        }
        Ok(())
    }

    fn number(&self, path: &str, number: Number, range: RangeInclusive<f64>, unit: &str) -> Checked {
        match number {
            Number::Fixed(value) => self.within(path, value, range, unit),
            Number::Random { min, max } => {
                self.within(&format!("{path}.min"), min, range.clone(), unit)?;
                self.within(&format!("{path}.max"), max, range, unit)?;
                if min > max {
                    return Err(self.error(path, "`min` is greater than `max`", "exchange the two"));
                }
                Ok(())
            }
        }
    }

    fn optional(&self, path: &str, value: Option<f64>, range: RangeInclusive<f64>, unit: &str) -> Checked {
        value.map_or(Ok(()), |value| self.within(path, value, range, unit))
    }

    fn within(&self, path: &str, value: f64, range: RangeInclusive<f64>, unit: &str) -> Checked {
        // What is not a number is in no range.
        if range.contains(&value) {
            return Ok(());
        }
        let help = format!("expected {} to {} {unit}", range.start(), range.end());
        Err(self.error(path, &format!("`{path}` is {value}"), help.trim_end()))
    }

    fn count(&self, path: &str, value: usize, range: RangeInclusive<usize>) -> Checked {
        if range.contains(&value) {
            return Ok(());
        }
        let help = format!("expected a whole number from {} to {}", range.start(), range.end());
        Err(self.error(path, &format!("`{path}` is {value}"), &help))
    }

    /// An error about the value at `path`.
    pub(crate) fn error(&self, path: &str, message: &str, help: &str) -> ScenarioError {
        self.source.error(path, message.to_owned(), help.to_owned())
    }
}
