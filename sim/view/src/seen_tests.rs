use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use timing::{SimTime, Span};

use super::*;

/// 36 beams of 3.9 m, but for those given.
fn observation(at_ms: f64, beams: &[(usize, f32)]) -> Observation {
    let mut scan = vec![3.9; 36];
    for &(beam, range) in beams {
        scan[beam] = range;
    }
    Observation {
        frame: 7,
        at: SimTime::ZERO + Span::from_ms(at_ms),
        robot: plant::RobotState::default(),
        goal: [0.0; 2],
        scan: scan.into(),
        depth: None,
        seen: Arc::new([]),
        gap: f64::INFINITY,
    }
}

fn scene(then: Option<Observation>, now: Observation) -> Scene {
    let mut scene = crate::window::tests::scene();
    scene.now = now.at;
    scene.behind = then.map(Arc::new);
    scene.instruments.truth = Some(Arc::new(now));
    scene
}

#[test]
fn the_middle_beams_look_ahead_and_the_left_is_positive() {
    assert!((bearing(17, 36) + bearing(18, 36)).abs() < 1e-6 && bearing(18, 36) > 0.0);
    assert!((bearing(27, 36).to_degrees() - 95.0).abs() < 1e-3);
}

#[test]
fn the_greatest_approach_ahead_is_told() {
    let words = |then: &[(usize, f32)], now: &[(usize, f32)]| {
        let scene = scene(Some(observation(100.0, then)), observation(312.0, now));
        Sight::of(&scene).unwrap().words()
    };
    assert_eq!(words(&[], &[]), "Ahead nothing is nearer than it was told.");
    assert_eq!(words(&[(20, 3.0)], &[(20, 2.58)]), "\u{25b2} 0.42 m nearer than it was told, 25 degrees to the left.");
    let several = words(&[(17, 3.0), (14, 3.5)], &[(17, 2.0), (14, 3.4)]);
    assert_eq!(several, "\u{25b2} 1.00 m nearer than it was told, 5 degrees to the right.");
    // Behind it, and within the noise, is nothing to tell.
    assert_eq!(words(&[(2, 3.0)], &[(2, 1.0)]), "Ahead nothing is nearer than it was told.");
    assert_eq!(words(&[], &[(18, 3.88)]), "Ahead nothing is nearer than it was told.");
    // What went away is not nearer.
    assert_eq!(words(&[(18, 2.0)], &[]), "Ahead nothing is nearer than it was told.");
}

struct State {
    scene: Scene,
    actions: Rc<RefCell<Vec<Action>>>,
    dressed: bool,
}

fn harness(scene: Scene) -> Harness<'static, State> {
    let state = State { scene, actions: Rc::default(), dressed: false };
    let mut harness = Harness::builder().with_size([352.0, 640.0]).build_ui_state(
        |ui, state: &mut State| {
            if std::mem::replace(&mut state.dressed, true) {
                show(ui, &state.scene, &mut state.actions.borrow_mut());
            } else {
                theme::dress(ui.ctx());
            }
        },
        state,
    );
    harness.run_steps(3);
    harness
}

#[test]
fn the_panel_tells_how_old_it_is_and_closes() {
    let mut harness = harness(scene(Some(observation(100.0, &[])), observation(312.0, &[(18, 2.5)])));
    harness.get_by_label_contains("on what was 212 ms ago");
    harness.get_by_label_contains("1.40 m nearer than it was told, 5 degrees to the left");
    assert!(harness.query_by_label("depth then").is_none());
    harness.get_by_label("V: close").click();
    harness.run_steps(2);
    assert_eq!(*harness.state().actions.borrow(), [Action::Instrument(Instrument::Seen)]);
}

#[test]
fn before_the_first_command_there_is_nothing_to_see() {
    let harness = harness(scene(None, observation(312.0, &[])));
    harness.get_by_label_contains("the initial one holds");
}

#[test]
fn depth_images_stand_beside_each_other() {
    let depth = |metres: f32| DepthImage { width: 8, height: 6, depth: vec![metres; 48].into(), max_range: 6.0 };
    let (mut then, mut now) = (observation(100.0, &[]), observation(312.0, &[]));
    (then.depth, now.depth) = (Some(depth(3.0)), Some(depth(2.5)));
    let harness = harness(scene(Some(then), now));
    for text in ["depth then", "depth now", "difference"] {
        harness.get_by_label(text);
    }
    let root = harness.root();
    let wide = root.children_recursive().filter_map(|node| node.accesskit_node().bounding_box());
    assert!(wide.map(|place| place.x1).fold(0.0, f64::max) <= 353.0);
    assert_eq!(change_paint(3.0, 2.5, 0.0), theme::BLIND);
    assert_eq!(change_paint(3.0, 3.02, 0.0), Color32::WHITE);
    assert_ne!(depth_paint(0.5, 6.0), depth_paint(5.0, 6.0));
}
