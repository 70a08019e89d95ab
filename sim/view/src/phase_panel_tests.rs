use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use timing::{SimTime, Span};

use super::*;
use crate::desk::tests::settings;
use crate::phase::{MapState, PhaseCell};

/// 0.5 to 2 m/s and 0 to 400 ms; the more of both the more collide.
fn map() -> PhaseMap {
    let cell = |v: u32, l: u32| PhaseCell {
        speed: f64::from(v) * 0.5,
        latency_ms: f64::from(l) * 100.0,
        size: [0.5, 100.0],
        collided: (v * l).min(10),
        of: 10,
    };
    let cells = (1..=4).flat_map(|v| (0..=4).map(move |l| cell(v, l))).collect();
    let boundary = vec![[0.5, 500.0, 520.0], [1.0, 300.0, 320.0], [2.0, 130.0, 150.0]];
    PhaseMap { title: "lesson, driven by pilot, 10 seeds a cell".into(), cells, boundary }
}

struct State {
    desk: Desk,
    snapshot: Snapshot,
    actions: Vec<Action>,
    dressed: bool,
}

fn harness(map: Option<PhaseMap>, work: MapWork) -> Harness<'static, State> {
    let desk = Desk::new(settings(), crate::Choices::default());
    let scene = Some(crate::window::tests::scene());
    let map = MapState { shown: map.map(Arc::new), work };
    let snapshot = Snapshot { map, scene, ..Snapshot::empty(settings()) };
    let mut harness = Harness::builder().with_size([352.0, 560.0]).build_ui_state(
        |ui, state: &mut State| {
            if std::mem::replace(&mut state.dressed, true) {
                show(ui, &state.desk, &state.snapshot, &mut state.actions);
            } else {
                theme::dress(ui.ctx());
            }
        },
        State { desk, snapshot, actions: vec![], dressed: false },
    );
    harness.run_steps(3);
    harness
}

#[test]
fn the_map_says_what_it_is_and_what_is_found_at_the_settings() {
    let harness = harness(Some(map()), MapWork::Waits);
    for text in [
        "lesson, driven by pilot, 10 seeds a cell",
        "Now 2.00 m/s and 100 ms: 4 of 10 collide there.",
        "paused (Space)",
    ] {
        harness.get_by_label_contains(text);
    }
    let root = harness.root();
    let wide = root.children_recursive().filter_map(|node| node.accesskit_node().bounding_box());
    assert!(wide.map(|place| place.x1).fold(0.0, f64::max) <= 353.0);
}

#[test]
fn a_click_sets_speed_and_latency() {
    let mut harness = harness(Some(map()), MapWork::Runs);
    let place = {
        let root = harness.root();
        // What draws nothing has no place.
        let drawn = root.children_recursive().filter(|node| node.accesskit_node().bounding_box().is_some());
        let mut boxes = drawn.map(|node| node.rect());
        let plot = boxes.find(|rect| rect.width() > 300.0 && (199.0..=341.0).contains(&rect.height())).unwrap();
        Axes::of(&map(), plot).place(1.5, 250.0)
    };
    for pressed in [true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, egui::Modifiers::NONE);
        harness.event(egui::Event::PointerMoved(place));
        harness.event(egui::Event::PointerButton { pos: place, button, pressed, modifiers });
        harness.step();
    }
    harness.step();
    let expected = [Action::Cruise(1.5), Action::Latency(Latency::Fixed(250.0))];
    assert_eq!(harness.state().actions, expected);
}

#[test]
fn places_and_values_belong_together_and_the_top_speed_bounds_a_click() {
    let axes = Axes::of(&map(), Rect::from_min_size(Pos2::ZERO, egui::vec2(340.0, 300.0)));
    assert_eq!(axes.latencies, (0.0, 450.0));
    for (v, ms) in [(0.5, 0.0), (1.2, 333.0), (2.2, 450.0)] {
        let (speed, latency) = axes.value(axes.place(v, ms));
        assert!((speed - v).abs() < 1e-4 && (latency - ms).abs() < 1e-2, "{speed} {latency}");
    }
}

#[test]
fn the_cross_is_where_the_settings_are_or_where_the_last_inference_was() {
    let at = |ms: f64| SimTime::ZERO + Span::from_ms(ms);
    let bars = vec![
        (Stage::Sensing, at(0.0), at(5.0)),
        (Stage::Queue, at(5.0), at(15.0)),
        (Stage::Pre, at(15.0), at(16.0)),
        (Stage::Compute, at(16.0), at(46.0)),
        (Stage::ControlWait, at(46.0), at(60.0)),
    ];
    let life = Life { id: 0, captured: at(0.0), bars, fate: Some(Fate::Applied) };
    let lives = [life.clone(), Life { fate: None, ..life }];
    let cross = |latency: Latency| Cross::of(&Settings { latency, ..settings() }, &lives);
    let expected = |latency_ms, measured| Some(Cross { speed: 2.0, latency_ms, measured });
    assert_eq!(cross(Latency::Fixed(80.0)), expected(80.0, false));
    assert_eq!(cross(Latency::Zero), expected(0.0, false));
    assert_eq!(cross(Latency::Measured), expected(41.0, true));
    assert_eq!(Cross::of(&Settings { latency: Latency::Measured, ..settings() }, &[]), None);
}

#[test]
fn without_a_map_it_says_why() {
    for (work, text) in [
        (MapWork::None("A balancer has no speed to choose.".into()), "no speed to choose"),
        (MapWork::Waits, "There is no map of these settings yet"),
        (MapWork::Failed("the model x cannot be run".into()), "the model x cannot be run"),
    ] {
        harness(None, work).get_by_label_contains(text);
    }
}
