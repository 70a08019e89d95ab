//! The numbers in the corner, the legend, and the labels that stand in the scene.

use std::sync::Arc;

use bevy_egui::egui::{self, Align, Color32, FontId, Galley, Layout, Painter, Pos2, Rect, RichText, Stroke, Ui};

use crate::snapshot::{Badge, Scene};
use crate::{Gauge, Kept, gauge, panel, theme};

/// The numbers of an instant.
pub(crate) fn hud(ui: &mut Ui, scene: &Scene) {
    ui.set_width(190.0);
    ui.spacing_mut().item_spacing.y = 3.0;
    badge(ui, scene.badge);
    ui.add_space(2.0);
    row(ui, "age of command", &age(scene), Some(theme::GHOST));
    row(ui, "driven blind", &metres(scene.blind), Some(theme::BLIND));
    match scene.world.robot {
        plant::Robot::Rover(_) => stopping(ui, scene),
        plant::Robot::Balancer(_) => row(ui, "leans", &leans(scene), None),
    }
    row(ui, "clearance", &metres(scene.clearance), None);
    row(ui, "speed", &format!("{:.2} m/s", scene.robot.linear.abs()), None);
    for (word, value, colour) in device(scene) {
        row(ui, word, &value, colour);
    }
    row(ui, "time", &format!("{:.2} s", scene.now.secs()), None);
    let playback = scene.playback;
    let words = if playback.paused {
        "paused".to_owned()
    } else if playback.obtained > 0.0 && playback.obtained < 0.8 * playback.speed {
        format!("{} of {}", panel::speed(playback.obtained), panel::speed(playback.speed))
    } else {
        panel::speed(playback.speed)
    };
    row(ui, "played at", &words, None);
}

/// Narrower than this, a scene has the numbers in lines across its top, points: a column would hide what the robot drives towards.
pub(crate) const NARROW: f32 = 820.0;

/// The numbers that are not on the screen elsewhere, in two lines where there is room.
pub(crate) fn lines(ui: &mut Ui, scene: &Scene, width: f32) {
    ui.set_width(width);
    ui.spacing_mut().item_spacing = egui::vec2(12.0, 2.0);
    ui.horizontal_wrapped(|ui| {
        let (mark, colour) = mark(scene.badge);
        let text = RichText::new(format!("{mark} {}", scene.badge.label())).size(12.5).color(theme::words(colour));
        ui.label(text).on_hover_text(scene.badge.hint());
        cell(ui, "age", &age(scene), Some(theme::GHOST));
        cell(ui, "blind", &metres(scene.blind), Some(theme::BLIND));
        if let Some(gauge) = &scene.instruments.gauge {
            cell(ui, "reaction", &reaction(gauge), None);
        }
        cell(ui, "speed", &format!("{:.2} m/s", scene.robot.linear.abs()), None);
    });
    ui.horizontal_wrapped(|ui| {
        if let Some(gauge) = &scene.instruments.gauge {
            // First, for it is the tallest: the words stand in its middle.
            ui.allocate_ui(egui::vec2(BAR, 30.0), |ui| gauge::show(ui, gauge));
            cell(ui, "needs", &format!("{:.2} m", gauge.needed()), Some(gauge.colour()));
            ui.label(theme::strong(gauge.words()).size(theme::SMALL).color(theme::words(gauge.colour())));
        } else {
            cell(ui, "leans", &leans(scene), None);
        }
        cell(ui, "clearance", &metres(scene.clearance), None);
        for (word, value, colour) in device(scene) {
            cell(ui, word, &value, colour);
        }
    });
}

/// Width of the gauge in the lines, points.
const BAR: f32 = 160.0;

/// A word and its value, with the colour of what it names in the scene.
fn cell(ui: &mut Ui, word: &str, value: &str, colour: Option<Color32>) {
    let mut job = egui::text::LayoutJob::default();
    let mut add = |text: String, font: FontId, colour: Color32| {
        job.append(
            &text,
            0.0,
            egui::TextFormat { font_id: font, color: colour, valign: Align::Center, ..Default::default() },
        );
    };
    if let Some(colour) = colour {
        add("\u{25a0} ".into(), FontId::proportional(12.0), colour);
    }
    add(format!("{word} "), FontId::proportional(theme::SMALL), theme::faint());
    add(value.into(), FontId::monospace(13.0), theme::ink());
    ui.label(job);
}

fn metres(m: f64) -> String {
    if m.is_finite() { format!("{m:.2} m") } else { "none".into() }
}

fn age(scene: &Scene) -> String {
    scene.age.map_or("none yet".into(), |age| format!("{} ms", panel::ms(age.ms())))
}

fn reaction(gauge: &Gauge) -> String {
    gauge.reaction.map_or("not known yet".into(), |r| format!("{} ms", panel::ms(r.ms())))
}

/// How warm a modelled device is, whether that slows it down, and what is left of the battery.
fn device(scene: &Scene) -> Vec<(&'static str, String, Option<Color32>)> {
    let Some(warmth) = scene.warmth else { return Vec::new() };
    let (slow, colour) = if warmth.throttled { (", slowed", Some(theme::BLIND)) } else { ("", None) };
    let mut rows = vec![("device", format!("{:.0} \u{b0}C{slow}", warmth.celsius), colour)];
    rows.extend(warmth.battery_left.map(|left| ("battery", format!("{:.1} %", left * 100.0), None)));
    rows
}

fn leans(scene: &Scene) -> String {
    format!("{:.1} deg", scene.robot.pitch.to_degrees())
}

