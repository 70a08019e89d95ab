//! Ways of compensation as a chart.

use plotters::style::text_anchor::HPos;

use super::CompensationStudy;
use crate::chart::{Area, Drawn, FAINT, INK, REAL, ZERO, dot, line, nice, svg, words};
use crate::{Estimate, StudyError};

/// For each way its share of collisions, and its time to the goal.
pub fn compensation_chart(study: &CompensationStudy) -> Result<String, StudyError> {
    let (width, top, row) = (480i32, 34, 46);
    let height = top + row * study.ways.len() as i32 + 36;
    let (share_from, share_to, time_from, time_to) = (14, 220, 270, 462);
    let longest = nice(study.ways.iter().filter_map(|way| way.time_to_goal_s).map(|e| e.hi).fold(1.0, f64::max));
    let share_x = |share: f64| share_from + (share * f64::from(share_to - share_from)) as i32;
    let time_x = |s: f64| time_from + ((s / longest).clamp(0.0, 1.0) * f64::from(time_to - time_from)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, "collisions", (share_from, 12), HPos::Left, INK)?;
        words(area, "time to the goal", (time_from, 12), HPos::Left, INK)?;
        let floor = height - 34;
        for part in [0.0, 0.5, 1.0] {
            for at in [share_x(part), time_x(part * longest)] {
                line(area, &[(at, top - 8), (at, floor)], FAINT, 1)?;
            }
            let side = if part == 1.0 { HPos::Right } else { HPos::Center };
            words(area, &format!("{:.0} %", part * 100.0), (share_x(part).max(16), height - 18), HPos::Center, INK)?;
            words(area, &format!("{} s", part * longest), (time_x(part * longest), height - 18), side, INK)?;
        }
        for (i, way) in study.ways.iter().enumerate() {
            let y = top + row * i as i32;
            words(area, &way.way, (share_from, y + 6), HPos::Left, INK)?;
            interval(area, &way.collided, y + 28, share_x, REAL)?;
            match &way.time_to_goal_s {
                Some(time) => interval(area, time, y + 28, time_x, ZERO)?,
                None => words(area, "never reached", (time_from, y + 28), HPos::Left, INK)?,
            }
        }
        Ok(())
    })
}

fn interval(area: &Area, e: &Estimate, y: i32, x: impl Fn(f64) -> i32, colour: plotters::style::RGBColor) -> Drawn {
    line(area, &[(x(e.lo), y), (x(e.hi), y)], colour, 3)?;
    for end in [e.lo, e.hi] {
        line(area, &[(x(end), y - 4), (x(end), y + 4)], colour, 2)?;
    }
    dot(area, (x(e.rate), y), colour, true)
}
