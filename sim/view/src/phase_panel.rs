//! The phase map: how often it collides, by speed and latency; a cross where the settings are, a click that sets them.

use bevy_egui::egui::{
    self, Align2, Color32, CursorIcon, FontId, Mesh, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke, StrokeKind,
    Ui,
};
use scenario::Latency;
use timing::{Fate, Stage};

use crate::instrument::Instrument;
use crate::phase::{MapWork, PhaseMap};
use crate::plots::{nice, parts};
use crate::seen::title;
use crate::shade::shade;
use crate::snapshot::{Life, Snapshot};
use crate::{Action, Desk, Settings, panel, theme};

/// Where the settings are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cross {
    speed: f64,
    latency_ms: f64,
    /// Whether the latency is that of the last inference rather than one that was set.
    measured: bool,
}

impl Cross {
    fn of(settings: &Settings, lives: &[Life]) -> Option<Self> {
        let speed = settings.cruise?;
        let set = match settings.latency {
            Latency::Zero => Some(0.0),
            Latency::Fixed(ms) => Some(ms),
            _ => None,
        };
        let (latency_ms, measured) = match set {
            Some(ms) => (ms, false),
            None => (lives.iter().rev().find_map(delay)?, true),
        };
        Some(Self { speed, latency_ms, measured })
    }
}

/// What an applied frame spent waiting for the device and on it: what a pure delay stands for, milliseconds.
fn delay(life: &Life) -> Option<f64> {
    let of_device = |stage: Stage| {
        !matches!(stage, Stage::Sensing | Stage::LinkOut | Stage::LinkBack | Stage::ControlWait | Stage::DeadTime)
    };
    let spent = life.bars.iter().filter(|bar| of_device(bar.0)).map(|bar| (bar.2 - bar.1).ms()).sum();
    (life.fate == Some(Fate::Applied)).then_some(spent)
}

/// Draws the panel; what a person does there is added to `actions`.
pub(crate) fn show(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    title(ui, "Speed and latency", Instrument::Map, actions);
    let lives = snapshot.scene.as_ref().map_or(&[][..], |scene| &scene.lives);
    let cross = Cross::of(&desk.settings, lives);
    let top = snapshot.scene.as_ref().and_then(|scene| match &scene.world.robot {
        plant::Robot::Rover(rover) => Some(rover.max_speed),
        plant::Robot::Balancer(_) => None,
    });
    let map = snapshot.map.shown.as_ref().filter(|map| !map.cells.is_empty());
    egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if let Some(map) = map {
            ui.label(format!("How often it collides: {}.", map.title));
            plot(ui, map, cross, top, actions);
            key(ui, map);
            ui.add_space(2.0);
            here(ui, map, cross);
            ui.label(theme::small("A click sets speed and latency. The latency of the map is a pure delay."));
        }
        let measured = snapshot.settings.latency == Latency::Measured;
        work(ui, &snapshot.map.work, map.is_some(), measured);
    });
}

/// What is found where the settings are.
fn here(ui: &mut Ui, map: &PhaseMap, cross: Option<Cross>) {
    let Some(cross) = cross else { return };
    let of = if cross.measured { " (the last inference, with its wait)" } else { "" };
    let place = format!("Now {:.2} m/s and {} ms{of}", cross.speed, panel::ms(cross.latency_ms));
    let found = map
        .at(cross.speed, cross.latency_ms)
        .map_or_else(|| "beyond the map".to_owned(), |cell| format!("{} of {} collide there", cell.collided, cell.of));
    ui.label(theme::strong(format!("\u{271a} {place}: {found}.")));
}

#[allow(clippy::match_same_arms, reason = "one says why there is no map, the other what went wrong")]
fn work(ui: &mut Ui, work: &MapWork, some: bool, measured: bool) {
    let words = match work {
        MapWork::None(why) => why.as_str(),
        MapWork::Waits => match (some, measured) {
            (true, false) => "It is refined while the run is paused (Space) or over.",
            (true, true) => "It is refined when the run is over: nothing disturbs what is measured.",
            (false, false) => {
                "There is no map of these settings yet: it is drawn while the run is paused (Space) or over."
            }
            (false, true) => {
                "There is no map of these settings yet: it is drawn when the run is over, for nothing disturbs what is measured."
            }
        },
        MapWork::Runs => "It is being refined, nearest to the cross first.",
        MapWork::Done => "It is as fine as it gets.",
        MapWork::Failed(why) => why.as_str(),
    };
    let colour = if matches!(work, MapWork::Failed(_)) { theme::words(theme::BLIND) } else { theme::faint() };
    ui.horizontal_wrapped(|ui| {
        if *work == MapWork::Runs {
            ui.add(egui::Spinner::new().size(12.0));
        }
        ui.label(theme::small(words).color(colour));
    });
}

