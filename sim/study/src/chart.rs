//! Charts as SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::Comparison;
use crate::{Estimate, StudyError};

/// Text and axes. The page turns these colours into its own, light or dark.
pub(crate) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Grid lines.
pub(crate) const FAINT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// From a point to its name.
const THREAD: RGBColor = RGBColor(0x99, 0x99, 0x99);
/// Without latency; what the network saw.
pub(crate) const ZERO: RGBColor = RGBColor(0x2a, 0x78, 0xd6);
/// With latency; what was driven since.
pub(crate) const REAL: RGBColor = RGBColor(0xd9, 0x6f, 0x12);

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
pub(crate) type Drawn = Result<(), StudyError>;

pub(crate) fn failed(error: impl std::fmt::Display) -> StudyError {
    StudyError::Chart(error.to_string())
}

/// An SVG of this size.
pub(crate) fn svg(width: u32, height: u32, draw: impl FnOnce(&Area) -> Drawn) -> Result<String, StudyError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
    draw(&area)?;
    area.present().map_err(failed)?;
    drop(area);
    // Its size on a page is the page's affair.
    Ok(text.replacen("<svg ", "<svg role=\"img\" style=\"max-width:100%;height:auto\" ", 1))
}

/// Words at a place; `across` says which of their sides is there.
pub(crate) fn words(area: &Area, text: &str, at: (i32, i32), across: HPos, colour: RGBColor) -> Drawn {
    words_of(area, text, at, across, colour, 16)
}

/// The same of a size, pixels.
pub(crate) fn words_of(area: &Area, text: &str, at: (i32, i32), across: HPos, colour: RGBColor, size: i32) -> Drawn {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&colour).pos(Pos::new(across, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style)).map_err(failed)
}

/// A broken line through points.
pub(crate) fn dashed(area: &Area, points: &[(i32, i32)], colour: RGBColor, width: u32) -> Drawn {
    let path = plotters::element::DashedPathElement::new(points.iter().copied(), 7, 5, colour.stroke_width(width));
    area.draw(&path).map_err(failed)
}

/// A line through points.
pub(crate) fn line(area: &Area, points: &[(i32, i32)], colour: RGBColor, width: u32) -> Drawn {
    area.draw(&PathElement::new(points.to_vec(), colour.stroke_width(width))).map_err(failed)
}

/// A dot, filled or as a ring.
pub(crate) fn dot(area: &Area, at: (i32, i32), colour: RGBColor, filled: bool) -> Drawn {
    let style = if filled { colour.filled() } else { colour.stroke_width(2) };
    area.draw(&Circle::new(at, 5, style)).map_err(failed)
}

/// Success of each pilot without latency and with its own, each with its interval.
pub fn success_chart(comparison: &Comparison) -> Result<String, StudyError> {
    let (left, right, row) = (160, 34, 60);
    let width = 680i32;
    let height = 90 + row * comparison.models.len() as i32;
    let x = |share: f64| left + (share * f64::from(width - left - right)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, "success: goal without collision, with 95 % intervals", (left, 14), HPos::Left, INK)?;
        for percent in (0..=100).step_by(20) {
            let at = x(f64::from(percent) / 100.0);
            line(area, &[(at, 34), (at, height - 46)], FAINT, 1)?;
            words(area, &format!("{percent} %"), (at, height - 32), HPos::Center, INK)?;
        }
        for (i, model) in comparison.models.iter().enumerate() {
            let y = 34 + row * i as i32 + row / 2;
            words(area, &model.name, (left - 12, y), HPos::Right, INK)?;
            for (share, dy, colour) in [(&model.success_zero, -9, ZERO), (&model.success_real, 9, REAL)] {
                interval(area, share, y + dy, x, colour)?;
            }
        }
        dot(area, (left, height - 12), ZERO, true)?;
        words(area, "without latency", (left + 12, height - 12), HPos::Left, INK)?;
        dot(area, (left + 170, height - 12), REAL, true)?;
        words(area, "with its real latency", (left + 182, height - 12), HPos::Left, INK)
    })
}

fn interval(area: &Area, share: &Estimate, y: i32, x: impl Fn(f64) -> i32, colour: RGBColor) -> Drawn {
    line(area, &[(x(share.lo), y), (x(share.hi), y)], colour, 3)?;
    for end in [share.lo, share.hi] {
        line(area, &[(x(end), y - 4), (x(end), y + 4)], colour, 2)?;
    }
    dot(area, (x(share.rate), y), colour, true)
}

