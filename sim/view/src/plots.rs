//! The strip at the bottom, its left half: the age of information over time.

use bevy_egui::egui::{self, Align2, Ui};
use egui_plot::{HLine, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints, Points, Text};

use crate::limit::Limit;
use crate::snapshot::AgeStrip;
use crate::{panel, theme};

/// Age of the command in force over the last seconds: a saw that falls to the latency at each application. Its peaks are the
/// reactions that the budget bounds.
pub(crate) fn age_strip(ui: &mut Ui, strip: &AgeStrip, limit: Option<Limit>) {
    let last = strip.peaks.last().map_or(String::new(), |peak| format!("last peak {} ms", panel::ms(peak[1])));
    heading(ui, "Age of the command in force", &last);
    let highest = strip.saw.iter().map(|corner| corner[1]).fold(0.0, f64::max);
    // A budget that is far away would press the saw flat.
    let budget = limit.and_then(Limit::budget).filter(|ms| *ms < 4.0 * highest.max(20.0));
    let top = nice(highest.max(budget.unwrap_or(0.0)) * 1.1).max(20.0);
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
        if let Some(ms) = budget {
            plot.hline(HLine::new("budget", ms).color(theme::ink()).style(LineStyle::dashed_loose()).width(1.5));
            let words = egui::RichText::new(format!("budget {} ms", panel::ms(ms))).size(10.5).color(theme::ink());
            let place = PlotPoint::new(-AgeStrip::WINDOW + 0.03, ms);
            plot.text(Text::new("budget", place, words).anchor(Align2::LEFT_BOTTOM));
        }
    });
}

fn marks(from: f64, to: f64, step: f64) -> Vec<egui_plot::GridMark> {
    let n = ((to - from) / step).round() as i32;
    (0..=n).map(|i| egui_plot::GridMark { value: from + f64::from(i) * step, step_size: step }).collect()
}

/// Into how many parts an axis that ends at a [`nice`] number is divided, so that the marks are round too.
pub(crate) fn parts(end: f64) -> f64 {
    let lead = end / 10f64.powf(end.log10().floor());
    if (lead * 2.0).round() % 3.0 == 0.0 { 3.0 } else { 4.0 }
}

/// The next number of the row 20, 30, 40, 60, 80, 100, 150 ...
pub(crate) fn nice(value: f64) -> f64 {
    let decade = 10f64.powf(value.max(1e-3).log10().floor());
    [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|m| m * decade)
        .find(|&n| n >= value)
        .unwrap_or(10.0 * decade)
}

pub(crate) fn heading(ui: &mut Ui, title: &str, right: &str) {
    ui.horizontal(|ui| {
        ui.label(theme::strong(title).size(12.5));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| ui.label(theme::small(right)));
    });
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
