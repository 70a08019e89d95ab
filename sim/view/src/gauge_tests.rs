use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use timing::Source;

use super::*;
use crate::history::History;

/// `braking`, the oracle of the time contract: 1.3 m in sight at 2 m/s, braking with 2 m/s^2, so R_max = 150 ms.
fn braking(fixed_ms: f64) -> Episode {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/braking.toml");
    let setup = scenario::load(&path).unwrap().setup(0).unwrap();
    let mut episode = Episode::new(Arc::new(setup), Source::Fixed(Span::from_ms(fixed_ms))).unwrap();
    episode.keep_log();
    episode
}

fn at(seconds: f64) -> SimTime {
    SimTime::ZERO + Span::from_secs(seconds)
}

/// The gauge at an instant, with the reaction that was measured until then.
fn read(episode: &mut Episode, history: &mut History, seconds: f64) -> Gauge {
    episode.advance(at(seconds));
    episode.take_log().iter().for_each(|entry| history.take(entry));
    gauge(episode, at(seconds), history.reaction(at(seconds))).unwrap()
}

#[test]
fn it_reads_the_formula_while_the_speed_is_constant() {
    for (fixed, reaction, needed) in [(100.0, 120.0, 1.24), (130.0, 150.0, 1.3), (131.0, 151.0, 1.302)] {
        let (mut episode, mut history) = (braking(fixed), History::default());
        // The wall comes into sight after 1000.5 ms.
        let gauge = read(&mut episode, &mut history, 1.0005);
        assert_eq!(gauge.reaction, Some(Span::from_ms(reaction)), "fixed:{fixed}");
        assert!((gauge.needed() - needed).abs() < 1e-9, "fixed:{fixed}: {}", gauge.needed());
        assert!((gauge.needed() - timing::stopping_distance(2.0, 2.0, reaction / 1e3)).abs() < 1e-9);
        assert!((gauge.free - 1.3).abs() < 1e-4, "fixed:{fixed}: {}", gauge.free);
        assert!((gauge.at_least - 1.0).abs() < 1e-9);
        assert_eq!(gauge.verdict(), if fixed <= 130.0 { Verdict::Fits } else { Verdict::Late }, "fixed:{fixed}");
    }
}

#[test]
fn a_command_that_brakes_already_needs_no_reaction() {
    let (mut episode, mut history) = (braking(100.0), History::default());
    // The frame of 1020 ms sees the wall, and its command takes hold at 1120.
    let waits = read(&mut episode, &mut history, 1.1);
    assert!((waits.driven - 0.24).abs() < 1e-9 && (waits.free - 1.101).abs() < 1e-3);
    assert_eq!((waits.verdict(), waits.words().as_str()), (Verdict::Late, "\u{25b2} must brake within 50 ms"));
    let braking = read(&mut episode, &mut history, 1.25);
    assert!(braking.speed < 2.0 && braking.verdict() == Verdict::Fits);
    let expected = braking.speed * braking.speed / 4.0;
    assert!((braking.needed() - expected).abs() < 1e-6, "{} {expected}", braking.needed());
    let standing = read(&mut episode, &mut history, 2.13);
    assert!(standing.needed() < 1e-6 && standing.verdict() == Verdict::Fits && standing.free > 0.05, "{standing:?}");
}

#[test]
fn too_late_is_seen_before_the_wall_is_hit() {
    let (mut episode, mut history) = (braking(200.0), History::default());
    assert_eq!(read(&mut episode, &mut history, 1.1).verdict(), Verdict::Late);
    // From 1150.5 ms on nothing helps; the brakes bite at 1220.
    assert_eq!(read(&mut episode, &mut history, 1.149).verdict(), Verdict::Late);
    let gauge = read(&mut episode, &mut history, 1.19);
    assert_eq!(gauge.verdict(), Verdict::Short);
    assert_eq!(gauge.words(), "\u{2716} cannot stop: 0.08 m short");
    assert_eq!(episode.outcome(), None);
    episode.advance(SimTime::NEVER);
    let hit = read(&mut episode, &mut history, 9.0);
    assert_eq!((hit.verdict(), hit.words().as_str()), (Verdict::Short, "\u{2716} in contact"));
    let far = Gauge { free: f64::INFINITY, ..gauge };
    assert!(far.verdict() == Verdict::Fits && far.words().contains("nothing ahead"));
}

#[test]
fn before_the_first_command_the_reaction_is_not_known() {
    let (mut episode, mut history) = (braking(100.0), History::default());
    let gauge = read(&mut episode, &mut history, 0.05);
    assert_eq!((gauge.reaction, gauge.driven), (None, 0.0));
    assert!((gauge.braking - 1.0).abs() < 1e-6);
}

#[test]
fn the_gauge_says_what_it_shows() {
    let gauge = Gauge {
        speed: 2.0,
        reaction: Some(Span::from_ms(220.0)),
        driven: 0.44,
        braking: 1.0,
        at_least: 1.0,
        free: 1.3,
        path: vec![],
    };
    let mut harness = Harness::builder().with_size([200.0, 60.0]).build_ui_state(
        |ui, dressed: &mut bool| {
            if std::mem::replace(dressed, true) {
                show(ui, &gauge);
            } else {
                theme::dress(ui.ctx());
            }
        },
        false,
    );
    harness.run_steps(2);
    harness.hover_at(egui::pos2(60.0, 14.0));
    harness.run_steps(40);
    harness.get_by_label_contains("0.44 m in the reaction time R = 220 ms");
}
