//! The card at the end of a run, and the one that says why a run could not begin: one sentence, what to try next, buttons.

use bevy_egui::egui::{self, Color32, RichText, Ui};
use episode::Outcome;
use scenario::{Compensation, Latency};

use crate::desk::outcome_title;
use crate::snapshot::{Blaming, Ending, Phase, Snapshot};
use crate::{Action, Desk, Kept, Settings, hud, theme};

/// What a card says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Card {
    pub title: String,
    pub colour: Color32,
    /// Why, in one sentence with numbers.
    pub sentence: String,
    /// What to try next.
    pub advice: String,
    /// Whose fault it was, where that was asked: in words, and numbers by name.
    pub blame: Option<(String, Vec<(String, String)>)>,
    pub buttons: Vec<(String, Press)>,
}

/// What a button of a card does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Press {
    /// Takes these actions, in order.
    Act(Vec<Action>),
    /// Goes back to the last settings that worked.
    Back,
}

/// The card for a snapshot, if it needs one.
pub(crate) fn card(snapshot: &Snapshot, desk: &Desk) -> Option<Card> {
    match &snapshot.phase {
        Phase::Over(ending) => Some(ended(ending, &snapshot.settings, &snapshot.blame)),
        Phase::Failed(why) => Some(failed(why, desk)),
        _ => None,
    }
}

fn button(text: &str, actions: impl Into<Vec<Action>>) -> (String, Press) {
    (text.to_owned(), Press::Act(actions.into()))
}

fn with_latency(text: &str, latency: Latency) -> (String, Press) {
    button(text, [Action::Latency(latency), Action::Reset])
}

fn failed(why: &str, desk: &Desk) -> Card {
    let mut buttons = vec![button("Try again (R)", [Action::Reset])];
    if desk.worked().is_some_and(|worked| *worked != desk.settings) {
        buttons.push(("Back to what worked".into(), Press::Back));
    }
    if desk.settings.latency == Latency::Measured {
        buttons.push(with_latency("Fixed 100 ms", Latency::Fixed(100.0)));
    }
    Card {
        title: "This run cannot start".into(),
        colour: theme::BLIND,
        sentence: plain(why),
        advice: "Pick something else on the left, or:".into(),
        blame: None,
        buttons,
    }
}

/// What stands before the cause of an error, in a terminal.
const CAUSE: &str = "  ╰─▶ ";

/// A report for a terminal without what only a terminal understands.
fn plain(report: &str) -> String {
    let mut text = String::new();
    let mut chars = report.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A colour: up to its letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    let undressed = |line: &str| {
        line.trim_end().trim_start_matches("  × ").trim_start_matches(CAUSE).trim_start_matches("  │ ").to_owned()
    };
    if text.contains('╭') {
        // It shows a place in a file: every letter stays where it is.
        return text.lines().map(undressed).collect::<Vec<_>>().join("\n").trim().to_owned();
    }
    // The terminal's line breaks are not the card's.
    let mut whole = String::new();
    for line in text.lines() {
        let begins = line.starts_with(CAUSE) || line.trim_start().starts_with("help: ");
        whole.push_str(if begins { "\n" } else { " " });
        whole.push_str(undressed(line).trim());
    }
    whole.trim().to_owned()
}

fn ended(ending: &Ending, settings: &Settings, blame: &Blaming) -> Card {
    let (advice, mut buttons) = match ending.outcome {
        Outcome::Goal => after_success(settings),
        Outcome::Collision | Outcome::Fall => after_crash(settings),
        Outcome::Timeout => ("Change something on the left and press R.".into(), vec![]),
    };
    buttons.insert(0, button("Run again (R)", [Action::Reset]));
    let blame = (ending.outcome == Outcome::Collision).then(|| blamed(blame, settings, &mut buttons)).flatten();
    let seconds = ending.seconds;
    let clearance = ending.clearance.map_or(String::new(), |m| format!(" Closest to anything: {m:.2} m."));
    let numbers =
        format!("The command in force was at most {:.0} ms old, {:.2} m driven blind.", ending.age_ms, ending.blind);
    let sentence = match (&ending.story, ending.outcome) {
        (Some(story), _) => story.clone(),
        (None, Outcome::Goal) => format!("There after {seconds:.2} s.{clearance} {numbers}"),
        (None, Outcome::Fall) => format!("It tipped over after {seconds:.2} s. {numbers}"),
        (None, _) => format!("It ended after {seconds:.2} s.{clearance} {numbers}"),
    };
    Card {
        title: outcome_title(ending.outcome).into(),
        colour: if ending.outcome == Outcome::Goal { theme::COMMITTED } else { theme::BLIND },
        sentence,
        advice,
        blame,
        buttons,
    }
}

/// So far below the critical latency, the outcome does not hang on where exactly time is forked, milliseconds.
const CLEAR: f64 = 5.0;

