//! The first oracle of the time contract, through the whole engine: brake on sight.
//!
//! D = 1.3 m, b = 2 m/s^2, 2 m/s, T = 20 ms, pure delay: R_max = 150 ms of total reaction.

use crate::support::{at_tick, run, setup};
use episode::{Episode, Outcome};
use timing::{Source, Span};

const PHASES: u64 = 20;
const TICKS: [f64; 3] = [60.0, 240.0, 1000.0];

fn brake(seed: u64, tick: f64, ms: f64) -> Episode {
    run(at_tick(setup("braking", seed), tick), Source::Fixed(Span::from_ms(ms)))
}

fn collides(seed: u64, tick: f64, ms: f64) -> bool {
    brake(seed, tick, ms).outcome() == Some(Outcome::Collision)
}

#[test]
fn every_phase_stops_up_to_130_ms_and_hits_from_151_on() {
    for tick in TICKS {
        for phase in 0..PHASES {
            for ms in [0.0, 50.0, 100.0, 130.0] {
                assert!(!collides(phase, tick, ms), "phase {phase}, {tick} Hz, {ms} ms");
            }
            for ms in [151.0, 175.0, 200.0] {
                assert!(collides(phase, tick, ms), "phase {phase}, {tick} Hz, {ms} ms");
            }
        }
    }
}

#[test]
fn the_collision_set_is_monotone_in_latency_at_each_phase() {
    for phase in 0..PHASES {
        let hits: Vec<bool> = (125..156).map(|ms| collides(phase, 240.0, f64::from(ms))).collect();
        assert!(hits.is_sorted(), "phase {phase}: {hits:?}");
        assert!(!hits[0] && hits[30], "phase {phase}: the switch lies outside 125 to 155 ms");
    }
}

#[test]
fn it_stops_where_the_formula_says_at_every_tick_rate() {
    for tick in TICKS {
        for phase in 0..PHASES {
            let episode = brake(phase, tick, 100.0);
            let observed = episode.behind().expect("a command in force");
            assert!(observed.gap <= 1.3 + 1e-9);
            // It drove 2 m/s from sight to the brakes, then v^2/(2b) = 1 m: the rest of the 1.3 m is left. The wait for
            // the sensor is the phase's alone.
            let left = episode.plant().clearance();
            let waited = (0.3 - left) / 2.0 - 0.1;
            let steps = waited / 0.001;
            assert!((-1e-6..0.020).contains(&waited), "phase {phase}, {tick} Hz: {left} m left");
            assert!((steps - steps.round()).abs() * 0.002 < 0.001, "phase {phase}, {tick} Hz: {left} m left");
        }
    }
}

#[test]
fn tick_rates_agree_to_a_micrometre() {
    for phase in 0..PHASES {
        let left: Vec<f64> = TICKS.iter().map(|&tick| brake(phase, tick, 120.0).plant().clearance()).collect();
        assert!(left.iter().all(|x| (x - left[0]).abs() < 1e-6), "phase {phase}: {left:?}");
    }
}

/// Milliseconds from first sight (at `sight` ms) to the brakes, for a device that takes `service` ms a frame and always
/// takes the newest of the captures at 0, 20, 40... ms: worked out by hand, without the delay line.
fn reaction_by_hand(service: i64, sight: f64) -> f64 {
    let mut start = 0;
    loop {
        let captured = start / 20 * 20;
        let finish = start + service;
        if captured as f64 >= sight - 1e-6 {
            return finish as f64 - sight;
        }
        // It waits for a newer frame if it has seen the newest.
        start = if finish / 20 * 20 > captured { finish } else { captured + 20 };
    }
}

#[test]
fn occupancy_makes_a_comb() {
    let setup = setup("braking", 0);
    let plant = plant::Plant::new(setup.world.clone()).expect("a valid world");
    let pieces = [plant::Piece { from: timing::SimTime::ZERO, command: setup.initial_command }];
    let gap = plant.observe(&pieces, timing::SimTime::ZERO, 0).gap;
    let sight = (gap - 1.3) / 2.0 * 1e3;
    let collides = |ms: i64| {
        let episode = run(setup.clone(), Source::Service(Span::from_ms(ms as f64)));
        episode.outcome() == Some(Outcome::Collision)
    };
    let hits: Vec<bool> = (21..200).map(collides).collect();
    let by_hand: Vec<bool> = (21..200).map(|ms| reaction_by_hand(ms, sight) > 150.0 + 1e-6).collect();
    assert_eq!(hits, by_hand);
    assert!(!hits.is_sorted(), "with a busy device more latency can be safe again: that is the lesson");
}

#[test]
fn zero_latency_is_synchronous_execution() {
    // The same loop without a delay line: observe, decide, act at once.
    use plant::{Command, Piece, Plant};
    let setup = setup("braking", 3);
    let clock = setup.line.capture;
    let cruise = setup.initial_command;
    let episode = run(setup.clone(), Source::ZERO);
    let mut plant = Plant::new(setup.world.clone()).expect("a valid world");
    let (mut command, mut frame) = (cruise, 0);
    while plant.tick() < episode.plant().tick() {
        let mut pieces = vec![Piece { from: plant.tick_start(), command }];
        while clock.event(frame) < plant.tick_end() {
            let at = clock.event(frame);
            pieces.push(Piece { from: at, command });
            if plant.observe(&pieces, at, frame).gap <= 1.3 + 1e-9 {
                command = Command::STOP;
            }
            pieces.last_mut().expect("a piece").command = command;
            frame += 1;
        }
        plant.step(&pieces);
    }
    assert_eq!(plant.robot(), episode.plant().robot());
}
