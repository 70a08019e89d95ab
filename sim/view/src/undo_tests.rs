use scenario::{Compensation, Latency};

use super::*;
use crate::desk::tests::{desk, settings};
use crate::sim_thread::{Knob, Order};
use crate::snapshot::{Phase, Snapshot};
use crate::{Action, Desk};

/// The run that was launched begins, as the simulation thread would tell.
fn begun(desk: &mut Desk, run: u64, settings: &Settings) {
    desk.follow(&Snapshot { run, phase: Phase::Live, ..Snapshot::empty(settings.clone()) });
}

#[test]
fn a_change_of_a_live_run_is_taken_back_in_it() {
    let mut desk = desk();
    begun(&mut desk, 1, &settings());
    desk.act(Action::Latency(Latency::Fixed(40.0)));
    desk.act(Action::Deadline(Some(30.0)));
    let _ = desk.take_orders();
    desk.act(Action::Undo);
    assert_eq!(desk.take_orders(), [Order::Change(Knob::Deadline(None))]);
    desk.act(Action::Undo);
    assert_eq!(desk.take_orders(), [Order::Change(Knob::Latency(Latency::Fixed(100.0)))]);
    assert_eq!(desk.settings, settings());
    assert_eq!(desk.toast, "taken back: latency fixed:100");
    desk.act(Action::Redo);
    desk.act(Action::Redo);
    let again = [Order::Change(Knob::Latency(Latency::Fixed(40.0))), Order::Change(Knob::Deadline(Some(30.0)))];
    assert_eq!(desk.take_orders(), again);
    desk.act(Action::Redo);
    assert_eq!(desk.take_orders(), []);
    assert_eq!(desk.toast, "nothing to do again");
}

#[test]
fn what_starts_anew_is_taken_back_by_a_launch() {
    let mut desk = desk();
    begun(&mut desk, 1, &settings());
    desk.act(Action::Seed(9));
    begun(&mut desk, 2, &Settings { seed: 9, ..settings() });
    desk.act(Action::Model("other".into()));
    let both = Settings { seed: 9, model: Some("other".into()), ..settings() };
    begun(&mut desk, 3, &both);
    let _ = desk.take_orders();
    desk.act(Action::Undo);
    desk.act(Action::Undo);
    let launches = desk.take_orders();
    assert_eq!(launches.last(), Some(&Order::Launch(settings().into())));
    desk.act(Action::Redo);
    desk.act(Action::Redo);
    assert_eq!(desk.take_orders().last(), Some(&Order::Launch(both.into())));
}

#[test]
fn a_scenario_is_left_with_all_that_had_been_set() {
    let mut desk = desk();
    begun(&mut desk, 1, &settings());
    desk.act(Action::Compensation(Compensation::Predict));
    desk.act(Action::Scenario(1));
    begun(&mut desk, 2, &Settings { scenario: "crowd".into(), latency: Latency::Measured, ..settings() });
    let _ = desk.take_orders();
    desk.act(Action::Undo);
    let was = Settings { compensation: Compensation::Predict, ..settings() };
    assert_eq!(desk.take_orders(), [Order::Launch(was.into())]);
}

#[test]
fn a_dragged_slider_is_one_step_and_a_pressed_key_is_each_one() {
    let mut desk = desk();
    desk.dragging(true);
    for ms in 0..50 {
        desk.act(Action::Latency(Latency::Fixed(f64::from(ms))));
    }
    desk.dragging(false);
    desk.act(Action::Nudge(10.0));
    desk.act(Action::Nudge(10.0));
    assert_eq!(desk.settings.latency, Latency::Fixed(69.0));
    for expected in [59.0, 49.0, 100.0] {
        desk.act(Action::Undo);
        assert_eq!(desk.settings.latency, Latency::Fixed(expected));
    }
}

#[test]
fn the_speed_of_play_is_no_step_and_survives_them() {
    let mut desk = desk();
    desk.act(Action::Latency(Latency::Zero));
    desk.act(Action::Faster);
    let _ = desk.take_orders();
    desk.act(Action::Undo);
    assert_eq!((desk.settings.latency.clone(), desk.settings.speed), (Latency::Fixed(100.0), 2.0));
    desk.act(Action::Undo);
    assert_eq!(desk.settings.speed, 2.0);
}

#[test]
fn a_new_change_ends_what_could_be_done_again_and_old_steps_are_forgotten() {
    let mut desk = desk();
    for ms in 1..=200 {
        desk.act(Action::Latency(Latency::Fixed(f64::from(ms))));
    }
    for _ in 0..300 {
        desk.act(Action::Undo);
    }
    assert_eq!(desk.settings.latency, Latency::Fixed(200.0 - STEPS as f64));
    desk.act(Action::Cruise(1.0));
    desk.act(Action::Redo);
    assert_eq!(desk.settings.latency, Latency::Fixed(200.0 - STEPS as f64));
}
