//! Charts of a report, narrow enough to be read on a phone.

use plotters::style::text_anchor::HPos;
use timing::Span;

use super::track::Track;
use crate::StudyError;
use crate::chart::{Area, Drawn, FAINT, INK, REAL, ZERO, line, nice, svg, words};

/// Width of every chart, and where the plot in it begins and ends. The script of the page knows the last two by the SVG.
const WIDTH: i32 = 480;
/// See [`WIDTH`].
pub(super) const LEFT: i32 = 58;
/// See [`WIDTH`].
pub(super) const RIGHT: i32 = 464;

/// How many are at most so old: latency of applied frames and age of the command in force.
pub(super) fn distribution(latencies: &[Span], ages: &[Span]) -> Result<String, StudyError> {
    let (height, top, bottom) = (250i32, 16, 200);
    let sorted = |spans: &[Span]| {
        let mut ms: Vec<f64> = spans.iter().map(|span| span.ms()).collect();
        ms.sort_by(f64::total_cmp);
        ms
    };
    let curves = [(sorted(latencies), ZERO), (sorted(ages), REAL)];
    let most = nice(curves.iter().filter_map(|(ms, _)| ms.last().copied()).fold(1.0, f64::max));
    let x = |ms: f64| LEFT + (ms / most * f64::from(RIGHT - LEFT)) as i32;
    let y = |share: f64| top + ((1.0 - share) * f64::from(bottom - top)) as i32;
    svg(WIDTH as u32, height as u32, |area| {
        for percent in [0, 25, 50, 75, 100] {
            let at = y(f64::from(percent) / 100.0);
            line(area, &[(LEFT, at), (RIGHT, at)], FAINT, 1)?;
            words(area, &format!("{percent} %"), (LEFT - 8, at), HPos::Right, INK)?;
        }
        for part in 0..=4 {
            let ms = most * f64::from(part) / 4.0;
            line(area, &[(x(ms), top), (x(ms), bottom)], FAINT, 1)?;
            let across = if part == 4 { HPos::Right } else { HPos::Center };
            let place = if part == 4 { WIDTH - 2 } else { x(ms) };
            words(area, &format!("{} ms", brief(ms)), (place, bottom + 14), across, INK)?;
        }
        for (ms, colour) in &curves {
            line(area, &steps(ms, x, y), *colour, 3)?;
        }
        legend(area, height - 12, [("latency of applied frames", ZERO), ("age of the command", REAL)])
    })
}

/// The share of values that are at most so large, as a line.
fn steps(sorted: &[f64], x: impl Fn(f64) -> i32, y: impl Fn(f64) -> i32) -> Vec<(i32, i32)> {
    let mut points = vec![(x(0.0), y(0.0))];
    for (i, ms) in sorted.iter().enumerate() {
        let at = x(*ms);
        // A point a pixel.
        if points.last().is_some_and(|last| last.0 < at) {
            points.push((at, points[points.len() - 1].1));
        }
        if let Some(last) = points.last().copied() {
            let height = y((i + 1) as f64 / sorted.len() as f64);
            if height != last.1 {
                points.push((at, height));
            }
        }
    }
    points
}

fn legend(area: &Area, y: i32, entries: [(&str, plotters::style::RGBColor); 2]) -> Drawn {
    for ((text, colour), at) in entries.into_iter().zip([LEFT, LEFT + 220]) {
        line(area, &[(at, y), (at + 16, y)], colour, 4)?;
        words(area, text, (at + 22, y), HPos::Left, INK)?;
    }
    Ok(())
}

/// Age, blind distance and speed over the run, with what happened.
pub(super) fn timeline(track: &Track) -> Result<String, StudyError> {
    let (row, gap, top) = (62i32, 26, 22);
    let height = top + 3 * (row + gap) + 2;
    let from = 0.0;
    let to = track.samples.last().map_or(1.0, |sample| sample.t).max(0.01);
    let x = |t: f64| LEFT + ((t - from) / (to - from) * f64::from(RIGHT - LEFT)) as i32;
    let speed = track.samples.iter().map(|sample| (sample.t, sample.speed.abs())).collect();
    let rows: [(&str, Vec<(f64, f64)>, _); 3] = [
        ("age of the command, ms", track.ages(), REAL),
        ("driven blind, m", track.blinds(), REAL),
        ("speed, m/s", speed, ZERO),
    ];
    svg(WIDTH as u32, height as u32, |area| {
        for (i, (name, values, colour)) in rows.iter().enumerate() {
            let base = top + row + (row + gap) * i as i32;
            let most = nice(values.iter().map(|(_, v)| *v).fold(1e-3, f64::max));
            let y = |v: f64| base - (v / most * f64::from(row)) as i32;
            words(area, name, (LEFT, base - row - 12), HPos::Left, INK)?;
            for part in [0.0, 0.5, 1.0] {
                line(area, &[(LEFT, y(most * part)), (RIGHT, y(most * part))], FAINT, 1)?;
                if part != 0.5 {
                    words(area, &brief(most * part), (LEFT - 8, y(most * part)), HPos::Right, INK)?;
                }
            }
            let points: Vec<(i32, i32)> = values.iter().map(|(t, v)| (x(*t), y(*v))).collect();
            line(area, &points, *colour, 2)?;
        }
        let base = top + 3 * row + 2 * gap;
        for (t, _) in &track.notes {
            line(area, &[(x(*t), top), (x(*t), base)], INK, 2)?;
        }
        for part in 0..=4 {
            let t = to * f64::from(part) / 4.0;
            let (place, across) = if part == 4 { (WIDTH - 2, HPos::Right) } else { (x(t), HPos::Center) };
            words(area, &format!("{t:.1} s"), (place, base + 16), across, INK)?;
        }
        Ok(())
    })
}

/// A tick of an axis.
fn brief(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_by_the_share_of_values() {
        let points = steps(&[10.0, 10.0, 20.0, 40.0], |ms| ms as i32, |share| (share * 100.0) as i32);
        assert_eq!(points, [(0, 0), (10, 0), (10, 25), (10, 50), (20, 50), (20, 75), (40, 75), (40, 100)]);
    }

    #[test]
    fn ticks_are_brief() {
        assert_eq!([0.0, 0.25, 2.5, 200.0].map(brief), ["0", "0.25", "2.5", "200"]);
    }
}
