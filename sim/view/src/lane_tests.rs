use episode::Status;
use scenario::PilotSpec;
use timing::Schedule;

use super::*;

const COURSE: &str = r#"
    title = "A box on the way"
    duration_s = 3.0
    [robot]
    speed = 1.0
    [[box]]
    x = 2.2
    y = 0.0
    length = 0.4
    width = 0.6
    [controller]
    pilot = "straight"
    [latency]
    source = "fixed:100"
"#;

fn launched() -> Launched {
    let mut setup = scenario::parse(COURSE, "box.toml").unwrap().setup(3).unwrap();
    setup.pilot = PilotSpec::Straight;
    let settings = Settings { scenario: "box".into(), schedule: Schedule::Newest, ..crate::desk::tests::settings() };
    Launched {
        episode: Episode::new(Arc::new(setup), Source::Fixed(Span::from_ms(100.0))).unwrap(),
        driver: Driver::new(Supply::Nobody),
        settings,
        runtime_line: String::new(),
        model_line: String::new(),
        calibration: None,
    }
}

fn at(secs: f64) -> SimTime {
    SimTime::ZERO + Span::from_secs(secs)
}

fn to_the_end(lane: &mut Lane) {
    while !lane.done() {
        lane.play(lane.reached + Span::from_ms(7.0), Duration::ZERO);
    }
}

#[test]
fn any_moment_that_is_looked_at_again_is_what_it_was() {
    let mut lane = Lane::new(0, launched());
    let mut digests = Vec::new();
    for step in 1..=180 {
        let t = at(f64::from(step) * 0.01);
        lane.play(t, Duration::ZERO);
        if !lane.done() {
            digests.push((t, lane.episode.digest(), lane.episode.robot_at(t)));
        }
        if step == 70 {
            lane.episode.change(Change::Cruise(0.6));
        }
    }
    assert!(digests.len() > 100);
    // Back, forward, far and near.
    for index in [90, 3, 4, 77, 20, 100, 0, 69, 70, 71] {
        let (t, digest, robot) = digests[index];
        lane.look_at(Some(t));
        let (episode, history, shown) = lane.shown();
        assert_eq!((shown, episode.digest(), episode.robot_at(t)), (t, digest, robot), "{index}");
        assert!(t < at(0.2) || !history.ages(t).saw.is_empty());
    }
    lane.look_at(None);
    assert_eq!(lane.shown_at(), lane.reached);
}

#[test]
fn a_fork_that_nobody_changes_is_the_same_run() {
    let mut lane = Lane::new(0, launched());
    lane.play(at(1.0), Duration::ZERO);
    let (mut early, entries) = lane.fork(1, launched());
    assert_eq!(early.forked, Some(at(1.0)));
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Tick(_))));
    to_the_end(&mut lane);
    to_the_end(&mut early);
    assert_eq!(early.episode.digest(), lane.episode.digest());
    assert_eq!(early.equal_until(&lane), None);
    // And so is one from a moment that was looked at again.
    lane.look_at(Some(at(0.53)));
    let (mut late, _) = lane.fork(2, launched());
    assert_eq!(late.reached, at(0.53));
    to_the_end(&mut late);
    assert_eq!(late.episode.digest(), lane.episode.digest());
}

#[test]
fn a_fork_that_is_changed_is_equal_until_then() {
    let mut lane = Lane::new(0, launched());
    to_the_end(&mut lane);
    lane.look_at(Some(at(0.8)));
    let (mut fork, _) = lane.fork(1, launched());
    fork.episode.change(Change::Cruise(0.3));
    to_the_end(&mut fork);
    let until = fork.equal_until(&lane).unwrap();
    // It drives on for 100 ms on what it saw before.
    assert!((0.8..1.2).contains(&until.secs()), "{}", until.secs());
    assert_ne!(fork.episode.digest(), lane.episode.digest());
    assert_eq!(lane.equal_until(&fork), Some(until));
}

#[test]
fn a_log_is_looked_at_with_what_was_changed_in_it() {
    let mut lane = Lane::new(0, launched());
    lane.play(at(0.7), Duration::ZERO);
    let edit = lane.episode.change(Change::Cruise(0.5));
    to_the_end(&mut lane);
    let mut launched = launched();
    launched.episode.schedule_edits([edit]);
    let mut log = Lane::new(0, launched);
    log.run_through(None);
    assert!(log.done());
    assert_eq!(log.episode.digest(), lane.episode.digest());
    log.look_at(Some(at(0.4)));
    assert_eq!(log.settings().cruise, Some(2.0));
    log.look_at(Some(at(0.9)));
    assert_eq!(log.settings().cruise, Some(0.5));
}

#[test]
fn what_was_just_changed_is_in_a_fork_and_what_comes_later_in_a_log_is_not() {
    let mut lane = Lane::new(0, launched());
    lane.play(at(0.7), Duration::ZERO);
    lane.episode.change(Change::Cruise(0.5));
    let (mut fork, _) = lane.fork(1, launched());
    to_the_end(&mut lane);
    to_the_end(&mut fork);
    assert_eq!(fork.episode.digest(), lane.episode.digest());
    let mut plain = Lane::new(0, launched());
    to_the_end(&mut plain);
    lane.look_at(Some(at(0.5)));
    let (mut earlier, _) = lane.fork(2, launched());
    to_the_end(&mut earlier);
    assert_eq!(earlier.episode.digest(), plain.episode.digest());
}

#[test]
fn keys_stay_few_however_long_a_run_is() {
    let mut lane = Lane::new(0, launched());
    lane.past.every = Span::from_ms(1.0);
    while !lane.done() {
        lane.play(lane.reached + Span::from_ms(2.0), Duration::ZERO);
    }
    assert!(lane.past.keys.len() <= KEYS);
    assert!(lane.past.every > Span::from_ms(1.0));
    lane.look_at(Some(at(0.011)));
    assert_eq!(lane.shown_at(), at(0.011));
    let Status::Reached = lane.shown().0.clone().advance(at(0.02)) else { panic!() };
}
