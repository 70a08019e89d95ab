use super::*;
use crate::desk::tests::settings;

fn ending(outcome: Outcome) -> Ending {
    Ending {
        outcome,
        story: (outcome == Outcome::Collision).then(|| "Hit the pedestrian at 1.20 m/s.".into()),
        seconds: 6.5,
        clearance: Some(0.42),
        age_ms: 131.0,
        blind: 0.26,
        digest: 7,
    }
}

fn of(outcome: Outcome, latency: Latency) -> Card {
    ended(&ending(outcome), &Settings { latency, ..settings() }, &Blaming::Idle)
}

fn advised(card: &Card) -> &[Action] {
    match &card.buttons[1].1 {
        Press::Act(actions) => actions,
        Press::Back => panic!("{card:?}"),
    }
}

#[test]
fn a_crash_tells_its_story_and_asks_for_less_latency() {
    let card = of(Outcome::Collision, Latency::Fixed(200.0));
    assert_eq!(card.sentence, "Hit the pedestrian at 1.20 m/s.");
    assert_eq!(card.advice, "Lower the latency from 200 to 100 ms and press R.");
    assert_eq!(advised(&card), [Action::Latency(Latency::Fixed(100.0)), Action::Reset]);
    let card = of(Outcome::Collision, Latency::Service(80.0));
    assert_eq!(advised(&card)[0], Action::Latency(Latency::Fixed(0.0)));
}

#[test]
fn a_crash_without_latency_is_not_blamed_on_it() {
    for latency in [Latency::Zero, Latency::Fixed(0.0)] {
        let card = of(Outcome::Collision, latency);
        assert!(card.advice.contains("latency is not to blame"));
        assert_eq!(advised(&card), [Action::Cruise(1.0), Action::Reset]);
    }
}

#[test]
fn a_measured_crash_is_tried_without_latency() {
    let card = of(Outcome::Collision, Latency::Measured);
    assert_eq!(advised(&card)[0], Action::Latency(Latency::Fixed(0.0)));
}

#[test]
fn a_success_gives_its_numbers_and_asks_for_more() {
    let card = of(Outcome::Goal, Latency::Fixed(100.0));
    for number in ["6.50 s", "0.42 m", "131 ms", "0.26 m"] {
        assert!(card.sentence.contains(number), "{}", card.sentence);
    }
    assert_eq!(advised(&card)[0], Action::Latency(Latency::Fixed(200.0)));
    // Where a first run leads on to: tests/blame.rs has what comes of it.
    let card = of(Outcome::Goal, Latency::Measured);
    assert_eq!(advised(&card), [Action::Latency(Latency::Fixed(250.0)), Action::Reset]);
}

#[test]
fn a_report_for_a_terminal_is_read_without_one() {
    let report = "  \u{1b}[31m×\u{1b}[0m the model pilot cannot be run\n  \u{1b}[31m╰─▶ \u{1b}[0mcannot read pilot\n";
    assert_eq!(plain(report), "the model pilot cannot be run\ncannot read pilot");
}

#[test]
fn a_failure_leads_back() {
    let mut desk = Desk::new(settings(), crate::Choices::default());
    desk.follow(&Snapshot { run: 1, phase: Phase::Live, ..Snapshot::empty(settings()) });
    desk.act(Action::Model("broken".into()));
    let failed = Snapshot { phase: Phase::Failed("no such model".into()), ..Snapshot::empty(settings()) };
    let card = card(&failed, &desk).unwrap();
    assert_eq!(card.sentence, "no such model");
    assert!(card.buttons.iter().any(|(_, press)| *press == Press::Back));
}

#[test]
fn a_report_loses_the_line_breaks_of_a_terminal_but_not_a_place_in_a_file() {
    let report = "  \u{1b}[31m×\u{1b}[0m the model x cannot\n  │ be run\n  ╰─▶ it is no ONNX file\n  help: give the path of\n        another one";
    assert_eq!(plain(report), "the model x cannot be run\nit is no ONNX file\nhelp: give the path of another one");
    let place = "  × found `a`\n   ╭─[b.toml:1:1]\n 1 │ a\n   · ┬\n   ╰────\n  help: write b";
    assert_eq!(plain(place), place.trim_start_matches("  × "));
}

#[test]
fn whose_fault_it_was_is_one_press_away_and_leads_on_to_what_would_have_helped() {
    let card = of(Outcome::Collision, Latency::Fixed(200.0));
    assert_eq!(card.blame, None);
    assert!(card.buttons.iter().any(|(_, press)| *press == Press::Act(vec![Action::Blame])));
    let told = crate::snapshot::Verdict {
        verdict: "latency".into(),
        paragraph: "Latency is to blame: with 138 ms it would have ended well: 62 ms less.".into(),
        numbers: vec![("shares".into(), "compute 100 %".into())],
        critical_ms: Some(138.0),
        forked_s: 2.125,
    };
    let settings = Settings { latency: Latency::Fixed(200.0), ..settings() };
    let card = ended(&ending(Outcome::Collision), &settings, &Blaming::Told(told));
    assert!(card.blame.unwrap().0.contains("62 ms less"));
    // Where the answer was found: from the start it would be another run.
    let what_if = vec![Action::WhatIfFrom(2.125, Latency::Fixed(130.0))];
    let what_if = ("What if 130 ms from 2.1 s on?".to_owned(), Press::Act(what_if));
    assert!(card.buttons.contains(&what_if), "{:?}", card.buttons);
    // A goal is nobody's fault.
    assert!(of(Outcome::Goal, Latency::Fixed(10.0)).buttons.iter().all(|(text, _)| !text.contains("fault")));
}