/// What it needs to stop, against what there is.
fn stopping(ui: &mut Ui, scene: &Scene) {
    let Some(gauge) = &scene.instruments.gauge else { return };
    row(ui, "reaction", &reaction(gauge), None);
    row(ui, "needs to stop", &format!("{:.2} m", gauge.needed()), Some(gauge.colour()));
    gauge::show(ui, gauge);
    ui.label(theme::strong(gauge.words()).size(theme::SMALL).color(theme::words(gauge.colour())));
}

fn row(ui: &mut Ui, word: &str, value: &str, colour: Option<Color32>) {
    ui.horizontal(|ui| {
        if let Some(colour) = colour {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(8.0, 14.0), egui::Sense::hover());
            ui.painter().rect_filled(rect.shrink2(egui::vec2(0.0, 3.0)), 2.0, colour);
        }
        ui.label(theme::small(word));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(value).monospace().size(13.5).color(theme::ink()));
        });
    });
}

/// Its sign and colour.
fn mark(badge: Badge) -> (&'static str, Color32) {
    match badge {
        Badge::Measured => ("●", theme::COMMITTED),
        Badge::Drifted => ("▲", theme::BLIND),
        Badge::Recorded => ("■", theme::ACCENT),
        Badge::Modelled => ("◆", Color32::from_rgb(0x8a, 0x5a, 0x00)),
        Badge::Set => ("■", theme::faint()),
    }
}

fn badge(ui: &mut Ui, badge: Badge) {
    let (mark, colour) = mark(badge);
    ui.horizontal(|ui| {
        ui.label(theme::small("latency"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(format!("{mark} {}", badge.label())).size(12.5).color(theme::words(colour)));
        });
    })
    .response
    .on_hover_text(badge.hint());
}

/// What the colours in the scene mean.
pub(crate) fn legend(ui: &mut Ui) {
    ui.spacing_mut().item_spacing = egui::vec2(7.0, 2.0);
    ui.spacing_mut().interact_size.y = 14.0;
    for (colour, word) in [
        (theme::GHOST, "what the network saw"),
        (theme::BLIND, "driven since: blind"),
        (theme::COMMITTED, "where the command leads"),
        (theme::stopping(), "needed to stop (striped: not free)"),
        (theme::SCAN, "range scan"),
    ] {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(14.0, 8.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, 2.0, colour);
            ui.label(RichText::new(word).size(theme::SMALL).color(theme::ink()));
        });
    }
}

/// Where the run is kept.
pub(crate) fn log(ui: &mut Ui, kept: &Kept) {
    ui.set_max_width(440.0);
    if !kept.command.is_empty() {
        ui.horizontal(|ui| {
            ui.label(theme::small("kept:"));
            let command = RichText::new(&kept.command).monospace().size(11.5).color(theme::ink());
            ui.add(egui::Label::new(command).truncate()).on_hover_text(&kept.path);
        });
    }
    if !kept.problem.is_empty() {
        ui.label(theme::small(&kept.problem).color(theme::words(theme::BLIND)));
    }
}

/// A label that belongs to a place in the scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Callout {
    /// Where the place is on the screen, in points.
    pub at: Pos2,
    /// Which way the label stands off.
    pub away: egui::Vec2,
    /// A word and a number.
    pub text: String,
    /// Of what it names.
    pub colour: Color32,
}

/// Draws the labels of places in the scene; none covers one before it or lies under a card, as far as there is room.
pub(crate) fn callouts(painter: &Painter, callouts: &[Callout], scene: Rect, cards: &[Rect]) {
    let mut labels: Vec<(&Callout, Arc<Galley>, Rect)> = Vec::new();
    let mut taken = cards.to_vec();
    for callout in callouts.iter().filter(|callout| scene.contains(callout.at)) {
        let galley = painter.layout_no_wrap(callout.text.clone(), FontId::proportional(13.0), Color32::WHITE);
        let wanted = Rect::from_center_size(callout.at + callout.away, galley.size() + egui::vec2(14.0, 7.0));
        let rect = free(wanted, &taken, scene);
        taken.push(rect);
        labels.push((callout, galley, rect));
    }
    for (callout, _, rect) in &labels {
        painter.line_segment([callout.at, rect.center()], Stroke::new(1.5, callout.colour));
        painter.circle_filled(callout.at, 3.0, callout.colour);
    }
    for (callout, galley, rect) in labels {
        painter.rect_filled(rect, 4.0, callout.colour);
        painter.galley(rect.min + egui::vec2(7.0, 3.5), galley, Color32::WHITE);
    }
}

/// The place in the scene nearest to where a label wants to be that nothing else takes; if there is none, where it wants to be.
fn free(wanted: Rect, taken: &[Rect], scene: Rect) -> Rect {
    const GAP: f32 = 2.0;
    let half = wanted.size() / 2.0;
    let centres = Rect::from_min_max(scene.min + half, (scene.max - half).max(scene.min + half));
    let nearest = centres.clamp(wanted.center());
    // Beside, above and below each of them.
    let mut xs = vec![nearest.x];
    let mut ys = vec![nearest.y];
    for other in taken {
        let around = other.expand2(half + egui::Vec2::splat(GAP));
        xs.extend([around.left(), around.right()]);
        ys.extend([around.top(), around.bottom()]);
    }
    let places = xs.iter().flat_map(|x| ys.iter().map(|y| Pos2::new(*x, *y)));
    let places = places.filter(|place| centres.contains(*place));
    let places = places.map(|place| Rect::from_center_size(place, wanted.size()));
    let places = places.filter(|place| !taken.iter().any(|other| other.intersects(*place)));
    let away = |place: &Rect| place.center().distance_sq(nearest);
    places.min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(Rect::from_center_size(nearest, wanted.size()))
}

#[cfg(test)]
#[path = "hud_tests.rs"]
mod tests;
