//! The budget gauge: what the robot needs to stop, `v R + v^2/(2b)`, against what is free ahead of it.

use bevy_egui::egui::{self, Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui};
use episode::Episode;
use plant::{Command, Pose, Robot, RobotState};
use timing::{SimTime, Span};

use crate::{panel, theme};

/// What it takes to stop from an instant on, and what there is.
///
/// The robot goes on under the command in force for the reaction time and then brakes as hard as it can; at a constant speed
/// and without lag that is `v R + v^2/(2b)`. Lengths are metres of the way of its centre.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauge {
    /// Forward speed, m/s.
    pub speed: f64,
    /// The longest that anything new had to wait lately until a command that knew of it took hold; `None` before the first.
    pub reaction: Option<Span>,
    /// Driven meanwhile.
    pub driven: f64,
    /// Driven while braking.
    pub braking: f64,
    /// What it would need if the brakes bit at once.
    pub at_least: f64,
    /// Free along that way, and straight on beyond it; infinite if nothing stands within [`Gauge::REACH`].
    pub free: f64,
    /// The way of the middle of its front, to where it would stand.
    pub path: Vec<[f32; 2]>,
}

impl Gauge {
    /// Nothing further away than this is looked for, metres.
    pub const REACH: f64 = 6.0;
    /// Less than this is not told apart, metres.
    const EXACT: f64 = 1e-3;

    /// What it needs, metres.
    pub fn needed(&self) -> f64 {
        self.driven + self.braking
    }

    /// Whether it can stop in time.
    pub fn verdict(&self) -> Verdict {
        if self.free <= 0.0 {
            Verdict::Short
        } else if self.needed() <= self.free + Self::EXACT {
            Verdict::Fits
        } else if self.at_least <= self.free + Self::EXACT {
            Verdict::Late
        } else {
            Verdict::Short
        }
    }

    /// The verdict, in words.
    pub fn words(&self) -> String {
        let spare = self.free - self.needed();
        match self.verdict() {
            Verdict::Fits if self.free.is_finite() => format!("\u{2714} can stop, {:.2} m to spare", spare.max(0.0)),
            Verdict::Fits => "\u{2714} can stop, nothing ahead".to_owned(),
            Verdict::Late => {
                let left = (self.free - self.at_least).max(0.0) / self.speed.abs().max(STANDING);
                format!("\u{25b2} must brake within {} ms", panel::ms(left * 1e3))
            }
            Verdict::Short if self.free <= 0.0 => "\u{2716} in contact".to_owned(),
            Verdict::Short => format!("\u{2716} cannot stop: {:.2} m short", self.at_least - self.free),
        }
    }

    /// The colour of the verdict.
    pub(crate) fn colour(&self) -> Color32 {
        match self.verdict() {
            Verdict::Fits => theme::COMMITTED,
            Verdict::Late => theme::LATE,
            Verdict::Short => theme::BLIND,
        }
    }
}

/// Whether a robot can stop in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Even for what shows up only now: reaction and braking fit into what is free.
    Fits,
    /// Only if a command that is on its way already brakes: less than the reaction time is left.
    Late,
    /// Not by any command.
    Short,
}

/// Seconds between two poses of the way, and metres beyond it; less than the footprint is long.
const STEP: f64 = 0.04;
const STRIDE: f64 = 0.08;
/// A lag ends braking asymptotically: slower than this is standing, m/s.
const STANDING: f64 = 0.01;
/// Ten seconds: nothing takes longer to stop.
const STEPS: usize = 250;

