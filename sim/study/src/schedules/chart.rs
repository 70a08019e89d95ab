//! Charts of schedules: throughput over age, and the comb.

use plotters::style::text_anchor::HPos;

use super::{Comb, ScheduleStudy};
use crate::StudyError;
use crate::chart::{FAINT, INK, REAL, ZERO, dot, line, name_beside, nice, svg, words};

/// Frames a second over the oldest that a command grows: to the right is worse, up is more.
pub fn throughput_chart(study: &ScheduleStudy) -> Result<String, StudyError> {
    let (width, height, left, right, top, bottom) = (480i32, 400i32, 40, 100, 60, 84);
    let rows = &study.schedules;
    let reach = study.max_reaction_ms.unwrap_or_default();
    let most_ms = nice(rows.iter().map(|row| row.age_ms_max.max(row.formula.age_ms_max)).fold(reach, f64::max));
    let most_hz = nice(rows.iter().map(|row| row.processed_hz.max(row.formula.processed_hz)).fold(0.0, f64::max));
    let x = |ms: f64| left + (ms / most_ms * f64::from(width - left - right)) as i32;
    let y = |hz: f64| top + ((1.0 - hz / most_hz) * f64::from(height - top - bottom)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, "frames processed a second", (8, 14), HPos::Left, INK)?;
        for part in 0..=5 {
            let (ms, hz) = (most_ms * f64::from(part) / 5.0, most_hz * f64::from(part) / 5.0);
            line(area, &[(left, y(hz)), (width - right, y(hz))], FAINT, 1)?;
            line(area, &[(x(ms), top), (x(ms), height - bottom)], FAINT, 1)?;
            words(area, &format!("{hz:.0}"), (left - 8, y(hz)), HPos::Right, INK)?;
            words(area, &format!("{ms:.0}"), (x(ms), height - bottom + 14), HPos::Center, INK)?;
        }
        if let Some(reaction) = study.max_reaction_ms {
            line(area, &[(x(reaction), top - 16), (x(reaction), height - bottom)], INK, 2)?;
            words(area, "too late to stop", (x(reaction) + 8, height - bottom - 14), HPos::Left, INK)?;
        }
        let mut taken = Vec::new();
        for row in rows {
            dot(area, (x(row.formula.age_ms_max), y(row.formula.processed_hz)), ZERO, false)?;
            let at = (x(row.age_ms_max), y(row.processed_hz));
            dot(area, at, REAL, true)?;
            name_beside(area, &mut taken, at, &row.schedule)?;
        }
        words(area, "the oldest that a command grows, ms", (width - right, height - 46), HPos::Right, INK)?;
        dot(area, (left, height - 14), REAL, true)?;
        words(area, "in episodes", (left + 12, height - 14), HPos::Left, INK)?;
        dot(area, (left + 130, height - 14), ZERO, false)?;
        words(area, "by the formulas (age: its bound)", (left + 142, height - 14), HPos::Left, INK)
    })
}

/// One row a period: filled where the service time collides.
pub fn comb_chart(comb: &Comb) -> Result<String, StudyError> {
    let (width, left, right, top, row) = (480i32, 76, 14, 40, 34);
    let height = top + row * comb.rows.len() as i32 + 84;
    let first = comb.rows.first().map_or(0, |row| row.from_ms);
    let last = comb.rows.iter().map(|row| row.from_ms + row.collides.len() as u32).max().unwrap_or(1);
    let x =
        |ms: f64| left + ((ms - f64::from(first)) / f64::from(last - first) * f64::from(width - left - right)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, "which service times S collide, by period T", (8, 14), HPos::Left, INK)?;
        let floor = top + row * comb.rows.len() as i32;
        for ms in (first..=last).filter(|ms| ms % 20 == 0) {
            line(area, &[(x(f64::from(ms)), top - 6), (x(f64::from(ms)), floor)], FAINT, 1)?;
            words(area, &format!("{ms}"), (x(f64::from(ms)), floor + 16), HPos::Center, INK)?;
        }
        for (i, one) in comb.rows.iter().enumerate() {
            let y = top + row * i as i32 + row / 2 - 4;
            words(area, &format!("T {} ms", one.period_ms), (left - 10, y), HPos::Right, INK)?;
            // One stroke a stretch: many small ones would show their seams.
            let mut from = f64::from(one.from_ms);
            for stretch in one.collides.chunk_by(|a, b| a == b) {
                let to = from + stretch.len() as f64;
                let (colour, thick) = if stretch[0] { (REAL, 18) } else { (ZERO, 4) };
                line(area, &[(x(from - 0.5).max(left), y), (x(to - 0.5), y)], colour, thick)?;
                from = to;
            }
        }
        let foot = height - 14;
        line(area, &[(left, foot), (left + 18, foot)], REAL, 18)?;
        words(area, "collides", (left + 26, foot), HPos::Left, INK)?;
        line(area, &[(left + 120, foot), (left + 138, foot)], ZERO, 4)?;
        words(area, "stops", (left + 146, foot), HPos::Left, INK)?;
        words(area, "service time S, ms", (width - right, floor + 38), HPos::Right, INK)
    })
}
