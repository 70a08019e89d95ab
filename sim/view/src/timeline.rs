//! The whole run as a bar under the scene: drag it to any moment.

use bevy_egui::egui::{self, Align2, FontId, Pos2, Rect, Sense, Stroke, Ui};
use episode::Outcome;
use timing::SimTime;

use crate::snapshot::Timeline;
use crate::{Action, lanes, theme};

/// Height of the bar with its margins, points.
pub(crate) const HEIGHT: f32 = 26.0;

/// Draws the bar; a drag asks for another moment.
pub(crate) fn bar(ui: &mut Ui, timeline: &Timeline, actions: &mut Vec<Action>) {
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
    let response = response.on_hover_text("Drag to any moment; Left and Right step, Home and End jump");
    let painter = ui.painter_at(rect);
    let font = FontId::proportional(theme::SMALL);
    let middle = rect.center().y;
    let words = match (timeline.log.as_str(), timeline.past()) {
        ("", false) => "now".to_owned(),
        ("", true) => "looking back".to_owned(),
        (log, _) => format!("log {log}"),
    };
    let colour = if timeline.past() || !timeline.log.is_empty() { theme::words(theme::GHOST) } else { theme::faint() };
    painter.text(Pos2::new(rect.left(), middle), Align2::LEFT_CENTER, words, font.clone(), colour);
    let right = format!("{:.2} of {:.2} s", timeline.at.secs(), timeline.head.secs());
    painter.text(Pos2::new(rect.right(), middle), Align2::RIGHT_CENTER, right, font, theme::ink());
    let track =
        Rect::from_min_max(Pos2::new(rect.left() + 96.0, middle - 3.0), Pos2::new(rect.right() - 108.0, middle + 3.0));
    let whole = timeline.head.secs().max(1e-3);
    let x = |at: SimTime| track.left() + track.width() * (at.secs() / whole).clamp(0.0, 1.0) as f32;
    painter.rect_filled(track, 3.0, theme::rule());
    let done = Rect::from_min_max(track.min, Pos2::new(x(timeline.at), track.bottom()));
    painter.rect_filled(done, 3.0, theme::ACCENT);
    for (place, at) in &timeline.forks {
        let at = Pos2::new(x(*at), middle);
        painter.line_segment(
            [at - egui::vec2(0.0, 9.0), at + egui::vec2(0.0, 9.0)],
            Stroke::new(2.0, lanes::chip(*place)),
        );
    }
    for (place, at, outcome) in &timeline.ends {
        let at = Pos2::new(x(*at), middle);
        let stroke = Stroke::new(2.0, lanes::chip(*place));
        if matches!(outcome, Outcome::Collision | Outcome::Fall) {
            let arm = egui::vec2(5.0, 5.0);
            painter.line_segment([at - arm, at + arm], stroke);
            painter.line_segment([at + egui::vec2(-5.0, 5.0), at + egui::vec2(5.0, -5.0)], stroke);
        } else {
            painter.circle_stroke(at, 5.0, stroke);
        }
    }
    painter.circle_filled(Pos2::new(x(timeline.at), middle), 6.5, theme::ACCENT);
    painter.circle_filled(Pos2::new(x(timeline.at), middle), 3.0, theme::paper());
    let wanted = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on() || response.clicked());
    if let Some(pointer) = wanted {
        let share = f64::from((pointer.x - track.left()) / track.width()).clamp(0.0, 1.0);
        actions.push(Action::Scrub(share * timeline.head.secs()));
    }
}
