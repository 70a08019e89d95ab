use bevy_egui::egui::{Rect, pos2, vec2};

use super::*;

fn label(x: f32, y: f32, width: f32) -> Rect {
    Rect::from_center_size(pos2(x, y), vec2(width, 20.0))
}

const SCENE: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(400.0, 300.0) };

#[test]
fn a_label_stands_where_it_wants_to_if_nothing_is_there() {
    let wanted = label(200.0, 150.0, 80.0);
    assert_eq!(free(wanted, &[], SCENE), wanted);
    assert_eq!(free(wanted, &[label(50.0, 150.0, 80.0)], SCENE), wanted);
    assert_eq!(free(label(390.0, 5.0, 80.0), &[], SCENE), label(360.0, 10.0, 80.0), "inside the scene");
}

#[test]
fn a_label_covers_no_other_and_moves_no_farther_than_it_must() {
    // Letters of robots one above the other, and a card in the corner.
    let letters = [label(200.0, 160.0, 20.0), label(200.0, 138.0, 20.0), label(200.0, 116.0, 20.0)];
    let taken = [&letters[..], &[Rect::from_min_size(pos2(0.0, 0.0), vec2(150.0, 100.0))]].concat();
    for (x, y, width) in [(150.0, 150.0, 120.0), (200.0, 120.0, 60.0), (60.0, 60.0, 100.0), (120.0, 95.0, 200.0)] {
        let wanted = label(x, y, width);
        let placed = free(wanted, &taken, SCENE);
        assert!(taken.iter().all(|other| !other.intersects(placed)), "{placed}");
        assert!(SCENE.contains_rect(placed), "{placed}");
        assert!(placed.center().distance(wanted.center()) < 90.0, "{wanted} to {placed}");
    }
    // Out from under the side that is nearer.
    assert_eq!(free(label(195.0, 150.0, 60.0), &letters[..1], SCENE).center().y, 138.0);
}

#[test]
fn a_label_without_any_room_stands_where_it_wants_to() {
    assert_eq!(free(label(200.0, 150.0, 80.0), &[SCENE], SCENE), label(200.0, 150.0, 80.0));
}
