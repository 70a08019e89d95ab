use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use plant::{Goal, Lidar, Obstacle, Outline, Pose, Robot, RobotState, World};
use scenario::Latency;
use timing::{Counts, Fate, Rate, SimTime, Span, Stage, Warmth};

use super::*;
use crate::desk::tests::settings;
use crate::snapshot::{AgeStrip, Badge, Ending, Instruments, Life, Playback, Scene};
use crate::{Choice, Gauge, Settings};

struct State {
    desk: Desk,
    snapshot: Snapshot,
    actions: Vec<Action>,
    dressed: bool,
}

fn choices(names: &[&str]) -> Vec<Choice> {
    let long =
        "A description that is long enough to need more than one line in a panel as narrow as this one, and a third";
    names.iter().map(|name| Choice { id: (*name).into(), title: (*name).into(), description: long.into() }).collect()
}

pub(crate) fn scene() -> Scene {
    let pose = Pose { x: 7.0, y: 0.4, yaw: 0.3 };
    let world = World {
        tick: Rate::from_hz(240.0).unwrap(),
        robot: Robot::Rover(plant::rover_default()),
        start: Pose::default(),
        start_speed: 2.0,
        goal: Some(Goal { x: 12.0, y: 0.0, radius: 0.5 }),
        obstacles: vec![Obstacle { name: "van".into(), outline: Outline::Cylinder { radius: 0.4 }, height: 1.0, pose }],
        actors: vec![],
        lidar: Lidar { beams: 360, max_range: 10.0, height: 0.2, noise: 0.0 },
        camera: None,
        seed: 1,
    };
    let life = |id: u64| {
        let captured = SimTime(id.cast_signed() * 25_000_000);
        let bars = vec![(Stage::Compute, captured, captured + Span::from_ms(120.0))];
        Life { id, captured, bars, fate: Some(if id.is_multiple_of(3) { Fate::Applied } else { Fate::Dropped }) }
    };
    Scene {
        world: Arc::new(world),
        now: SimTime(4_840_000_000),
        robot: RobotState { pose, linear: 1.98, ..RobotState::default() },
        actors: vec![],
        newest: None,
        behind: None,
        age: Some(Span::from_ms(212.0)),
        blind: 0.42,
        blind_path: vec![[6.6, 0.4], [7.0, 0.4]],
        committed: vec![],
        stopping: 0.98,
        clearance: 1.03,
        warmth: None,
        counts: Counts { captured: 194, applied: 50, dropped: 141, in_flight: 3, ..Counts::default() },
        ages: AgeStrip { saw: vec![[-1.0, 100.0], [0.0, 212.0]], peaks: vec![[-0.5, 160.0]], latencies: vec![] },
        lives: (0..30).map(life).collect(),
        playback: Playback { speed: 1.0, obtained: 0.5, paused: false, held: false },
        badge: Badge::Drifted,
        instruments: Instruments {
            gauge: Some(Gauge {
                speed: 1.98,
                reaction: Some(Span::from_ms(212.0)),
                driven: 0.42,
                braking: 0.98,
                at_least: 0.98,
                free: 1.3,
                path: vec![],
            }),
            ..Instruments::default()
        },
    }
}

