use std::cell::RefCell;
use std::rc::Rc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;

fn ms(ms: f64) -> SimTime {
    SimTime::ZERO + Span::from_ms(ms)
}

/// Captured every 20 ms, every second one dropped; 2 ms of sensing, `compute` of inference, 5 ms until control.
fn lives(n: u64, compute: f64) -> Vec<Life> {
    let life = |id: u64| {
        let c = id as f64 * 20.0;
        let bars = vec![
            (Stage::Sensing, ms(c), ms(c + 2.0)),
            (Stage::Compute, ms(c + 2.0), ms(c + 2.0 + compute)),
            (Stage::ControlWait, ms(c + 2.0 + compute), ms(c + 7.0 + compute)),
        ];
        if id.is_multiple_of(2) {
            Life { id, captured: ms(c), bars, fate: Some(Fate::Applied) }
        } else {
            Life { id, captured: ms(c), bars: vec![], fate: Some(Fate::Dropped) }
        }
    };
    (0..n).map(life).collect()
}

fn area() -> Rect {
    Rect::from_min_size(Pos2::ZERO, egui::vec2(540.0, 150.0))
}

#[test]
fn at_first_the_last_ten_and_the_drops_between_them() {
    let lives = lives(60, 33.0);
    let view = View::of(&lives, ms(1240.0), None, area());
    assert_eq!((view.bars.len(), view.dropped.len()), (10, 11));
    assert!(!view.aligned && view.from <= view.dropped[0].captured);
    // What is on the way does not crowd out what has ended.
    let mut many = lives.clone();
    many.iter_mut().skip(46).for_each(|life| life.fate = None);
    assert_eq!(View::of(&many, ms(1240.0), None, area()).bars.iter().filter(|life| life.fate.is_some()).count(), 4);
    // Specks all begin at their capture.
    let specks = self::lives(60, 0.1);
    let view = View::of(&specks, ms(1240.0), None, area());
    assert!(view.aligned);
    assert_eq!(view.x(ms(400.0), ms(400.0)), 0.0);
}

#[test]
fn a_stretch_shows_what_touches_it() {
    let lives = lives(60, 33.0);
    // 300 to 400 ms: the frames of 280 (until 320), 320, 360 and 400 ms.
    let view = View::of(&lives, ms(1240.0), Some(Stretch { span: 100.0, back: 840.0 }), area());
    assert_eq!(view.bars.iter().map(|life| life.id).collect::<Vec<_>>(), [14, 16, 18, 20]);
    assert_eq!(view.dropped.iter().map(|life| life.id).collect::<Vec<_>>(), [15, 17, 19]);
    assert_eq!((view.x(ms(0.0), ms(300.0)), view.x(ms(0.0), ms(400.0))), (0.0, 500.0));
}

#[test]
fn a_zoom_keeps_what_is_under_the_pointer() {
    let start = Stretch { span: 400.0, back: 100.0 };
    for at in [0.0, 0.3, 1.0] {
        let zoomed = start.zoomed(0.5, at);
        let time = |s: Stretch| -s.back - s.span * (1.0 - at);
        assert!((time(zoomed) - time(start)).abs() < 1e-9, "at {at}: {zoomed:?}");
        assert_eq!(zoomed.span, 200.0);
    }
    // There is nothing after now, and no end of zooming.
    assert_eq!(Stretch { span: 100.0, back: 0.0 }.zoomed(4.0, 0.0).back, 0.0);
    assert_eq!(start.zoomed(1e-9, 0.5).span, 2.0);
    assert_eq!(start.moved(-0.5), Stretch { span: 400.0, back: 300.0 });
    assert_eq!(start.moved(9.0).back, 0.0);
}

#[test]
fn the_limit_counts_from_the_capture_and_a_deadline_from_the_start() {
    let lives = lives(2, 33.0);
    assert_eq!(started(&lives[0]), Some(ms(2.0)));
    assert_eq!(Limit::Budget(150.0).label(), "budget 150 ms");
    assert_eq!((Limit::Deadline(40.0).budget(), Limit::Budget(40.0).budget()), (None, Some(40.0)));
}

struct State {
    lives: Vec<Life>,
    stretch: Option<Stretch>,
    dressed: bool,
}

/// Actions take effect as they do in the window.
fn harness() -> (Harness<'static, State>, Rc<RefCell<Vec<Action>>>) {
    let done = Rc::new(RefCell::new(Vec::new()));
    let actions = done.clone();
    let mut harness = Harness::builder().with_step_dt(0.05).with_size([560.0, 190.0]).build_ui_state(
        move |ui, state: &mut State| {
            if !std::mem::replace(&mut state.dressed, true) {
                theme::dress(ui.ctx());
                return;
            }
            let mut new = Vec::new();
            waterfall(ui, &state.lives, ms(1240.0), state.stretch, Some(Limit::Budget(150.0)), &mut new);
            for action in &new {
                if let Action::Stretch(stretch) = action {
                    state.stretch = *stretch;
                }
            }
            actions.borrow_mut().extend(new);
        },
        State { lives: lives(60, 33.0), stretch: None, dressed: false },
    );
    harness.run_steps(3);
    (harness, done)
}

#[test]
fn the_wheel_zooms_a_drag_moves_and_a_double_click_goes_back() {
    let (mut harness, done) = harness();
    assert!(done.borrow().is_empty(), "nothing happens by itself");
    let place = egui::pos2(300.0, 90.0);
    harness.hover_at(place);
    harness.step();
    let wheel = |y: f32| egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, y),
        phase: egui::TouchPhase::Move,
        modifiers: egui::Modifiers::NONE,
    };
    harness.event(wheel(120.0));
    harness.run_steps(20);
    let zoomed = harness.state().stretch.expect("zoomed");
    assert!(zoomed.span < 500.0 && zoomed.back > 0.0, "{zoomed:?}");
    harness.drag_at(place);
    harness.step();
    harness.hover_at(place + egui::vec2(120.0, 0.0));
    harness.step();
    harness.drop_at(place + egui::vec2(120.0, 0.0));
    harness.run_steps(2);
    let moved = harness.state().stretch.expect("moved");
    assert!(moved.back > zoomed.back + 0.1 * zoomed.span && moved.span == zoomed.span, "{moved:?} {zoomed:?}");
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (egui::PointerButton::Primary, egui::Modifiers::NONE);
        harness.event(egui::Event::PointerButton { pos: place, button, pressed, modifiers });
        harness.step();
    }
    harness.run_steps(2);
    assert_eq!(harness.state().stretch, None);
}

#[test]
fn a_bar_gives_its_numbers() {
    let (mut harness, _) = harness();
    // The frame of 1160 ms, the last but one row's: 2 + 33 + 5 ms.
    let rows = View::of(&harness.state().lives, ms(1240.0), None, area());
    assert_eq!(rows.bars.last().map(|life| life.id), Some(58));
    harness.state_mut().stretch = Some(Stretch { span: 100.0, back: 0.0 });
    harness.run_steps(2);
    // 1140 to 1240 ms: only frame 58 begins there, at a fifth of the width.
    harness.hover_at(egui::pos2(150.0, 50.0));
    harness.run_steps(40);
    for text in ["Frame 58: applied", "captured at 1.160 s", "33.00 ms", "40.00 ms"] {
        harness.get_by_label_contains(text);
    }
}
