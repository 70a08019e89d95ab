//! The answer as a picture: which latencies are safe, and what brought the impact.

use plotters::style::text_anchor::HPos;
use plotters::style::{RGBColor, WHITE};

use super::Blame;
use crate::StudyError;
use crate::chart::{FAINT, INK, REAL, ZERO, line, svg, words};

const WIDTH: i32 = 720;
const LEFT: i32 = 150;
const RIGHT: i32 = 40;
/// Width of a band.
const BAND: u32 = 18;
/// Height of a row of shares.
const ROW: i32 = 28;

/// An SVG: a band of safe and unsafe latencies with the one there was, and a bar for each stage's share of the impact.
///
/// # Errors
/// When it cannot be drawn.
pub fn blame_chart(blame: &Blame) -> Result<String, StudyError> {
    let shares = blame.shares.iter().flatten().count() as i32;
    let height = 128 + if shares == 0 { 0 } else { 48 + ROW * shares };
    svg(WIDTH as u32, height as u32, |area| {
        let title = format!("{}, seed {}: verdict {}", blame.scenario, blame.seed, blame.verdict.label());
        words(area, &title, (12, 16), HPos::Left, INK)?;
        let end = blame.intervals.last().map_or(1.5, |last| last.to_scale);
        let x = |scale: f64| LEFT + (scale / end * f64::from(WIDTH - LEFT - RIGHT)) as i32;
        let named = |scale: f64| match blame.intervals.last().and_then(|last| last.to_ms) {
            Some(_) => format!("{:.0} ms", scale * blame.latency_ms),
            None => format!("{:.0} %", scale * 100.0),
        };
        let band = 64;
        words(area, "latency", (12, band), HPos::Left, INK)?;
        let mut begin = 0.0;
        for (i, interval) in blame.intervals.iter().enumerate() {
            // The border lies within what was tried on both sides.
            let until = blame
                .intervals
                .get(i + 1)
                .map_or(interval.to_scale, |next| f64::midpoint(interval.to_scale, next.from_scale));
            let colour: RGBColor = if interval.safe { ZERO } else { REAL };
            line(area, &[(x(begin), band), (x(until), band)], colour, BAND)?;
            let word = if interval.safe { "safe" } else { "hits" };
            if x(until) - x(begin) > 60 {
                words(area, word, (i32::midpoint(x(begin), x(until)), band), HPos::Center, WHITE)?;
            }
            begin = until;
        }
        line(area, &[(x(1.0), band - 14), (x(1.0), band + 16)], INK, 3)?;
        words(area, &format!("{} as it was", named(1.0)), (x(1.0), band + 30), HPos::Center, INK)?;
        words(area, "0", (x(0.0), band + 30), HPos::Center, INK)?;
        if let Some(critical) = blame.critical_scale {
            line(area, &[(x(critical), band - 14), (x(critical), band + 9)], INK, 1)?;
            words(area, &format!("{} at most", named(critical)), (x(critical), band - 22), HPos::Center, INK)?;
        }
        let Some(shares) = blame.shares.as_ref().filter(|shares| !shares.is_empty()) else { return Ok(()) };
        let top = 140;
        words(area, "share of the impact speed that latency brought", (12, top), HPos::Left, INK)?;
        let (low, high) = shares.values().fold((0.0f64, 1.0f64), |(low, high), s| (low.min(*s), high.max(*s)));
        let x = |share: f64| LEFT + ((share - low) / (high - low) * f64::from(WIDTH - LEFT - RIGHT - 60)) as i32;
        for (row, (part, share)) in shares.iter().enumerate() {
            let y = top + 30 + ROW * row as i32;
            words(area, &part.replace('_', " and "), (12, y), HPos::Left, INK)?;
            line(area, &[(x(0.0), y), (x(*share), y)], REAL, BAND)?;
            words(area, &format!("{:.0} %", share * 100.0), (x(share.max(0.0)) + 10, y), HPos::Left, INK)?;
        }
        let bottom = top + 18 + ROW * shares.len() as i32;
        line(area, &[(x(0.0), top + 16), (x(0.0), bottom)], FAINT, 1)
    })
}