fn harness(size: [f32; 2], settings: Settings, phase: Phase) -> Harness<'static, State> {
    let scenarios = choices(&["lesson", "braking", "a scenario with a name that is far too long for the list"]);
    let devices = choices(&["profile:jetson-orin-nano", "device:agx-orin@15w"]);
    let choices = crate::Choices {
        scenarios,
        models: choices(&["pilot"]),
        runtimes: choices(&["auto", "rten"]),
        graphs: choices(&["all", "off"]),
        links: choices(&["none", "wifi-busy"]),
        devices,
    };
    let desk = Desk::new(settings.clone(), choices);
    let snapshot = Snapshot {
        run: 1,
        phase,
        runtime_line: "auto -> onnxruntime 1.32.0 (tensorrt: no NVIDIA driver; cuda: no NVIDIA driver)".into(),
        model_line: "pilot, 41 kB".into(),
        log: Kept {
            command: "deadtime replay 0042-a-scenario-with-a-name-that-is-far-too-long".into(),
            path: "/a/folder/0042-a-scenario-with-a-name-that-is-far-too-long.mcap".into(),
            problem: String::new(),
        },
        scene: Some(scene()),
        ..Snapshot::empty(settings)
    };
    let zoom = zoom(size[0], size[1]);
    let mut harness =
        Harness::builder().with_size([size[0] / zoom, size[1] / zoom]).with_pixels_per_point(zoom).build_ui_state(
            |ui, state: &mut State| {
                // Fonts are there from the frame after.
                if !std::mem::replace(&mut state.dressed, true) {
                    theme::dress(ui.ctx());
                    return;
                }
                let drawn = window(ui, &state.desk, &state.snapshot, &[]);
                state.actions.extend(drawn.actions);
            },
            State { desk, snapshot, actions: vec![], dressed: false },
        );
    harness.run_steps(3);
    harness
}

fn crash() -> Phase {
    Phase::Over(Ending {
        outcome: episode::Outcome::Collision,
        story: Some("Hit the pedestrian at 1.89 m/s, 4.83 s into the run; 204 ms old, 0.41 m driven blind.".into()),
        seconds: 4.83,
        clearance: Some(0.0),
        age_ms: 225.0,
        blind: 0.45,
        digest: 1,
    })
}

#[test]
fn the_slider_says_what_it_was_dragged_to() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    let rect = {
        let root = harness.root();
        let slider =
            root.children_recursive().find(|node| node.accesskit_node().numeric_value() == Some(100.0)).unwrap();
        slider.rect()
    };
    harness.drag_at(rect.left_center() + egui::vec2(rect.width() * 0.4 * 0.6, 0.0));
    harness.step();
    harness.hover_at(rect.left_center() + egui::vec2(rect.width() * 0.5, 0.0));
    harness.step();
    let Some(Action::Latency(Latency::Fixed(ms))) = harness.state().actions.last() else {
        panic!("{:?}", harness.state().actions)
    };
    assert!((150.0..450.0).contains(ms), "{ms}");
}

#[test]
fn the_kind_of_latency_is_one_click() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    harness.get_by_label("service").click();
    harness.run_steps(2);
    harness.get_by_label("device").click();
    harness.run_steps(2);
    harness.get_by_label("fixed").click();
    harness.run_steps(2);
    let profile = Latency::Profile("jetson-orin-nano".into());
    let expected = [Action::Latency(Latency::Service(100.0)), Action::Latency(profile)];
    assert_eq!(harness.state().actions, expected, "and what is picked already is not picked again");
}

#[test]
fn the_crash_card_says_why_and_what_next() {
    let mut harness = harness([1024.0, 640.0], settings(), crash());
    harness.get_by_label_contains("Hit the pedestrian at 1.89 m/s");
    harness.get_by_label("Lower the latency from 100 to 0 ms and press R.");
    harness.get_by_label("Try 0 ms").click();
    harness.run_steps(2);
    assert_eq!(harness.state().actions, [Action::Latency(Latency::Fixed(0.0)), Action::Reset]);
}

#[test]
fn a_run_that_cannot_start_says_so() {
    let harness = harness([1024.0, 640.0], settings(), Phase::Failed("found no model `x`; expected pilot".into()));
    harness.get_by_label("found no model `x`; expected pilot");
}

