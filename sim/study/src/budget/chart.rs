//! The budget over speed.

use plotters::style::text_anchor::HPos;

use super::Budget;
use crate::StudyError;
use crate::chart::{FAINT, INK, REAL, Ticks, ZERO, dot, line, svg, words};

/// An SVG: the formula as a line, the experiment as dots with their intervals.
pub fn budget_chart(budget: &Budget) -> Result<String, StudyError> {
    let (width, height, left, right, top, bottom) = (680i32, 420i32, 76, 40, 44, 60);
    let speeds: Vec<f64> = budget.speeds.iter().map(|s| s.v).collect();
    let most = |of: &dyn Fn(&super::AtSpeed) -> Option<f64>| budget.speeds.iter().filter_map(of).fold(0.0, f64::max);
    let across =
        Ticks::over(speeds.iter().copied().fold(f64::INFINITY, f64::min), speeds.iter().copied().fold(0.0, f64::max));
    let up = Ticks::over(0.0, most(&|s| s.analytic_ms).max(most(&|s| s.hi.or(s.empirical_ms))).max(1.0));
    let x = |v: f64| left + (across.part(v) * f64::from(width - left - right)) as i32;
    let y = |ms: f64| top + ((1.0 - up.part(ms)) * f64::from(height - top - bottom)) as i32;
    svg(width as u32, height as u32, |area| {
        let title = format!("longest pure delay that is still safe in {}, ms", budget.scenario);
        words(area, &title, (left, 16), HPos::Left, INK)?;
        for ms in up.marks() {
            line(area, &[(left, y(ms)), (width - right, y(ms))], FAINT, 1)?;
            words(area, &format!("{ms}"), (left - 8, y(ms)), HPos::Right, INK)?;
        }
        for v in across.marks() {
            line(area, &[(x(v), top), (x(v), height - bottom)], FAINT, 1)?;
            words(area, &format!("{v}"), (x(v), height - bottom + 16), HPos::Center, INK)?;
        }
        let formula: Vec<(i32, i32)> =
            budget.speeds.iter().filter_map(|s| s.analytic_ms.map(|ms| (x(s.v), y(ms)))).collect();
        if formula.len() > 1 {
            line(area, &formula, ZERO, 3)?;
        }
        for s in &budget.speeds {
            if let (Some(lo), Some(hi)) = (s.lo, s.hi) {
                line(area, &[(x(s.v), y(lo)), (x(s.v), y(hi))], REAL, 3)?;
            }
            if let Some(ms) = s.empirical_ms {
                dot(area, (x(s.v), y(ms)), REAL, true)?;
            }
        }
        line(area, &[(left, height - 14), (left + 24, height - 14)], ZERO, 3)?;
        words(area, "by formula", (left + 32, height - 14), HPos::Left, INK)?;
        dot(area, (left + 150, height - 14), REAL, true)?;
        words(area, "by experiment", (left + 162, height - 14), HPos::Left, INK)?;
        words(area, "speed, m/s", (width - right, height - 14), HPos::Right, INK)
    })
}
