use timing::{Clock, Control, Rate, Schedule, ServiceTime};

use super::*;

fn config() -> LineConfig {
    LineConfig {
        capture: Clock { rate: Rate::from_hz(50.0).unwrap(), phase: Span::ZERO },
        control: Control::Event,
        schedule: Schedule::Newest,
        sensing: Span::from_ms(1.0),
        link_out: Span::from_ms(2.0),
        link_back: Span::from_ms(3.0),
        dead_time: Span::from_ms(4.0),
        deadline: None,
        network: None,
        seed: 0,
    }
}

fn ms(ms: f64) -> SimTime {
    SimTime::ZERO + Span::from_ms(ms)
}

/// Captured at `c`, served for 10 ms after a wait of 5.
fn frame(id: u64, c: f64) -> Frame {
    Frame {
        id,
        captured: ms(c),
        arrived: Some(ms(c + 3.0)),
        started: Some(ms(c + 8.0)),
        service: Some(ServiceTime::compute(Span::from_ms(10.0))),
        finished: Some(ms(c + 18.0)),
        returned: Some(ms(c + 21.0)),
        applied: Some(ms(c + 25.0)),
    }
}

fn ended(at: f64, frame: Frame, fate: Fate) -> Entry {
    Entry::Ended { at: ms(at), frame, fate, command: None, safe: false }
}

#[test]
fn the_bars_of_a_frame_are_its_stages() {
    let config = config();
    let life = life(&frame(0, 0.0), Some(Fate::Applied), &config, ms(25.0));
    let stages = frame(0, 0.0).stages(&config).unwrap();
    let expected: Vec<(Stage, Span)> = stages.into_iter().filter(|(_, span)| *span > Span::ZERO).collect();
    let drawn: Vec<(Stage, Span)> = life.bars.iter().map(|&(stage, from, to)| (stage, to - from)).collect();
    assert_eq!(drawn, expected);
    assert!(life.bars.windows(2).all(|pair| pair[0].2 == pair[1].1), "no gap, no overlap");
}

#[test]
fn a_frame_on_the_way_is_drawn_as_far_as_it_has_come() {
    let unknown = Frame { service: None, finished: None, applied: None, ..frame(0, 0.0) };
    let life = life(&unknown, None, &config(), ms(12.0));
    assert_eq!(life.bars.last(), Some(&(Stage::Compute, ms(8.0), ms(12.0))));
    let dropped = Frame { started: None, ..unknown };
    assert!(super::life(&dropped, Some(Fate::Dropped), &config(), ms(12.0)).bars.is_empty());
}

#[test]
fn the_saw_falls_to_the_latency_and_rises_with_time() {
    let mut history = History::default();
    for k in 0..3 {
        let c = f64::from(k) * 20.0;
        history.take(&ended(c + 25.0, frame(k as u64, c), Fate::Applied));
    }
    let strip = history.ages(ms(70.0));
    assert_eq!(strip.latencies.iter().map(|l| l[1]).collect::<Vec<_>>(), [25.0, 25.0, 25.0]);
    // L + the distance of two applications.
    assert_eq!(strip.peaks.iter().map(|p| p[1]).collect::<Vec<_>>(), [45.0, 45.0]);
    assert_eq!(strip.saw.last(), Some(&[0.0, 30.0]));
}

#[test]
fn old_teeth_leave_by_the_left_edge() {
    let mut history = History::default();
    for k in 0..400u64 {
        let c = k as f64 * 20.0;
        history.take(&ended(c + 25.0, frame(k, c), Fate::Applied));
    }
    let strip = history.ages(ms(399.0 * 20.0 + 25.0));
    assert!(strip.saw.iter().all(|corner| corner[0] >= -AgeStrip::WINDOW));
    assert!((strip.saw[0][0] + AgeStrip::WINDOW).abs() < 1e-9, "the edge itself is drawn");
}

#[test]
fn the_last_inferences_and_the_drops_between_them() {
    let mut history = History::default();
    for k in 0..600u64 {
        let fate = if k % 3 == 0 { Fate::Applied } else { Fate::Dropped };
        history.take(&ended(k as f64 * 20.0 + 25.0, frame(k, k as f64 * 20.0), fate));
    }
    let lives = history.lives(&config(), &[frame(600, 12_000.0)], ms(12_010.0));
    let inferred = lives.iter().filter(|life| life.fate != Some(Fate::Dropped)).count();
    assert_eq!(inferred, INFERRED + 1);
    assert!(lives.len() > 400 && lives.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[test]
fn the_reaction_is_the_highest_peak_of_the_last_second_or_the_age_now() {
    let mut history = History::default();
    assert_eq!(history.reaction(ms(10.0)), None);
    let mut applied = |at: f64, captured: f64| {
        history.take(&ended(at, frame(0, captured), Fate::Applied));
        history.reaction(ms(at))
    };
    // Before there is a peak the age is all that is known; then L + T counts.
    assert_eq!(applied(100.0, 0.0), Some(Span::from_ms(100.0)));
    assert_eq!(applied(120.0, 20.0), Some(Span::from_ms(120.0)));
    assert_eq!(applied(330.0, 230.0), Some(Span::from_ms(310.0)));
    assert_eq!(applied(350.0, 250.0), Some(Span::from_ms(310.0)), "still in the last second");
    for at in [370.0, 850.0, 870.0, 1400.0] {
        applied(at, at - 100.0);
    }
    // The peak of 310 ms is old by now; that of 870 to 1400 ms is the highest.
    assert_eq!(history.reaction(ms(1400.0)), Some(Span::from_ms(630.0)));
    assert_eq!(history.reaction(ms(3000.0)), Some(Span::from_ms(1700.0)), "and the age still grows");
}

#[test]
fn live_times_are_held_against_the_calibration() {
    let sample = |frame| timing::Sample { frame, idle: Span::ZERO, service: ServiceTime::compute(Span::from_ms(1.0)) };
    let trace = Trace { samples: (0..50).map(sample).collect(), ..Trace::default() };
    let mut history = History::new(Some(&trace));
    let mut live = |ms: f64| {
        for id in 0..LIVE as u64 {
            let service = ServiceTime::compute(Span::from_ms(ms));
            history.take(&Entry::Predicted(episode::Prediction { id, service, output: vec![] }));
        }
        history.drifted()
    };
    assert!(!live(0.9));
    assert!(live(2.5));
    assert!(!live(1.0));
}