#[test]
fn nothing_overflows() {
    let measured = Settings { latency: Latency::Profile("jetson-orin-nano".into()), ..settings() };
    for size in [[1280.0, 800.0], [1024.0, 640.0], [1920.0, 1080.0]] {
        for (settings, phase) in [(settings(), Phase::Live), (measured.clone(), crash())] {
            let harness = harness(size, settings, phase);
            let zoom = zoom(size[0], size[1]);
            let whole = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size[0] / zoom, size[1] / zoom)).expand(0.5);
            let drawn = |node: &egui_kittest::Node<'_>| node.accesskit_node().bounding_box().is_some();
            for node in harness.root().children_recursive().filter(drawn) {
                let rect = node.rect();
                let named = node.accesskit_node().label().or(node.accesskit_node().value());
                assert!(whole.contains_rect(rect), "{named:?} at {rect:?} leaves {size:?}");
                // What begins in the panel ends in the panel.
                let leaf = node.children().next().is_none();
                if leaf && rect.left() < PANEL - 10.0 && rect.width() > 0.0 && rect.width() < whole.width() * 0.8 {
                    assert!(rect.right() <= PANEL, "{named:?} at {rect:?} leaves the panel at {size:?}");
                }
            }
        }
    }
}

#[test]
fn the_legend_of_the_waterfall_and_the_numbers_are_there() {
    let harness = harness([1280.0, 800.0], settings(), Phase::Live);
    for text in ["212 ms", "0.42 m", "1.40 m", "1.98 m/s", "4.84 s", "0.50x of 1x", "194", "141"] {
        assert!(harness.query_all_by_label(text).next().is_some(), "{text}");
    }
    harness.get_by_label_contains("measured, disturbed");
}

#[test]
fn a_modelled_device_tells_how_warm_it_is() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    assert!(harness.query_by_label_contains("slowed").is_none());
    let warmth = Warmth {
        celsius: 96.6,
        celsius_max: 97.0,
        throttled_s: 3.0,
        throttled: true,
        energy_j: 410.0,
        mean_w: 9.5,
        battery_left: Some(0.875),
        battery_empty_s: None,
    };
    harness.state_mut().snapshot.scene.as_mut().unwrap().warmth = Some(warmth);
    harness.run_steps(2);
    harness.get_by_label("97 \u{b0}C, slowed");
    harness.get_by_label("87.5 %");
}

#[test]
fn beside_an_instrument_the_numbers_leave_the_way_ahead_free() {
    for instrument in [Instrument::Seen, Instrument::Map] {
        let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
        harness.state_mut().desk.put(Some(instrument));
        harness.run_steps(4);
        for text in ["age 212 ms", "blind 0.42 m", "needs 1.40 m", "speed 1.98 m/s", "clearance 1.03 m"] {
            harness.get_by_label_contains(text);
        }
        let hud = harness.ctx.memory(|memory| memory.area_rect(Id::new("hud"))).unwrap();
        // The robot is in the middle of a scene of 566 points and drives up and to the right.
        assert!(hud.bottom() < 0.2 * 566.0, "{hud}");
        assert!(hud.left() > PANEL && hud.right() < 1280.0 - LABS, "{hud}");
        // Nor does a list of lanes cover the robot.
        harness.state_mut().snapshot.lanes = vec![lane(0, "latency fixed:200", None), lane(1, "cruise 1 m/s", None)];
        harness.run_steps(4);
        let list = harness.ctx.memory(|memory| memory.area_rect(Id::new("lanes"))).unwrap();
        assert!(list.top() > hud.bottom() && list.bottom() < 0.45 * 566.0, "{list}");
    }
}

#[test]
fn the_log_is_named_while_a_run_goes_on_and_on_the_card() {
    for phase in [Phase::Live, crash()] {
        let mut harness = harness([1280.0, 800.0], settings(), phase);
        harness.get_by_label_contains("deadtime replay 0042");
        harness.state_mut().snapshot.log.problem = "cannot write x: no space left; make room".into();
        harness.run_steps(2);
        harness.get_by_label_contains("no space left");
    }
}

#[test]
fn the_scene_alone_fills_the_window_unless_a_run_cannot_start() {
    let mut harness = harness([1280.0, 800.0], settings(), crash());
    harness.state_mut().desk.act(Action::Bare);
    harness.run_steps(2);
    assert_eq!(harness.query_all_by_label_contains("").count(), 0, "nothing but the scene");
    harness.state_mut().snapshot.phase = Phase::Failed("found no model `x`; expected pilot".into());
    harness.run_steps(2);
    harness.get_by_label("found no model `x`; expected pilot");
}