/// Where speeds and latencies stand on the screen.
struct Axes {
    area: Rect,
    speeds: (f64, f64),
    latencies: (f64, f64),
}

impl Axes {
    fn of(map: &PhaseMap, rect: Rect) -> Self {
        let [speeds, latencies] = map.extent();
        let area = Rect::from_min_max(rect.min + egui::vec2(30.0, 8.0), rect.max - egui::vec2(8.0, 34.0));
        // There is no latency below zero, though the cells at zero reach beyond it.
        Self { area, speeds, latencies: (latencies.0.max(0.0), latencies.1) }
    }

    fn place(&self, speed: f64, ms: f64) -> Pos2 {
        let part = |value: f64, (from, to): (f64, f64)| ((value - from) / (to - from)).clamp(0.0, 1.0) as f32;
        let (x, y) = (part(ms, self.latencies), part(speed, self.speeds));
        Pos2::new(self.area.left() + x * self.area.width(), self.area.bottom() - y * self.area.height())
    }

    /// Speed and latency.
    fn value(&self, at: Pos2) -> (f64, f64) {
        let value = |part: f32, (from, to): (f64, f64)| from + f64::from(part.clamp(0.0, 1.0)) * (to - from);
        let x = (at.x - self.area.left()) / self.area.width();
        let y = (self.area.bottom() - at.y) / self.area.height();
        (value(y, self.speeds), value(x, self.latencies))
    }
}

fn plot(ui: &mut Ui, map: &PhaseMap, cross: Option<Cross>, top: Option<f64>, actions: &mut Vec<Action>) {
    let height = (ui.available_height() - 186.0).clamp(200.0, 340.0);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), height), Sense::click());
    let axes = Axes::of(map, rect);
    let painter = ui.painter_at(rect);
    painter.rect_filled(axes.area, 0.0, theme::well());
    cells(&painter, map, &axes);
    scales(&painter, &axes);
    border(&painter, map, &axes);
    if let Some(cross) = cross {
        mark(&painter, axes.place(cross.speed, cross.latency_ms));
    }
    let Some(pointer) = response.hover_pos().filter(|at| axes.area.contains(*at)) else { return };
    let (speed, ms) = axes.value(pointer);
    // What the controls can be set to.
    let (speed, ms) = ((speed * 20.0).round() / 20.0, ms.round());
    let speed = top.map_or(speed, |top| speed.min(top)).max(0.2);
    painter.hline(axes.area.x_range(), pointer.y, Stroke::new(1.0, theme::faint().gamma_multiply(0.6)));
    painter.vline(pointer.x, axes.area.y_range(), Stroke::new(1.0, theme::faint().gamma_multiply(0.6)));
    if response.clicked() {
        actions.extend([Action::Cruise(speed), Action::Latency(Latency::Fixed(ms))]);
    }
    let found =
        map.at(speed, ms).map_or_else(String::new, |cell| format!("\n{} of {} collide", cell.collided, cell.of));
    response
        .on_hover_cursor(CursorIcon::Crosshair)
        .on_hover_text_at_pointer(format!("{speed:.2} m/s, {ms:.0} ms{found}"));
}

fn cells(painter: &Painter, map: &PhaseMap, axes: &Axes) {
    let mut mesh = Mesh::default();
    for cell in &map.cells {
        let [dv, dms] = cell.size.map(|size| size / 2.0);
        let low = axes.place(cell.speed - dv, cell.latency_ms - dms);
        let high = axes.place(cell.speed + dv, cell.latency_ms + dms);
        mesh.add_colored_rect(Rect::from_two_pos(low, high), shade(cell.share()));
    }
    painter.add(Shape::mesh(mesh));
}