/// Reads the gauge of a rover at an instant of the tick in progress; a balancer has none.
pub(crate) fn gauge(episode: &Episode, t: SimTime, reaction: Option<Span>) -> Option<Gauge> {
    let Robot::Rover(rover) = &episode.setup().world.robot else { return None };
    let from = episode.robot_at(t);
    let mut path = vec![from.pose];
    let mut drive = |state: RobotState, command: Command, secs: f64| {
        let next = episode.plant().extrapolate(state, command, secs);
        path.push(next.pose);
        next
    };
    let seconds = reaction.map_or(0.0, Span::secs);
    let parts = (seconds / STEP).ceil().clamp(0.0, STEPS as f64);
    let mut state = from;
    for _ in 0..parts as usize {
        state = drive(state, episode.command(), seconds / parts);
    }
    let driven = state.odometer - from.odometer;
    for _ in 0..STEPS {
        if state.linear.abs() < STANDING {
            break;
        }
        state = drive(state, Command::STOP, STEP);
    }
    let needed = state.odometer - from.odometer;
    let at_least = episode.plant().extrapolate(from, Command::STOP, STEP * STEPS as f64).odometer - from.odometer;
    let front = rover.length / 2.0;
    let ahead =
        |pose: &Pose, by: f64| Pose { x: pose.x + by * pose.yaw.cos(), y: pose.y + by * pose.yaw.sin(), ..*pose };
    let fronts = path.iter().map(|pose| crate::history::floor(&ahead(pose, front))).collect();
    let beyond = ((Gauge::REACH - needed) / STRIDE).ceil().max(0.0) as usize;
    path.extend((1..=beyond).map(|i| ahead(&state.pose, i as f64 * STRIDE)));
    // What pushed it back leaves a gap that it did not stop in.
    let touched = episode.plant().clearance() <= 0.0;
    Some(Gauge {
        speed: from.linear,
        reaction,
        driven,
        braking: needed - driven,
        at_least,
        free: if touched { 0.0 } else { episode.free_along(&path, t) },
        path: fronts,
    })
}

/// Draws the gauge: the scale is the way ahead, the bar what is needed of it, the line where something stands.
pub(crate) fn show(ui: &mut Ui, gauge: &Gauge) {
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 30.0), Sense::hover());
    let scale = (gauge.needed() * 1.15).max(3.0);
    let bar = Rect::from_min_size(rect.min, egui::vec2(rect.width(), 12.0));
    let x = |metres: f64| bar.left() + (metres / scale).clamp(0.0, 1.0) as f32 * bar.width();
    let part = |from: f64, to: f64| Rect::from_x_y_ranges(x(from)..=x(to), bar.y_range());
    let painter = ui.painter();
    painter.rect_filled(bar, 2.0, theme::well());
    let colour = gauge.colour();
    painter.rect_filled(part(0.0, gauge.driven), 2.0, colour);
    painter.rect_filled(part(gauge.driven, gauge.needed()), 2.0, colour.gamma_multiply(0.55));
    painter.rect_stroke(part(0.0, gauge.needed()), 2.0, Stroke::new(1.0, colour), StrokeKind::Inside);
    let small = FontId::proportional(10.5);
    let below = bar.bottom() + 3.0;
    let mark = |at: f64, word: &str, align: Align2| {
        painter.text(Pos2::new(x(at), below), align, word, small.clone(), theme::faint());
    };
    mark(0.0, "0", Align2::LEFT_TOP);
    mark(scale, &format!("{scale:.0} m"), Align2::RIGHT_TOP);
    if gauge.free < scale {
        let line = [Pos2::new(x(gauge.free), bar.top() - 2.0), Pos2::new(x(gauge.free), bar.bottom() + 2.0)];
        painter.line_segment(line, Stroke::new(2.5, theme::ink()));
        let align = if gauge.free < 0.15 * scale {
            Align2::LEFT_TOP
        } else if gauge.free > 0.8 * scale {
            Align2::RIGHT_TOP
        } else {
            Align2::CENTER_TOP
        };
        // Its own word covers the ends of the scale.
        let text = painter.layout_no_wrap(format!("free {:.2}", gauge.free), small.clone(), theme::ink());
        let place = align.anchor_size(Pos2::new(x(gauge.free), below), text.size());
        painter.rect_filled(place.expand2(egui::vec2(3.0, 0.0)), 0.0, theme::paper());
        painter.galley(place.min, text, theme::ink());
    }
    response.on_hover_text(hint(gauge));
}

fn hint(gauge: &Gauge) -> String {
    let reaction = gauge.reaction.map_or("not known yet".to_owned(), |r| format!("{} ms", panel::ms(r.ms())));
    format!(
        "v R + v^2/(2b): at {:.2} m/s the robot drives {:.2} m in the reaction time R = {reaction} (the highest peak of the \
         age in the last second) and {:.2} m while it brakes.",
        gauge.speed.abs(),
        gauge.driven,
        gauge.braking
    )
}

#[cfg(test)]
#[path = "gauge_tests.rs"]
mod tests;