fn lane(place: usize, differs: &str, equal_until: Option<SimTime>) -> crate::snapshot::LaneView {
    crate::snapshot::LaneView {
        place,
        differs: vec![differs.into()],
        robot: scene().robot,
        trail: vec![],
        age: Some(Span::from_ms(75.0)),
        outcome: (place == 0).then_some(episode::Outcome::Collision),
        digest: 7,
        equal_until,
    }
}

#[test]
fn lanes_say_what_sets_them_apart_and_since_when() {
    let mut harness = harness([1024.0, 640.0], settings(), Phase::Live);
    assert_eq!(harness.query_all_by_label_contains("bit for bit").count(), 0, "one lane needs no list");
    let at = SimTime::ZERO + Span::from_ms(2283.0);
    let second = lane(1, "latency fixed:60, a model with a name that is far too long for one line", Some(at));
    harness.state_mut().snapshot.lanes =
        vec![lane(0, "latency fixed:200", None), second, lane(2, "cruise 1 m/s", None)];
    harness.state_mut().snapshot.focus = 1;
    harness.run_steps(3);
    harness.get_by_label_contains("collided; the reference of the others");
    harness.get_by_label_contains("age 75 ms; bit for bit as A until 2.283 s");
    harness.get_by_label_contains("bit for bit as A so far");
    harness.get_by_label("latency fixed:200").click();
    harness.run_steps(2);
    harness.query_all_by_label("x").nth(2).unwrap().click();
    harness.run_steps(2);
    assert_eq!(harness.state().actions, [Action::Lane(0), Action::CloseLane(2)]);
}

#[test]
fn the_timeline_is_dragged_to_any_moment() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    let second = |secs: f64| SimTime::ZERO + Span::from_secs(secs);
    harness.state_mut().snapshot.timeline = crate::snapshot::Timeline {
        at: second(8.0),
        head: second(8.0),
        ends: vec![(0, second(5.0), episode::Outcome::Collision)],
        forks: vec![(1, second(2.0))],
        log: String::new(),
    };
    harness.run_steps(2);
    // The middle of the track: between its two texts.
    let (left, right) = (PANEL + 10.0 + 96.0, 1280.0 - 10.0 - 108.0);
    let strip = ((800.0f32 - 0.0) * 0.26).clamp(140.0, 230.0);
    let at = egui::pos2(f32::midpoint(left, right), 800.0 - strip - 16.0 - timeline::HEIGHT / 2.0);
    harness.drag_at(at);
    harness.step();
    harness.hover_at(at + egui::vec2((right - left) / 4.0, 0.0));
    harness.step();
    let moments: Vec<f64> = harness
        .state()
        .actions
        .iter()
        .map(|action| if let Action::Scrub(secs) = action { *secs } else { panic!("{action:?}") })
        .collect();
    assert!(moments.first().is_some_and(|secs| (secs - 4.0).abs() < 0.1), "{moments:?}");
    assert!(moments.last().is_some_and(|secs| (secs - 6.0).abs() < 0.1), "{moments:?}");
}

#[test]
fn the_card_tells_whose_fault_it_was() {
    let mut harness = harness([1024.0, 640.0], settings(), crash());
    harness.get_by_label("Whose fault? (B)").click();
    harness.run_steps(2);
    assert_eq!(harness.state().actions, [Action::Blame]);
    harness.state_mut().snapshot.blame = crate::snapshot::Blaming::Running { done: 3, of: 16 };
    harness.run_steps(2);
    harness.get_by_label_contains("3 of 16 variants");
    harness.state_mut().snapshot.blame = crate::snapshot::Blaming::Told(crate::snapshot::Verdict {
        verdict: "latency".into(),
        paragraph: "Latency is to blame: 62 ms less.".into(),
        numbers: vec![("shares".into(), "compute 100 % of the impact speed that latency brought".into()); 8],
        critical_ms: Some(38.0),
        forked_s: 2.0,
    });
    harness.run_steps(5);
    harness.get_by_label_contains("62 ms less");
    harness.get_by_label("What if 30 ms from 2.0 s on?").click();
    harness.run_steps(2);
    assert_eq!(harness.state().actions.last(), Some(&Action::WhatIfFrom(2.0, Latency::Fixed(30.0))));
}