fn scales(painter: &Painter, axes: &Axes) {
    let Axes { area, speeds, latencies } = *axes;
    let font = FontId::proportional(10.5);
    let ticks = |(from, to): (f64, f64)| {
        let step = nice(to - from) / parts(nice(to - from)) / 2.0;
        let first = (from / step - 1e-9).ceil() as i32;
        let last = (to / step + 1e-9).floor() as i32;
        (first..=last).map(move |i| f64::from(i) * step)
    };
    for ms in ticks(latencies) {
        let at = axes.place(speeds.0, ms);
        painter.vline(at.x, area.bottom()..=area.bottom() + 3.0, Stroke::new(1.0, theme::ink()));
        painter.text(at + egui::vec2(0.0, 4.0), Align2::CENTER_TOP, format!("{ms:.0}"), font.clone(), theme::faint());
    }
    for speed in ticks(speeds) {
        let at = axes.place(speed, latencies.0);
        painter.hline(area.left() - 3.0..=area.left(), at.y, Stroke::new(1.0, theme::ink()));
        painter.text(
            at - egui::vec2(5.0, 0.0),
            Align2::RIGHT_CENTER,
            format!("{}", (speed * 100.0).round() / 100.0),
            font.clone(),
            theme::faint(),
        );
    }
    painter.rect_stroke(area, 0.0, Stroke::new(1.0, theme::ink()), StrokeKind::Outside);
    let low = Pos2::new(area.right(), area.bottom() + 17.0);
    painter.text(low, Align2::RIGHT_TOP, "latency, ms", FontId::proportional(11.0), theme::ink());
    let words = painter.layout_no_wrap("speed, m/s".into(), FontId::proportional(11.0), theme::ink());
    painter.galley(Pos2::new(area.left() - 28.0, area.bottom() + 17.0), words, theme::ink());
}

/// The two lines of the formula, as far as they lie on the map.
fn border(painter: &Painter, map: &PhaseMap, axes: &Axes) {
    let path = |which: usize| -> Vec<Pos2> {
        let inside = |ms: f64| ms >= axes.latencies.0 && ms <= axes.latencies.1;
        map.boundary
            .iter()
            .filter(|point| inside(point[which]))
            .map(|point| axes.place(point[0], point[which]))
            .collect()
    };
    let stroke = Stroke::new(2.5, theme::BLIND);
    painter.add(Shape::line(path(1), stroke));
    painter.extend(Shape::dashed_line(&path(2), stroke, 6.0, 4.0));
}

fn mark(painter: &Painter, at: Pos2) {
    for (width, colour) in [(6.0, Color32::WHITE), (2.5, Color32::BLACK)] {
        let reach = if width > 3.0 { 10.0 } else { 9.0 };
        let stroke = Stroke::new(width, colour);
        painter.line_segment([at - egui::vec2(reach, 0.0), at + egui::vec2(reach, 0.0)], stroke);
        painter.line_segment([at - egui::vec2(0.0, reach), at + egui::vec2(0.0, reach)], stroke);
    }
}

/// Shades, and the lines of the formula.
fn key(ui: &mut Ui, map: &PhaseMap) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        ui.label(theme::small("none"));
        let (bar, _) = ui.allocate_exact_size(egui::vec2(90.0, 10.0), Sense::hover());
        let mut mesh = Mesh::default();
        for i in 0..30u8 {
            let x = |i: u8| bar.left() + bar.width() * f32::from(i) / 30.0;
            let part = Rect::from_x_y_ranges(x(i)..=x(i + 1), bar.y_range());
            mesh.add_colored_rect(part, shade(f64::from(i) / 29.0));
        }
        ui.painter().add(Shape::mesh(mesh));
        ui.painter().rect_stroke(bar, 0.0, Stroke::new(1.0, theme::rule()), StrokeKind::Outside);
        ui.label(theme::small("all collide"));
    });
    if map.boundary.is_empty() {
        return;
    }
    for (dashed, word) in [(false, "by formula: up to here it stops"), (true, "by formula: from here on it cannot")] {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(26.0, 10.0), Sense::hover());
            let (ends, stroke) = ([rect.left_center(), rect.right_center()], Stroke::new(2.5, theme::BLIND));
            if dashed {
                ui.painter().extend(Shape::dashed_line(&ends, stroke, 6.0, 4.0));
            } else {
                ui.painter().line_segment(ends, stroke);
            }
            ui.label(RichText::new(word).size(theme::SMALL).color(theme::ink()));
        });
    }
}

#[cfg(test)]
#[path = "phase_panel_tests.rs"]
mod tests;
