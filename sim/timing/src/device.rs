//! A modelled device that warms up: its service times, what power it takes, and what heat does to its clocks.

use serde::{Deserialize, Serialize};

use crate::{Profile, SimTime, Span};

/// A device that is not at hand, running one network: modelled, and always labelled so.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its service times while it is cool.
    pub profile: Profile,
    /// What it takes and how warm it gets.
    pub body: Body,
}

/// Power and heat of a device: one lump of heat that leaks to the air, and a governor with two speeds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    /// Taken while nothing is inferred, W.
    pub idle_w: f64,
    /// Taken while an inference runs at full clocks, W.
    pub active_w: f64,
    /// Thermal resistance to the air, K/W.
    pub k_per_w: f64,
    /// Heat capacity, J/K.
    pub j_per_k: f64,
    /// At this temperature the clocks are lowered, degrees Celsius.
    pub throttle_c: f64,
    /// At this one they are raised again, below the former.
    pub resume_c: f64,
    /// Clocks while lowered, as a share of the full ones; inferences take the reciprocal of it longer, and what an inference
    /// takes beyond idling falls with them (the voltage is not modelled).
    pub slow_clock: f64,
}

/// A device under its conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// The device.
    pub thermal: Thermal,
    /// The air around it, degrees Celsius.
    pub air_c: f64,
    /// The device at the start of the run, degrees Celsius.
    pub start_c: f64,
    /// The robot's battery, J; none: it is fed by a cable.
    pub battery_j: Option<f64>,
    /// What the rest of the robot takes, W.
    pub robot_w: f64,
}

/// What a device has come to. Advances with simulated time alone: clone it to fork time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heat {
    body: Body,
    at: SimTime,
    busy_until: SimTime,
    slow: bool,
    celsius: f64,
    hottest: f64,
    device_j: f64,
    slow_for: Span,
    empty_at: Option<SimTime>,
}

/// Numbers of a run, for people and programs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Warmth {
    /// Degrees Celsius now.
    pub celsius: f64,
    /// The highest so far.
    pub celsius_max: f64,
    /// Time with lowered clocks, s.
    pub throttled_s: f64,
    /// Whether they are lowered now.
    pub throttled: bool,
    /// What the device has taken, J.
    pub energy_j: f64,
    /// Its mean, W.
    pub mean_w: f64,
    /// What is left of the battery after device and robot, from 1 to 0; null without a battery.
    pub battery_left: Option<f64>,
    /// When it was empty, s. The model does not stop the robot then.
    pub battery_empty_s: Option<f64>,
}

impl Heat {
    /// A device at the start of a run.
    pub fn new(body: Body) -> Self {
        Self {
            body,
            at: SimTime::ZERO,
            busy_until: SimTime::ZERO,
            slow: body.start_c >= body.thermal.throttle_c,
            celsius: body.start_c,
            hottest: body.start_c,
            device_j: 0.0,
            slow_for: Span::ZERO,
            empty_at: None,
        }
    }

    /// How much longer an inference takes that starts at `now` than on a cool device.
    pub fn begin(&mut self, now: SimTime) -> f64 {
        self.advance(now);
        if self.slow { 1.0 / self.body.thermal.slow_clock } else { 1.0 }
    }

    /// An inference started at `now` keeps it busy for `time`. Servers of a pipeline that are busy at once count once.
    pub fn work(&mut self, now: SimTime, time: Span) {
        self.busy_until = self.busy_until.max(now + time);
    }

    /// What it has come to at `now`.
    pub fn warmth(&self, now: SimTime) -> Warmth {
        let mut then = *self;
        then.advance(now);
        let s = now.secs();
        let taken = then.device_j + self.body.robot_w * s;
        Warmth {
            celsius: then.celsius,
            celsius_max: then.hottest,
            throttled_s: then.slow_for.secs(),
            throttled: then.slow,
            energy_j: then.device_j,
            mean_w: if s > 0.0 { then.device_j / s } else { 0.0 },
            battery_left: self.body.battery_j.map(|full| (1.0 - taken / full).max(0.0)),
            battery_empty_s: then.empty_at.map(SimTime::secs),
        }
    }

    fn advance(&mut self, to: SimTime) {
        let busy = self.busy_until.min(to);
        if busy > self.at {
            self.segment(busy, true);
        }
        if to > self.at {
            self.segment(to, false);
        }
    }

    /// Constant power until `to`, except that the clocks change where the limits are crossed: exact, whatever the steps.
    fn segment(&mut self, to: SimTime, busy: bool) {
        while self.at < to {
            let Body { thermal, air_c, .. } = self.body;
            let Thermal { idle_w, active_w, k_per_w, j_per_k, throttle_c, resume_c, slow_clock } = thermal;
            let clock = if self.slow { slow_clock } else { 1.0 };
            let watts = if busy { idle_w + (active_w - idle_w) * clock } else { idle_w };
            let (rest, tau) = (air_c + watts * k_per_w, k_per_w * j_per_k);
            let limit = if self.slow { resume_c } else { throttle_c };
            let crossing = crossing(self.celsius, rest, limit, tau, self.slow);
            let span = crossing.map_or(to - self.at, |s| Span::from_secs(s).max(Span(1)).min(to - self.at));
            let seconds = span.secs();
            self.celsius = rest + (self.celsius - rest) * libm::exp(-seconds / tau);
            self.hottest = self.hottest.max(self.celsius);
            self.device_j += watts * seconds;
            if self.slow {
                self.slow_for += span;
            }
            self.at += span;
            if crossing.is_some_and(|s| Span::from_secs(s) <= span) {
                self.slow = !self.slow;
            }
            let taken = self.device_j + self.body.robot_w * self.at.secs();
            if self.empty_at.is_none() && self.body.battery_j.is_some_and(|full| taken >= full) {
                self.empty_at = Some(self.at);
            }
        }
    }
}

