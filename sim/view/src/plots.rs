//! The strip at the bottom: the age of information over time, and the stages of the last inferences.

use bevy_egui::egui::{self, Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Stroke, StrokeKind, Ui};
use egui_plot::{Line, Plot, PlotBounds, PlotPoints, Points};
use timing::{Fate, SimTime, Span, Stage};

use crate::snapshot::{AgeStrip, Life};
use crate::{panel, theme};

/// Age of the command in force over the last seconds: a saw that falls to the latency at each application.
pub(crate) fn age_strip(ui: &mut Ui, strip: &AgeStrip) {
    let last = strip.peaks.last().map_or(String::new(), |peak| format!("last peak {} ms", panel::ms(peak[1])));
    heading(ui, "Age of the command in force", &last);
    let highest = strip.saw.iter().map(|corner| corner[1]).fold(0.0, f64::max);
    let top = nice(highest * 1.1).max(20.0);
    let plot = Plot::new("age")
        .height(ui.available_height())
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_background(false)
        .y_axis_min_width(34.0)
        .x_axis_formatter(|mark, _| match mark.value {
            0.0 => "now".into(),
            // Its place is the zero's.
            v if v <= -AgeStrip::WINDOW => String::new(),
            v => format!("{v:.0} s"),
        })
        .y_axis_formatter(|mark, _| format!("{:.0} ms", mark.value))
        .x_grid_spacer(|_| marks(-AgeStrip::WINDOW, 0.0, 1.0))
        .y_grid_spacer(move |_| marks(0.0, top, top / parts(top)))
        .label_formatter(|_| None)
        .show_crosshair(false);
    plot.show(ui, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([-AgeStrip::WINDOW, 0.0], [0.02, top]));
        let points = |of: &[[f64; 2]]| PlotPoints::from(of.to_vec());
        // Where the teeth stand close, thin lines and small points leave room between them.
        let (width, radius) = if strip.peaks.len() > 50 { (1.0, 1.3) } else { (2.0, 2.5) };
        plot.line(Line::new("age", points(&strip.saw)).color(theme::GHOST).width(width));
        plot.points(Points::new("peaks", points(&strip.peaks)).color(theme::BLIND).radius(radius));
        plot.points(Points::new("latency", points(&strip.latencies)).color(theme::ink()).radius(radius * 0.7));
    });
}

fn marks(from: f64, to: f64, step: f64) -> Vec<egui_plot::GridMark> {
    let n = ((to - from) / step).round() as i32;
    (0..=n).map(|i| egui_plot::GridMark { value: from + f64::from(i) * step, step_size: step }).collect()
}

/// Into how many parts an axis that ends at a [`nice`] number is divided, so that the marks are round too.
fn parts(end: f64) -> f64 {
    let lead = end / 10f64.powf(end.log10().floor());
    if (lead * 2.0).round() % 3.0 == 0.0 { 3.0 } else { 4.0 }
}

/// The next number of the row 20, 30, 40, 60, 80, 100, 150 ...
fn nice(value: f64) -> f64 {
    let decade = 10f64.powf(value.max(1e-3).log10().floor());
    [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|m| m * decade)
        .find(|&n| n >= value)
        .unwrap_or(10.0 * decade)
}

fn heading(ui: &mut Ui, title: &str, right: &str) {
    ui.horizontal(|ui| {
        ui.label(theme::strong(title).size(12.5));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| ui.label(theme::small(right)));
    });
}

/// Where an instant of a life is drawn: `(captured, instant)` to points.
type Place<'a> = dyn Fn(SimTime, SimTime) -> f32 + 'a;

/// The last inferences as bars from capture to application, by stage; dropped frames as ticks. Where they are so short that
/// bars on one axis of time would be specks, all begin at their capture.
pub(crate) fn waterfall(ui: &mut Ui, lives: &[Life], now: SimTime) {
    let bars: Vec<&Life> = lives.iter().filter(|life| life.fate != Some(Fate::Dropped)).collect();
    let end = |life: &Life| life.bars.last().map_or(life.captured, |bar| bar.2);
    let first = lives.iter().map(|life| life.captured).min().unwrap_or(now);
    let last = bars.iter().map(|life| end(life)).max().unwrap_or(now).max(now);
    let longest = bars.iter().map(|life| (end(life) - life.captured).ms()).fold(0.0, f64::max);
    let whole = (last - first).ms();
    let aligned = longest < 0.06 * whole;
    let dropped = lives.len() - bars.len();
    let right = match (dropped, aligned) {
        (0, false) => String::new(),
        (0, true) => "each from its capture".to_owned(),
        (n, _) => format!("{n} dropped among them"),
    };
    heading(ui, "The last inferences, from capture to command", &right);
    let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let painter = ui.painter_at(rect);
    let area = Rect::from_min_max(rect.min, rect.max - egui::vec2(0.0, 16.0));
    if bars.is_empty() {
        painter.text(
            area.center(),
            Align2::CENTER_CENTER,
            "no inference yet",
            FontId::proportional(12.0),
            theme::faint(),
        );
        return;
    }
    let span = if aligned { nice(longest) } else { nice(whole * 1.02).max(20.0) };
    let scale = f64::from(area.width() - 40.0) / span;
    let x = |captured: SimTime, t: SimTime| {
        let since = if aligned { t - captured } else { t - (last - Span::from_ms(span)) };
        area.left() + (since.ms() * scale) as f32
    };
    time_grid(&painter, area, span, aligned);
    let ticks = 9.0;
    let pitch = ((area.height() - ticks - 12.0) / bars.len().max(6) as f32).min(15.0);
    for (i, life) in bars.iter().enumerate() {
        let top = area.top() + 1.0 + i as f32 * pitch;
        bar(&painter, life, top, (pitch - 2.0).max(2.0), &x);
    }
    for life in lives.iter().filter(|life| life.fate == Some(Fate::Dropped) && !aligned) {
        let at = x(life.captured, life.captured);
        let bottom = area.bottom() - 12.0;
        painter
            .line_segment([Pos2::new(at, bottom - ticks + 1.0), Pos2::new(at, bottom)], Stroke::new(2.0, theme::ink()));
    }
    legend(&painter, Rect::from_min_max(Pos2::new(rect.left(), area.bottom()), rect.max), &bars, dropped > 0);
}

