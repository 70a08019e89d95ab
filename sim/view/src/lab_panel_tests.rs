use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::*;
use crate::Desk;
use crate::desk::tests::settings;
use crate::sim_thread::Order;

fn sheet(title: &str) -> LabSheet {
    LabSheet {
        id: title.to_lowercase(),
        title: title.into(),
        question: "Does it stop?".into(),
        before: "Some **words** before.".into(),
        choices: vec![("Yes".into(), "No wall.".into()), ("No".into(), "A wall.".into())],
        right: 1,
        runs: vec![("early".into(), "lab:x/early".into()), ("late".into(), "lab:x/late".into())],
        notice: vec!["Notice the wall.".into()],
        deeper: "Try `budget`.".into(),
        done: false,
    }
}

struct State {
    desk: Desk,
    settling: Settling,
    dressed: bool,
}

/// Actions take effect as they do in the window.
fn harness() -> Harness<'static, State> {
    let mut desk = Desk::new(settings(), crate::Choices::default());
    desk.labs.sheets = vec![sheet("First"), sheet("Second")];
    desk.act(Action::Labs);
    let mut harness = Harness::builder().with_size([360.0, 900.0]).build_ui_state(
        |ui, state: &mut State| {
            if !std::mem::replace(&mut state.dressed, true) {
                theme::dress(ui.ctx());
                return;
            }
            let mut actions = Vec::new();
            panel(ui, &state.desk.labs, &state.settling, &mut actions);
            for action in actions {
                state.desk.act(action);
            }
            state.desk.labs.follow(&state.settling);
        },
        State { desk, settling: Settling::default(), dressed: false },
    );
    harness.run_steps(3);
    harness
}

fn shows(harness: &Harness<State>, text: &str) -> bool {
    let root = harness.root();
    root.children_recursive().any(|node| {
        let node = node.accesskit_node();
        [node.label(), node.value()].into_iter().flatten().any(|said| said.contains(text))
    })
}

fn click(harness: &mut Harness<State>, text: &str) {
    harness.get_by_label(text).click();
    harness.run_steps(3);
}

#[test]
fn a_lab_is_walked_from_the_list_to_the_end() {
    let mut harness = harness();
    click(&mut harness, "2  Second");
    assert!(shows(&harness, "Does it stop?") && shows(&harness, "before"));
    // Nothing runs, and nothing is given away, before a prediction.
    click(&mut harness, "Run it");
    assert!(!harness.state().desk.labs.asked && harness.state_mut().desk.take_orders().is_empty());
    click(&mut harness, "Yes");
    click(&mut harness, "Run it");
    let orders = harness.state_mut().desk.take_orders();
    assert_eq!(orders, [Order::Settle("second".into(), 0), Order::Open("lab:x/early".into())]);
    assert!(!shows(&harness, "Notice the wall") && !shows(&harness, "budget"));
    // From here on the prediction stands.
    harness.state_mut().desk.act(Action::Predict(1));
    assert_eq!(harness.state().desk.labs.predicted, Some(0));
    click(&mut harness, "late");
    assert_eq!(harness.state_mut().desk.take_orders(), [Order::Open("lab:x/late".into())]);
    let running = SettlingState::Running { done: 3, of: 12, what: "driving".into() };
    harness.state_mut().settling = Settling { lab: "second".into(), state: running };
    harness.run_steps(2);
    assert!(shows(&harness, "3 of 12 episodes"));
    let check = |what: &str, holds| LabCheck { what: what.into(), holds, found: "found".into() };
    let checks = vec![check("a", Some(true)), check("b", Some(false)), check("c", None)];
    let state = SettlingState::Settled { runs: vec!["early: 0 of 20".into()], checks, trouble: "not kept".into() };
    harness.state_mut().settling = Settling { lab: "second".into(), state };
    harness.run_steps(2);
    for text in
        ["early: 0 of 20", "\u{2714}", "\u{2716}", "?", "It came out otherwise", "No wall.", "A wall.", "not kept"]
    {
        assert!(shows(&harness, text), "{text}");
    }
    assert!(shows(&harness, "Notice the wall.") && shows(&harness, "budget"));
    assert!(!harness.state().desk.labs.sheets[1].done, "it was predicted wrongly");
    click(&mut harness, "\u{2190} all labs");
    click(&mut harness, "2  Second");
    assert!(!shows(&harness, "Notice the wall."), "another try begins with a prediction");
}

#[test]
fn a_right_prediction_is_marked_and_a_failure_is_told() {
    let mut harness = harness();
    for (i, state) in [
        (0, SettlingState::Failed("there is no model `x`".into())),
        (1, SettlingState::Settled { runs: vec![], checks: vec![], trouble: String::new() }),
    ] {
        let desk = &mut harness.state_mut().desk;
        for action in [Action::Lab(Some(i)), Action::Predict(1), Action::Settle] {
            desk.act(action);
        }
        let lab = desk.labs.sheets[i].id.clone();
        harness.state_mut().settling = Settling { lab, state };
        harness.run_steps(2);
        assert_eq!(shows(&harness, "there is no model `x`"), i == 0);
        assert_eq!(shows(&harness, "Your prediction came out"), i == 1);
        assert_eq!(harness.state().desk.labs.sheets[i].done, i == 1);
    }
    harness.state_mut().desk.act(Action::Lab(None));
    harness.run_steps(2);
    assert!(shows(&harness, "\u{2714} Second") && !shows(&harness, "\u{2714} First"));
}

#[test]
fn escape_closes_the_labs_before_the_window() {
    let mut desk = Desk::new(settings(), crate::Choices::default());
    desk.act(Action::Labs);
    desk.act(Action::Escape);
    assert!(!desk.labs.open && !desk.quit);
    desk.act(Action::Escape);
    assert!(desk.quit);
    // A place that is not there picks nothing, and nothing is asked for without a lab.
    desk.act(Action::Lab(Some(7)));
    desk.act(Action::Settle);
    assert!(desk.labs.picked.is_none() && desk.take_orders().is_empty());
}

#[test]
fn nothing_is_wider_than_the_panel() {
    let mut harness = harness();
    let long = "a_word_".repeat(4) + &" and many more words that have to go to the next line".repeat(3);
    let sheet = &mut harness.state_mut().desk.labs.sheets[0];
    sheet.question.clone_from(&long);
    sheet.choices[0].0.clone_from(&long);
    sheet.runs[0].0.clone_from(&long);
    sheet.title = "First".into();
    sheet.notice[0].clone_from(&long);
    click(&mut harness, "1  First");
    let wide = |harness: &Harness<State>| {
        let root = harness.root();
        // What draws nothing has no place.
        let boxes = root.children_recursive().filter_map(|node| node.accesskit_node().bounding_box());
        boxes.map(|place| place.x1).find(|right| *right > 361.0)
    };
    assert_eq!(wide(&harness), None);
    let desk = &mut harness.state_mut().desk;
    desk.act(Action::Predict(1));
    desk.act(Action::Settle);
    let state = SettlingState::Settled {
        runs: vec![long.clone()],
        checks: vec![LabCheck { what: long.clone(), holds: None, found: long.clone() }],
        trouble: long,
    };
    harness.state_mut().settling = Settling { lab: "first".into(), state };
    harness.run_steps(3);
    assert_eq!(wide(&harness), None);
}
