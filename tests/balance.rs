//! The balancing robot's delay margin: what its controllers bear, beside what no feedback of pitch and rate can bear.

use std::f64::consts::{PI, SQRT_2};
use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Episode, Outcome, Pumped, Supply};
use plant::{Balancer, Command, Observation, Robot, RobotState};
use runtime::{Options, Worker};
use scenario::PilotSpec;
use timing::{SimTime, Source, Span};

use crate::support::{root, setup};

/// The search begins at the scenario's own latency, which `deadtime test` holds; milliseconds.
const FIRST: u32 = 40;
const STEP: u32 = 5;
const LAST: u32 = 300;
const SEEDS: u64 = 2;

fn balancer() -> Balancer {
    match &setup("balance", 0).world.robot {
        Robot::Balancer(balancer) => balancer.clone(),
        Robot::Rover(_) => panic!("balance is no rover's scenario"),
    }
}

/// Half a capture period, ms: the age that a held command gains on average.
fn half_period() -> f64 {
    500.0 / setup("balance", 0).line.capture.rate.hz()
}

/// `sqrt(2) / omega` less half a capture period: the largest latency any feedback of pitch and rate bears, ms.
fn bound() -> f64 {
    SQRT_2 / balancer().omega * 1e3 - half_period()
}

/// Whether the robot stands at the end with commands so late, for each seed.
fn stands(ms: u32, pilot: Option<&PilotSpec>, supply: Supply) -> (bool, Supply) {
    (0..SEEDS).fold((true, supply), |(all, supply), seed| {
        let mut setup = setup("balance", seed);
        setup.pilot = pilot.unwrap_or(&setup.pilot).clone();
        let late = Source::Fixed(Span::from_ms(f64::from(ms)));
        let mut episode = Episode::new(Arc::new(setup), late).expect("a valid setup");
        let mut driver = Driver::new(supply);
        while driver.pump(&mut episode, SimTime(i64::MAX), Duration::from_secs(60)) != Pumped::Over {}
        assert!(driver.failures().is_empty(), "{:?}", driver.failures());
        (all && episode.outcome() == Some(Outcome::Timeout), driver.into_supply())
    })
}

/// The largest latency, ms, up to which it stands at each step; and that it falls at every one beyond the bound.
fn reached(pilot: Option<&PilotSpec>, mut supply: Supply) -> u32 {
    let mut reached = None;
    for ms in (FIRST..=LAST).step_by(STEP as usize) {
        let (stood, back) = stands(ms, pilot, supply);
        supply = back;
        assert!(!stood || f64::from(ms) <= bound(), "it stands at {ms} ms, above the bound of {:.1} ms", bound());
        if !stood {
            reached.get_or_insert(ms - STEP);
        }
    }
    reached.expect("beyond the bound it falls")
}

/// The delay at which the expert's own gains lose the robot, ms, from the linear theory: the smallest `arg F / w` where
/// the loop gain F of pitch, rate, position and speed has size 1.
fn margin_of_the_gains() -> f64 {
    let robot = balancer();
    let small = 1e-3;
    let gain = |state: RobotState| match pilot::balance_expert(&observation(state), &robot) {
        Command::Acceleration { base } => base / small,
        Command::Twist { .. } => panic!("a balancer takes accelerations"),
    };
    let [on_pitch, on_rate, on_place, on_speed] = [
        gain(RobotState { pitch: small, ..RobotState::default() }),
        gain(RobotState { pitch_rate: small, ..RobotState::default() }),
        gain(RobotState { pose: plant::Pose { x: small, ..plant::Pose::default() }, ..RobotState::default() }),
        gain(RobotState { linear: small, ..RobotState::default() }),
    ];
    let (pole2, g) = (robot.omega * robot.omega, plant::GRAVITY);
    // pitch'' = omega^2 (pitch - u / g), x'' = u, so from u to u through s = jw:
    let loop_gain = |w: f64| {
        let (through_pitch, through_place) = (pole2 / g / (w * w + pole2), -1.0 / (w * w));
        let real = on_pitch * through_pitch + on_place * through_place;
        let imaginary = w * (on_rate * through_pitch + on_speed * through_place);
        (real.hypot(imaginary), imaginary.atan2(real).rem_euclid(2.0 * PI))
    };
    let (mut margin, mut above) = (f64::INFINITY, None);
    for w in (1..200_000).map(|i| f64::from(i) * 1e-3) {
        let (size, phase) = loop_gain(w);
        if above.replace(size > 1.0).is_some_and(|above| above != (size > 1.0)) {
            margin = margin.min(phase / w * 1e3);
        }
    }
    margin - half_period()
}

fn observation(robot: RobotState) -> Observation {
    Observation {
        frame: 0,
        at: SimTime::ZERO,
        robot,
        goal: [0.0; 2],
        scan: [].into(),
        depth: None,
        seen: [].into(),
        gap: f64::INFINITY,
    }
}

#[test]
fn the_expert_bears_what_its_gains_say_and_no_more_than_the_bound() {
    let (bound, margin) = (bound(), margin_of_the_gains());
    let reached = reached(Some(&PilotSpec::Expert), Supply::Nobody);
    println!("expert: stands to {reached} ms; its gains to {margin:.1} ms, any gains to {bound:.1} ms");
    // Just beyond its margin the swing grows so slowly that the time is up before it falls.
    let off = f64::from(reached) - margin;
    assert!((-f64::from(STEP)..3.0 * f64::from(STEP)).contains(&off), "{reached} ms, and {margin:.1} ms by theory");
}

#[test]
fn the_network_bears_more_than_its_scenario_asks_and_no_more_than_the_bound() {
    let sums = std::fs::read_to_string(root().join("assets/models/SHA256SUMS")).expect("the hashes");
    let trusted = sums.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let options = Options { trusted, ..Options::default() };
    let engine = runtime::load(&root().join("assets/models/balancer.onnx"), &options).expect("the balancer");
    let reached =
        reached(None, Supply::Worker { worker: Worker::spawn(engine), contract: Some(pilot::Contract::Balancer) });
    println!("network: stands to {reached} ms; any gains to {:.1} ms", bound());
    assert!(reached > FIRST, "{reached} ms");
}
