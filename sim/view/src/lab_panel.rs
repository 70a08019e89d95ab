//! The panel on the right: the labs, or the one that is walked.

use bevy_egui::egui::{self, Button, Color32, RichText, Ui};

use crate::labs::{LabCheck, LabDesk, LabSheet, Settling, SettlingState};
use crate::markdown::{item, markdown};
use crate::{Action, theme};

/// Draws the panel; what a person does there is added to `actions`.
pub(crate) fn panel(ui: &mut Ui, desk: &LabDesk, settling: &Settling, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        if desk.sheet().is_some() {
            if ui.small_button("\u{2190} all labs").clicked() {
                actions.push(Action::Lab(None));
            }
        } else {
            ui.label(RichText::new("Labs").heading());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.small_button("G: close").clicked() {
                actions.push(Action::Labs);
            }
        });
    });
    ui.separator();
    let scroll = egui::ScrollArea::vertical().id_salt(("lab", desk.picked)).auto_shrink([false, false]);
    scroll.show(ui, |ui| match desk.sheet() {
        Some(sheet) => walk(ui, desk, sheet, settling, actions),
        None => list(ui, desk, actions),
    });
}

fn list(ui: &mut Ui, desk: &LabDesk, actions: &mut Vec<Action>) {
    if desk.sheets.is_empty() {
        ui.label("No lab was found: a lab is a Markdown file in the folder `labs`.");
        return;
    }
    ui.label(theme::small("Predict first. Then see what comes out."));
    for (i, sheet) in desk.sheets.iter().enumerate() {
        ui.add_space(4.0);
        let mark = if sheet.done { "\u{2714} " } else { "" };
        let title = format!("{}  {mark}{}", i + 1, sheet.title);
        let button = Button::new(theme::strong(title)).min_size(egui::vec2(ui.available_width(), 28.0)).wrap();
        if ui.add(button).on_hover_text(&sheet.question).clicked() {
            actions.push(Action::Lab(Some(i)));
        }
    }
}

fn walk(ui: &mut Ui, desk: &LabDesk, sheet: &LabSheet, settling: &Settling, actions: &mut Vec<Action>) {
    ui.label(RichText::new(&sheet.title).heading());
    ui.label(theme::strong(&sheet.question));
    let of_this = if desk.asked && settling.lab == sheet.id { &settling.state } else { &SettlingState::Idle };
    let settled = matches!(of_this, SettlingState::Settled { .. });
    if !desk.asked {
        ui.add_space(2.0);
        markdown(ui, &sheet.before);
    }
    heading(ui, "Your prediction");
    for (i, (text, _)) in sheet.choices.iter().enumerate() {
        let chosen = desk.predicted == Some(i);
        let came_out = settled && i == sheet.right;
        let words = if came_out { theme::strong(text) } else { RichText::new(text) };
        let radio = ui.add_enabled(!desk.asked || chosen || came_out, egui::RadioButton::new(chosen, words));
        if radio.clicked() {
            actions.push(Action::Predict(i));
        }
    }
    if !desk.asked {
        let ready = desk.predicted.is_some();
        let run = Button::new(RichText::new("Run it").color(if ready { Color32::WHITE } else { theme::faint() }));
        let run = if ready { run.fill(theme::ACCENT) } else { run };
        let run = ui.add_enabled(ready, run.min_size(egui::vec2(110.0, 28.0)));
        if run.on_disabled_hover_text("Predict first").clicked() {
            actions.push(Action::Settle);
        }
        return;
    }
    heading(ui, "The runs");
    ui.label(theme::small("Each opens in the window, on its first seed:"));
    for (i, (title, _)) in sheet.runs.iter().enumerate() {
        if ui.add(Button::new(title).wrap()).clicked() {
            actions.push(Action::LabRun(i));
        }
    }
    // What came out is brought into view, once.
    let shown = ui.data_mut(|data| {
        std::mem::replace(data.get_temp_mut_or_default(egui::Id::new(("settled", &sheet.id))), settled)
    });
    if settled && !shown {
        ui.scroll_to_cursor(Some(egui::Align::TOP));
    }
    outcome(ui, of_this);
    if settled {
        told(ui, desk, sheet);
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(6.0);
    ui.separator();
    ui.label(theme::strong(text));
}

/// What the runs came to on all their seeds.
fn outcome(ui: &mut Ui, state: &SettlingState) {
    heading(ui, "On all seeds");
    match state {
        SettlingState::Idle => {
            ui.spinner();
        }
        SettlingState::Running { done, of, what } => {
            let share = *done as f32 / (*of).max(1) as f32;
            ui.add(egui::ProgressBar::new(share).text(format!("{done} of {of} episodes")).desired_height(18.0));
            ui.label(theme::small(what));
        }
        SettlingState::Failed(why) => {
            ui.label(RichText::new(why).color(theme::words(theme::BLIND)));
        }
        SettlingState::Settled { runs, checks, trouble } => {
            for run in runs {
                ui.label(theme::small(run));
            }
            ui.add_space(2.0);
            for one in checks {
                check(ui, one);
            }
            if !trouble.is_empty() {
                ui.label(theme::small(trouble).color(theme::words(theme::BLIND)));
            }
        }
    }
}

fn check(ui: &mut Ui, check: &LabCheck) {
    let (mark, colour, word) = match check.holds {
        Some(true) => ("\u{2714}", theme::COMMITTED, "It holds"),
        Some(false) => ("\u{2716}", theme::BLIND, "It does not hold"),
        None => ("?", theme::faint(), "This cannot be certified here"),
    };
    ui.horizontal_top(|ui| {
        ui.label(RichText::new(mark).color(theme::words(colour))).on_hover_text(word);
        ui.vertical(|ui| {
            ui.label(&check.what);
            ui.label(theme::small(&check.found));
        });
    });
}

/// What is told when the question is settled.
fn told(ui: &mut Ui, desk: &LabDesk, sheet: &LabSheet) {
    let why = |i: usize| sheet.choices.get(i).map_or("", |(_, why)| why.as_str());
    let right = desk.predicted == Some(sheet.right);
    heading(ui, if right { "Your prediction came out" } else { "It came out otherwise" });
    if let Some(predicted) = desk.predicted.filter(|_| !right) {
        ui.label(why(predicted));
    }
    ui.label(why(sheet.right));
    heading(ui, "What to notice");
    for text in &sheet.notice {
        item(ui, text);
    }
    heading(ui, "Go deeper");
    markdown(ui, &sheet.deeper);
    ui.add_space(8.0);
}

#[cfg(test)]
#[path = "lab_panel_tests.rs"]
mod tests;