fn time_grid(painter: &Painter, area: Rect, span: f64, aligned: bool) {
    let parts = parts(span);
    for i in 0..=parts as i32 {
        let share = f64::from(i) / parts;
        let at = area.left() + (f64::from(area.width() - 40.0) * share) as f32;
        let line = [Pos2::new(at, area.top()), Pos2::new(at, area.bottom() - 12.0)];
        painter.line_segment(line, Stroke::new(1.0, theme::rule()));
        let text = match (aligned, i) {
            (true, 0) => "capture".to_owned(),
            (true, _) => format!("+{} ms", panel::ms(span * share)),
            (false, _) if share == 1.0 => "now".to_owned(),
            (false, _) => format!("-{:.0} ms", span * (1.0 - share)),
        };
        let align = if i == 0 { Align2::LEFT_BOTTOM } else { Align2::CENTER_BOTTOM };
        painter.text(Pos2::new(at, area.bottom()), align, text, FontId::proportional(10.5), theme::faint());
    }
}

fn bar(painter: &Painter, life: &Life, top: f32, height: f32, x: &Place) {
    let start = x(life.captured, life.captured);
    let mut end = start;
    for &(stage, from, to) in &life.bars {
        let colour = match life.fate {
            Some(Fate::Applied) => theme::stage(stage),
            None => theme::stage(stage).gamma_multiply(0.75),
            _ => theme::stage(stage).gamma_multiply(0.35),
        };
        let [from, to] = [from, to].map(|t| x(life.captured, t));
        let rect = Rect::from_min_max(Pos2::new(from, top), Pos2::new(to.max(from + 1.0), top + height));
        painter.rect_filled(rect, 1.0, colour);
        end = rect.right();
    }
    painter.line_segment([Pos2::new(start, top), Pos2::new(start, top + height)], Stroke::new(1.5, theme::ink()));
    let middle = Pos2::new(end + 4.0, top + height / 2.0);
    let font = FontId::proportional(10.5);
    match (life.fate, life.bars.last()) {
        (Some(Fate::Applied), Some(last)) if height > 7.0 => {
            let text = panel::ms((last.2 - life.captured).ms());
            painter.text(middle, Align2::LEFT_CENTER, text, font, theme::ink());
        }
        (Some(Fate::Lost), _) => {
            painter.text(middle, Align2::LEFT_CENTER, "lost", font, theme::words(theme::BLIND));
        }
        (Some(Fate::Superseded), _) => {
            painter.text(middle, Align2::LEFT_CENTER, "superseded", font, theme::faint());
        }
        (None, _) => {
            let rect = Rect::from_min_max(Pos2::new(start, top), Pos2::new(end, top + height));
            painter.rect_stroke(rect, 1.0, Stroke::new(1.0, theme::ink()), StrokeKind::Inside);
        }
        _ => {}
    }
}

/// The stages that occur, and the tick of dropped frames.
fn legend(painter: &Painter, area: Rect, bars: &[&Life], dropped: bool) {
    let mut at = Pos2::new(area.left(), area.center().y);
    let mut entry = |colour: Color32, word: &str, width: f32| {
        let text = painter.layout_no_wrap(word.to_owned(), FontId::proportional(11.0), theme::ink());
        if at.x + 14.0 + text.size().x > area.right() {
            return;
        }
        let swatch = Rect::from_center_size(at + egui::vec2(5.0, 0.0), egui::vec2(width, 9.0));
        painter.rect_filled(swatch, 1.0, colour);
        let next = 14.0 + text.size().x + 12.0;
        painter.galley(Pos2::new(at.x + 14.0, at.y - text.size().y / 2.0), text, theme::ink());
        at.x += next;
    };
    for stage in Stage::ALL {
        if bars.iter().any(|life| life.bars.iter().any(|bar| bar.0 == stage)) {
            entry(theme::stage(stage), stage.label(), 10.0);
        }
    }
    if dropped {
        entry(theme::ink(), "frame dropped", 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round() {
        for (end, step) in
            [(20.0, 5.0), (30.0, 10.0), (40.0, 10.0), (60.0, 20.0), (80.0, 20.0), (100.0, 25.0), (150.0, 50.0)]
        {
            assert_eq!(end / parts(end), step, "{end}");
        }
    }

    #[test]
    fn the_top_of_the_plot_moves_in_few_steps() {
        for (value, top) in
            [(0.0, 0.001), (0.25, 0.3), (20.0, 20.0), (21.0, 30.0), (99.0, 100.0), (101.0, 150.0), (450.0, 600.0)]
        {
            assert!((nice(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