/// Seconds until a temperature on its way to `rest` reaches `limit`, from above if `falling`; `None`: it does not.
fn crossing(celsius: f64, rest: f64, limit: f64, tau: f64, falling: bool) -> Option<f64> {
    let beyond = if falling { rest < limit } else { rest > limit };
    if !beyond {
        return None;
    }
    let reached = if falling { celsius <= limit } else { celsius >= limit };
    Some(if reached { 0.0 } else { tau * libm::log((celsius - rest) / (limit - rest)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERMAL: Thermal = Thermal {
        idle_w: 2.0,
        active_w: 10.0,
        k_per_w: 5.0,
        j_per_k: 20.0,
        throttle_c: 60.0,
        resume_c: 50.0,
        slow_clock: 0.5,
    };

    fn body(thermal: Thermal) -> Body {
        Body { thermal, air_c: 25.0, start_c: 25.0, battery_j: Some(1000.0), robot_w: 5.0 }
    }

    fn at(s: f64) -> SimTime {
        SimTime::ZERO + Span::from_secs(s)
    }

    /// Starts an inference of `busy` every `period` seconds until `end`; gives how much longer each took.
    fn run(heat: &mut Heat, busy: f64, period: f64, end: f64) -> Vec<f64> {
        let mut paces = Vec::new();
        for k in 0..(end / period) as usize {
            let now = at(k as f64 * period);
            let pace = heat.begin(now);
            heat.work(now, Span::from_secs(busy * pace));
            paces.push(pace);
        }
        paces
    }

    #[test]
    fn it_warms_up_as_the_equation_says() {
        let mut heat = Heat::new(body(Thermal { throttle_c: 1000.0, ..THERMAL }));
        run(&mut heat, 0.05, 0.1, 100.0);
        // Half the time busy: 6 W, so 30 K in the end, with a time constant of 100 s.
        let expected = 25.0 + 30.0 * (1.0 - libm::exp(-1.0));
        let warmth = heat.warmth(at(100.0));
        assert!((warmth.celsius - expected).abs() < 0.05, "{} against {expected}", warmth.celsius);
        assert!((warmth.energy_j - 600.0).abs() < 1e-6 && (warmth.mean_w - 6.0).abs() < 1e-9, "{warmth:?}");
        assert_eq!(warmth.battery_left, Some(0.0));
        assert!(warmth.battery_empty_s.is_some_and(|s| (s - 1000.0 / 11.0).abs() < 0.1), "{warmth:?}");
        assert_eq!(warmth.throttled_s, 0.0);
    }

    #[test]
    fn too_hot_is_slow_until_it_is_cool_again() {
        let mut heat = Heat::new(body(THERMAL));
        let paces = run(&mut heat, 0.1, 0.1, 300.0);
        let first = paces.iter().position(|pace| *pace == 2.0).expect("10 W are 75 degrees in the end");
        // 25 + 50 (1 - exp(-t / 100)) = 60.
        assert!((first as f64 * 0.1 - 120.4).abs() < 0.2, "{first}");
        let warmth = heat.warmth(at(300.0));
        assert!((60.0..60.1).contains(&warmth.celsius_max), "{warmth:?}");
        // Lowered clocks take 6 W: 55 degrees, so it never gets down to 50.
        assert!(paces[first..].iter().all(|pace| *pace == 2.0) && warmth.throttled);
        assert!((warmth.throttled_s - 179.6).abs() < 0.5, "{warmth:?}");
        let resting = heat.warmth(at(700.0));
        assert!(!resting.throttled && resting.celsius < 36.0, "{resting:?}");
    }

    #[test]
    fn hysteresis_swings_between_its_limits() {
        let mut heat = Heat::new(body(Thermal { slow_clock: 0.25, ..THERMAL }));
        let paces = run(&mut heat, 0.1, 0.1, 1000.0);
        let changes = paces.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((4..40).contains(&changes), "{changes}");
        assert!(heat.warmth(at(1000.0)).celsius_max < 60.2);
    }

    #[test]
    fn asking_in_between_changes_nothing() {
        let mut heat = Heat::new(body(THERMAL));
        run(&mut heat, 0.1, 0.1, 50.0);
        let copy = heat;
        let _ = heat.warmth(at(60.0));
        assert_eq!(copy, heat);
        let (once, twice) = (copy.warmth(at(80.0)), {
            let mut heat = copy;
            heat.begin(at(55.0));
            heat.warmth(at(80.0))
        });
        assert!((once.celsius - twice.celsius).abs() < 1e-9 && (once.energy_j - twice.energy_j).abs() < 1e-9);
    }
}