/// What is said of the blame, and the buttons that lead on from there.
fn blamed(
    blame: &Blaming,
    settings: &Settings,
    buttons: &mut Vec<(String, Press)>,
) -> Option<(String, Vec<(String, String)>)> {
    let of = |ms| {
        if matches!(settings.latency, Latency::Service(_)) { Latency::Service(ms) } else { Latency::Fixed(ms) }
    };
    let tens = |ms: f64| ((ms / 10.0).floor() * 10.0).max(0.0);
    match (blame, &settings.latency) {
        // Forked where the answer was found, and a little below what just works: from the start it is another run.
        (Blaming::Told(verdict), _) => buttons.extend(verdict.critical_ms.map(|critical| {
            let ms = tens(critical - CLEAR);
            let from = verdict.forked_s;
            let text = format!("What if {ms:.0} ms from {from:.1} s on?");
            button(&text, [Action::WhatIfFrom(from, of(ms))])
        })),
        (_, Latency::Fixed(ms) | Latency::Service(ms)) if *ms >= 20.0 => {
            let ms = tens(ms / 2.0);
            buttons.push(button(&format!("What if {ms:.0} ms?"), [Action::WhatIf(of(ms))]));
        }
        _ => {}
    }
    let words = match blame {
        Blaming::Idle => {
            buttons.push(button("Whose fault? (B)", [Action::Blame]));
            return None;
        }
        Blaming::Running { of: 0, .. } => "Finding out whose fault it was ...".into(),
        Blaming::Running { done, of } => {
            format!("Finding out whose fault it was: {done} of {of} variants of this run ...")
        }
        Blaming::Failed(why) => plain(why),
        Blaming::Told(verdict) => return Some((verdict.paragraph.clone(), verdict.numbers.clone())),
    };
    Some((words, Vec::new()))
}

/// Less latency, until there is none to take away.
fn after_crash(settings: &Settings) -> (String, Vec<(String, Press)>) {
    match settings.latency {
        Latency::Fixed(ms) | Latency::Service(ms) if ms > 0.0 => {
            let less = if ms > 100.0 { 100.0 } else { 0.0 };
            let latency = if matches!(settings.latency, Latency::Service(_)) && less > 0.0 {
                Latency::Service(less)
            } else {
                Latency::Fixed(less)
            };
            let advice = format!("Lower the latency from {ms:.0} to {less:.0} ms and press R.");
            (advice, vec![with_latency(&format!("Try {less:.0} ms"), latency)])
        }
        Latency::Fixed(_) | Latency::Service(_) | Latency::Zero => {
            let slower = (settings.cruise.unwrap_or(2.0) / 2.0).max(0.2);
            let advice = format!("Without any latency it crashes too: latency is not to blame. Try {slower:.1} m/s.");
            (advice, vec![button(&format!("Try {slower:.1} m/s"), [Action::Cruise(slower), Action::Reset])])
        }
        _ => {
            let mut buttons = vec![with_latency("Try 0 ms", Latency::Fixed(0.0))];
            if settings.compensation == Compensation::Hold {
                buttons.push(button("Try the governor", [Action::Compensation(Compensation::Governor), Action::Reset]));
            }
            ("Was it the latency? Take it away and look.".into(), buttons)
        }
    }
}

/// More latency, until it is too much.
fn after_success(settings: &Settings) -> (String, Vec<(String, Press)>) {
    let more = match settings.latency {
        Latency::Fixed(ms) | Latency::Service(ms) => ((ms / 100.0).floor() + 1.0) * 100.0,
        Latency::Zero => 100.0,
        // What comes of it in the lesson is the fault of latency by all replicas of seeds 0 to 7; at 200 they are not agreed in four.
        _ => 250.0,
    };
    let latency =
        if matches!(settings.latency, Latency::Service(_)) { Latency::Service(more) } else { Latency::Fixed(more) };
    let advice = format!("How late can the commands be? Try {more:.0} ms.");
    (advice, vec![with_latency(&format!("Try {more:.0} ms"), latency)])
}

/// Width of a card without its frame, points.
pub(crate) const WIDTH: f32 = 440.0;

/// Draws a card; gives what was pressed.
pub(crate) fn draw(ui: &mut Ui, card: &Card, log: &Kept) -> Option<Press> {
    ui.set_width(WIDTH);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(5.0, 20.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 2.0, card.colour);
        ui.label(RichText::new(&card.title).heading());
    });
    if card.sentence.lines().count() > 3 {
        // A place in a file, with a caret: every letter in its column.
        egui::ScrollArea::both().max_height(200.0).show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(&card.sentence).monospace().size(11.0)).extend());
        });
    } else {
        ui.label(&card.sentence);
    }
    ui.add_space(2.0);
    if let Some((words, numbers)) = &card.blame {
        ui.separator();
        ui.label(words);
        egui::ScrollArea::vertical().max_height(170.0).auto_shrink([false, true]).show(ui, |ui| {
            egui::Grid::new("blame").num_columns(2).spacing([10.0, 2.0]).show(ui, |ui| {
                for (name, value) in numbers {
                    ui.label(theme::small(name));
                    ui.add(egui::Label::new(theme::small(value).color(theme::ink())).wrap());
                    ui.end_row();
                }
            });
        });
        ui.separator();
    }
    ui.label(theme::strong(&card.advice));
    ui.add_space(4.0);
    let mut pressed = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (i, (text, press)) in card.buttons.iter().enumerate() {
            // The second is what is advised.
            let advised = i == 1;
            let colour = if advised { Color32::WHITE } else { theme::ink() };
            let button = egui::Button::new(RichText::new(text).color(colour)).min_size(egui::vec2(0.0, 26.0));
            let button = if advised { button.fill(theme::ACCENT) } else { button };
            let mut button = ui.add(button);
            if let Some(hint) = hint(press) {
                button = button.on_hover_text(hint);
            }
            if button.clicked() {
                pressed = Some(press.clone());
            }
        }
    });
    hud::log(ui, log);
    pressed
}

/// What a press leads to, where its button does not say it.
fn hint(press: &Press) -> Option<&'static str> {
    let Press::Act(actions) = press else { return None };
    match actions.first()? {
        Action::WhatIf(_) => Some("Another robot in the same world, beside this one, from the start"),
        Action::WhatIfFrom(..) => Some("Time forks there, and another robot goes on beside this one"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