/// What has the keyboard.
fn focused(harness: &Harness<State>) -> Option<String> {
    let root = harness.root();
    let mut nodes = root.children_recursive().filter(|node| node.accesskit_node().is_focused());
    nodes.next().map(|node| {
        let node = node.accesskit_node();
        node.label().or(node.value()).unwrap_or_else(|| format!("{:?}", node.role()))
    })
}

#[test]
fn the_keyboard_reaches_every_control_from_top_to_bottom() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    assert_eq!(focused(&harness), None);
    let mut order = Vec::new();
    for _ in 0..40 {
        harness.key_press(egui::Key::Tab);
        harness.run_steps(2);
        order.extend(focused(&harness));
    }
    let expected = ["next", "Pause", "Reset", "Step", "-", "+", "measured", "fixed", "service", "device", "deadline"];
    let places: Vec<_> = expected.map(|name| order.iter().position(|other| other == name)).into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{expected:?} in {order:?}");
    // And what has it can be pressed.
    while focused(&harness).as_deref() != Some("Reset") {
        harness.key_press(egui::Key::Tab);
        harness.run_steps(2);
    }
    harness.key_press(egui::Key::Space);
    harness.run_steps(2);
    assert_eq!(harness.state().actions, [Action::Reset]);
}

#[test]
fn the_pointer_leaves_the_keyboard_to_the_window() {
    // Else Space would press the button again instead of pausing.
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    harness.get_by_label("Reset").click();
    harness.run_steps(2);
    assert_eq!((focused(&harness), harness.state().actions.len()), (None, 1));
}

#[test]
fn the_help_names_every_key_and_fits() {
    for size in [[1280.0, 800.0], [1024.0, 640.0], [880.0, 560.0], [1920.0, 1080.0]] {
        let mut harness = harness(size, settings(), Phase::Live);
        harness.state_mut().desk.act(Action::Help);
        harness.run_steps(3);
        let zoom = zoom(size[0], size[1]);
        let whole = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size[0], size[1]) / zoom).expand(0.5);
        for key in keys::KEYS.iter().filter(|key| !key.help.is_empty()) {
            for text in [key.cap, key.help] {
                let mut found = harness.query_all_by_label(text);
                assert!(found.any(|node| whole.contains_rect(node.rect())), "{text} at {size:?}");
            }
        }
        for group in Group::ALL {
            harness.get_by_label(group.label());
        }
        assert!(harness.query_all_by_label("drop a file").next().is_some(), "the mouse has its place too");
    }
}

#[test]
fn the_first_steps_are_told_until_anything_is_done() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    for action in [Action::Escape, Action::Nudge(10.0)] {
        harness.state_mut().desk.hint = true;
        harness.run_steps(2);
        harness.get_by_label("A neural network drives this robot.");
        harness.state_mut().desk.act(action);
        harness.run_steps(2);
        assert!(harness.query_by_label("A neural network drives this robot.").is_none());
    }
    assert!(!harness.state().desk.quit, "the first Esc closes the words, not the window");
}

#[test]
fn what_hovers_is_told_what_becomes_of_it() {
    let mut harness = harness([1280.0, 800.0], settings(), Phase::Live);
    harness.state_mut().desk.promise = "Drop it to time net.onnx and to drive with it".into();
    harness.run_steps(2);
    harness.get_by_label("Drop it to time net.onnx and to drive with it");
}