/// Success with real latency over latency: where lateness begins to cost.
pub fn latency_chart(comparison: &Comparison) -> Result<String, StudyError> {
    let (width, height, left, right, top, bottom) = (680i32, 420i32, 66, 120, 34, 54);
    let latencies: Vec<f64> = comparison.models.iter().map(|m| m.latency_ms.p50).filter(|ms| *ms > 0.0).collect();
    let axis = Log::around(&latencies, 1.0);
    let x = |ms: f64| left + (axis.part(ms) * f64::from(width - left - right)) as i32;
    let y = |share: f64| top + ((1.0 - share) * f64::from(height - top - bottom)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, "success over median latency; rings: the same pilot without latency", (left, 14), HPos::Left, INK)?;
        for percent in (0..=100).step_by(20) {
            let at = y(f64::from(percent) / 100.0);
            line(area, &[(left, at), (width - right, at)], FAINT, 1)?;
            words(area, &format!("{percent} %"), (left - 8, at), HPos::Right, INK)?;
        }
        for ms in axis.decades() {
            line(area, &[(x(ms), top), (x(ms), height - bottom)], FAINT, 1)?;
            words(area, &format!("{ms} ms"), (x(ms), height - bottom + 16), HPos::Center, INK)?;
        }
        let mut taken = Vec::new();
        for model in &comparison.models {
            // No latency at all stands at the left border.
            let at = if model.latency_ms.p50 > 0.0 { x(model.latency_ms.p50) } else { left };
            let real = &model.success_real;
            line(area, &[(at, y(real.lo)), (at, y(real.hi))], REAL, 3)?;
            dot(area, (at, y(model.success_zero.rate)), ZERO, false)?;
            dot(area, (at, y(real.rate)), REAL, true)?;
            name_beside(area, &mut taken, (at, y(real.rate)), &model.name)?;
        }
        words(area, "median latency, log scale", (width - right, height - 12), HPos::Right, INK)
    })
}

/// The next round number: an axis that ends there is easy to read.
pub(crate) fn nice(value: f64) -> f64 {
    let power = 10f64.powf(value.max(1e-9).log10().floor());
    [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value)
        .unwrap_or(value)
}

/// Names a point without covering the names before it; one that had to move away keeps a thread to its point.
pub(crate) fn name_beside(area: &Area, taken: &mut Vec<(i32, i32)>, point: (i32, i32), name: &str) -> Drawn {
    let at = beside(taken, (point.0 + 12, point.1));
    if at.1 != point.1 {
        line(area, &[point, (at.0 - 2, at.1)], THREAD, 1)?;
    }
    taken.push(at);
    words(area, name, at, HPos::Left, INK)
}

/// A place for a label that covers none of those before it.
fn beside(taken: &[(i32, i32)], mut at: (i32, i32)) -> (i32, i32) {
    while taken.iter().any(|t| (t.0 - at.0).abs() < 100 && (t.1 - at.1).abs() < 17) {
        at.1 += 17;
    }
    at
}

/// A logarithmic axis over whole decades.
pub(crate) struct Log {
    from: i32,
    to: i32,
}

impl Log {
    /// The decades that hold all values, and `always`.
    pub fn around(values: &[f64], always: f64) -> Self {
        let all = || values.iter().copied().chain([always]);
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        let from = least.log10().floor() as i32;
        Self { from, to: (most.log10().ceil() as i32).max(from + 1) }
    }

    /// Where a value stands between the ends, 0 to 1.
    pub fn part(&self, value: f64) -> f64 {
        ((value.log10() - f64::from(self.from)) / f64::from(self.to - self.from)).clamp(0.0, 1.0)
    }

    /// The lines to draw.
    pub fn decades(&self) -> impl Iterator<Item = f64> + use<> {
        (self.from..=self.to).map(|power| 10f64.powi(power))
    }
}

/// A linear axis whose marks are round numbers.
pub(crate) struct Ticks {
    from: f64,
    to: f64,
    step: f64,
}

impl Ticks {
    /// An axis from the one value to the other, with about eight marks at most.
    pub fn over(from: f64, to: f64) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let rough = (to - from) / 8.0;
        let decade = 10f64.powi(rough.log10().floor() as i32);
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|k| k * decade).into_iter().find(|s| *s >= rough * 0.999);
        Self { from, to, step: step.unwrap_or(rough) }
    }

    /// Where a value stands between the ends, 0 to 1.
    pub fn part(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// The lines to draw.
    pub fn marks(&self) -> impl Iterator<Item = f64> + use<> {
        let (step, slack) = (self.step, self.step * 1e-6);
        let (first, last) = ((self.from - slack) / step, (self.to + slack) / step);
        // Free of the last bits of a product.
        (first.ceil() as i64..=last.floor() as i64).map(move |k| (k as f64 * step * 1e9).round() / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_hold_all_values() {
        let axis = Log::around(&[0.3, 212.0], 1.0);
        assert_eq!(axis.decades().collect::<Vec<_>>(), [0.1, 1.0, 10.0, 100.0, 1000.0]);
        assert!((axis.part(10.0) - 0.5).abs() < 1e-12 && axis.part(0.0) == 0.0 && axis.part(1e9) == 1.0);
        assert_eq!(Log::around(&[], 1.0).decades().count(), 2);
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(Ticks::over(0.0, 300.0).marks().collect::<Vec<_>>(), [0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0]);
        assert_eq!(Ticks::over(1.3, 2.2).marks().collect::<Vec<_>>(), [1.4, 1.6, 1.8, 2.0, 2.2]);
        assert!((Ticks::over(1.0, 3.0).part(2.0) - 0.5).abs() < 1e-12 && Ticks::over(2.0, 2.0).part(2.0) == 0.0);
    }

    #[test]
    fn labels_move_out_of_each_other() {
        assert_eq!(beside(&[(10, 10), (10, 27)], (12, 12)), (12, 46));
        assert_eq!(beside(&[(200, 10)], (12, 12)), (12, 12));
    }
}
