//! The phase diagram: how likely a collision is at each speed and latency.

use plotters::prelude::{RGBColor, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;
use scenario::{Scenario, Seeds, SweepPlan, sweep_of};
use serde::{Deserialize, Serialize};

use crate::budget::analytic;
use crate::candidates::Candidate;
use crate::chart::{Area, Drawn, INK, REAL, Ticks, dashed, dot, failed, line, svg, words, words_of};
use crate::{Row, StudyError};

/// Collisions over speed and pure delay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagram {
    /// Name of the scenario.
    pub scenario: String,
    /// Who drives.
    pub pilot: String,
    /// The scenario's own speed, m/s.
    pub own_speed: f64,
    /// m/s, rising.
    pub speeds: Vec<f64>,
    /// Pure delays, ms, rising.
    pub latencies: Vec<f64>,
    /// Episodes in each cell.
    pub seeds: usize,
    /// Collisions, for each speed those at each latency.
    pub collided: Vec<Vec<usize>>,
    /// By formula, for each speed.
    pub boundary: Vec<Border>,
    /// Whether every measurement among the candidates can be relied upon.
    pub certified: bool,
    /// Models and devices, by rising latency; not read back.
    #[serde(skip_deserializing)]
    pub candidates: Vec<Candidate>,
}

/// The analytic boundary at a speed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Border {
    /// m/s.
    pub v: f64,
    /// Up to this pure delay every sensor phase stops in time, ms; negative when none does.
    pub all_stop_ms: f64,
    /// From this one on none does, ms.
    pub none_stops_ms: f64,
}

/// The sweep behind a diagram: speed against pure delay.
pub fn phase_grid(
    scenario: &str,
    (speeds, latencies): ((f64, f64), (f64, f64)),
    (rows, columns): (usize, usize),
    seeds: &Seeds,
) -> Result<SweepPlan, StudyError> {
    let even = |name: &str, (from, to): (f64, f64), n: usize| format!("{name}={from}..{to}:{n}");
    Ok(sweep_of(scenario, &[even("speed", speeds, rows), even("latency", latencies, columns)], seeds)?)
}

impl Diagram {
    /// From the rows of each cell of a [`phase_grid`].
    pub fn of(
        scenario: &Scenario,
        plan: &SweepPlan,
        rows: &[Vec<Row>],
        mut candidates: Vec<Candidate>,
        jobs: usize,
    ) -> Result<Self, StudyError> {
        let axis =
            |a: usize| (0..plan.axes[a].values.len()).filter_map(|v| plan.axes[a].text(v).parse().ok()).collect();
        let (speeds, latencies): (Vec<f64>, Vec<f64>) = (axis(0), axis(1));
        let hits: Vec<usize> = rows.iter().map(|cell| cell.iter().filter(|row| row.collided).count()).collect();
        let mut boundary = Vec::new();
        for &v in &speeds {
            if let Some((reaction, period)) = analytic(scenario, v, jobs)? {
                boundary.push(Border { v, all_stop_ms: reaction - period, none_stops_ms: reaction });
            }
        }
        candidates.sort_by(|a, b| a.judged_ms.total_cmp(&b.judged_ms).then_with(|| a.name.cmp(&b.name)));
        let setup = scenario.setup(scenario.seed)?;
        Ok(Self {
            scenario: scenario.name().to_owned(),
            pilot: setup.pilot.name().to_owned(),
            own_speed: setup.cruise,
            seeds: plan.seeds.all().len(),
            collided: hits.chunks(latencies.len().max(1)).map(<[usize]>::to_vec).collect(),
            speeds,
            latencies,
            boundary,
            certified: candidates.iter().all(|candidate| candidate.trusted),
            candidates,
        })
    }
}

impl Diagram {
    /// Reads what `deadtime phase` wrote.
    ///
    /// # Errors
    /// In words: the file is not there, or is no such thing.
    pub fn load(path: &std::path::Path) -> Result<Self, String> {
        let failed = |why: String| format!("{}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
        let diagram: Self = serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
        let (rows, columns) = (diagram.speeds.len(), diagram.latencies.len());
        let whole = diagram.collided.len() == rows && diagram.collided.iter().all(|row| row.len() == columns);
        let rises = |values: &[f64]| values.len() > 1 && values.is_sorted_by(|a, b| a < b);
        if whole && rises(&diagram.speeds) && rises(&diagram.latencies) {
            Ok(diagram)
        } else {
            Err(failed("expected rising speeds and latencies, and a number for each pair of them".into()))
        }
    }
}

/// ColorBrewer's sequential `Blues`: light is safe. It rises in lightness alone, so every eye can read it, and a printer.
const BLUES: [(u8, u8, u8); 9] = [
    (0xf7, 0xfb, 0xff),
    (0xde, 0xeb, 0xf7),
    (0xc6, 0xdb, 0xef),
    (0x9e, 0xca, 0xe1),
    (0x6b, 0xae, 0xd6),
    (0x42, 0x92, 0xc6),
    (0x21, 0x71, 0xb5),
    (0x08, 0x51, 0x9c),
    (0x08, 0x30, 0x6b),
];

fn shade(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (BLUES.len() - 1) as f64;
    let (i, part) = ((at as usize).min(BLUES.len() - 2), at - (at as usize).min(BLUES.len() - 2) as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (BLUES[i], BLUES[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

const SIZE: (i32, i32) = (1020, 680);
/// Left, top, right and bottom of the map.
const MAP: (i32, i32, i32, i32) = (72, 64, 690, 572);

/// Where speeds and latencies stand; each value is the middle of its cell.
struct Map {
    across: Ticks,
    up: Ticks,
}

impl Map {
    fn of(diagram: &Diagram) -> Self {
        let around = |values: &[f64]| {
            let (first, last) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(1.0));
            let half = (last - first) / (values.len().max(2) - 1) as f64 / 2.0;
            Ticks::over(first - half, last + half)
        };
        Self { across: around(&diagram.latencies), up: around(&diagram.speeds) }
    }

    fn x(&self, ms: f64) -> i32 {
        MAP.0 + (self.across.part(ms) * f64::from(MAP.2 - MAP.0)).round() as i32
    }

    fn y(&self, v: f64) -> i32 {
        MAP.3 - (self.up.part(v) * f64::from(MAP.3 - MAP.1)).round() as i32
    }
}

/// An SVG: the map, the analytic boundary on it, and models and devices at their latency.
pub fn phase_chart(diagram: &Diagram) -> Result<String, StudyError> {
    let map = Map::of(diagram);
    svg(SIZE.0 as u32, SIZE.1 as u32, |area| {
        let title = format!("{}: how often it collides, by speed and latency", diagram.scenario);
        words_of(area, &title, (MAP.0, 20), HPos::Left, INK, 19)?;
        let what = format!(
            "{} x {} cells of {} seeds; latency is a pure delay from capture to command",
            diagram.speeds.len(),
            diagram.latencies.len(),
            diagram.seeds
        );
        words_of(area, &what, (MAP.0, 44), HPos::Left, INK, 14)?;
        cells(area, diagram, &map)?;
        axes(area, &map)?;
        border(area, diagram, &map)?;
        points(area, diagram, &map)?;
        key(area, diagram)
    })
}

/// Neighbours of one shade are one rectangle.
fn cells(area: &Area, diagram: &Diagram, map: &Map) -> Drawn {
    let border = |values: &[f64], i: usize| match (values.first(), values.last()) {
        (Some(first), Some(last)) => first + (last - first) / (values.len().max(2) - 1) as f64 * (i as f64 - 0.5),
        _ => 0.0,
    };
    for (row, hits) in diagram.collided.iter().enumerate() {
        let (low, high) = (border(&diagram.speeds, row), border(&diagram.speeds, row + 1));
        let mut from = 0;
        for to in 1..=hits.len() {
            if to < hits.len() && hits[to] == hits[from] {
                continue;
            }
            let corner = |i: usize, v: f64| (map.x(border(&diagram.latencies, i)), map.y(v));
            let colour = shade(hits[from] as f64 / diagram.seeds.max(1) as f64);
            let cell = Rectangle::new([corner(from, high), corner(to, low)], colour.filled());
            area.draw(&cell).map_err(failed)?;
            from = to;
        }
    }
    Ok(())
}

fn axes(area: &Area, map: &Map) -> Drawn {
    let (left, top, right, bottom) = MAP;
    for ms in map.across.marks() {
        line(area, &[(map.x(ms), bottom), (map.x(ms), bottom + 5)], INK, 1)?;
        words(area, &format!("{ms}"), (map.x(ms), bottom + 18), HPos::Center, INK)?;
    }
    for v in map.up.marks() {
        line(area, &[(left - 5, map.y(v)), (left, map.y(v))], INK, 1)?;
        words(area, &format!("{v}"), (left - 10, map.y(v)), HPos::Right, INK)?;
    }
    line(area, &[(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], INK, 1)?;
    words(area, "latency, ms", (right, bottom + 38), HPos::Right, INK)?;
    words(area, "m/s", (left - 10, top - 14), HPos::Right, INK)
}

/// The two lines of the formula, as far as they lie on the map.
fn border(area: &Area, diagram: &Diagram, map: &Map) -> Drawn {
    let (Some(first), Some(last)) = (diagram.latencies.first(), diagram.latencies.last()) else { return Ok(()) };
    let path = |of: fn(&Border) -> f64| -> Vec<(i32, i32)> {
        let inside = diagram.boundary.iter().filter(|b| (*first..=*last).contains(&of(b)));
        inside.map(|b| (map.x(of(b)), map.y(b.v))).collect()
    };
    line(area, &path(|b| b.all_stop_ms), REAL, 3)?;
    dashed(area, &path(|b| b.none_stops_ms), REAL, 3)
}

/// Those so near each other that their dots would cover each other share one.
fn clusters(diagram: &Diagram, map: &Map) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let (Some(&first), Some(&last)) = (diagram.latencies.first(), diagram.latencies.last()) else { return found };
    for (i, candidate) in diagram.candidates.iter().enumerate() {
        if !(first..=last).contains(&candidate.judged_ms) {
            continue;
        }
        let at = map.x(candidate.judged_ms);
        match found.last_mut() {
            Some((from, to)) if at - map.x(diagram.candidates[*from].judged_ms) < 12 => *to = i.max(*from),
            _ => found.push((i, i)),
        }
    }
    found
}

fn points(area: &Area, diagram: &Diagram, map: &Map) -> Drawn {
    let y = map.y(diagram.own_speed);
    let mut free = [i32::MIN; 4];
    for (from, to) in clusters(diagram, map) {
        let x = map.x(diagram.candidates[from].judged_ms);
        let text = if from == to { format!("{}", from + 1) } else { format!("{}-{}", from + 1, to + 1) };
        let half = 4 * text.len() as i32 + 4;
        // The lowest level at which it covers no other label.
        let level = free.iter().position(|end| x - half > *end).unwrap_or(free.len() - 1);
        free[level] = x + half;
        // Below: slower is safer, so the boundary is rarely there.
        let label = (x, y + 20 + 20 * level as i32);
        line(area, &[(x, y), (x, label.1)], INK, 1)?;
        let plate =
            Rectangle::new([(x - half, label.1 - 8), (x + half, label.1 + 8)], RGBColor(255, 255, 255).filled());
        area.draw(&plate).map_err(failed)?;
        words_of(area, &text, label, HPos::Center, INK, 13)?;
        area.draw(&plotters::prelude::Circle::new((x, y), 6, RGBColor(255, 255, 255).filled())).map_err(failed)?;
        dot(area, (x, y), INK, true)?;
    }
    Ok(())
}

/// Shades, lines, and who is who.
fn key(area: &Area, diagram: &Diagram) -> Drawn {
    let (left, _, right, bottom) = MAP;
    let (y, width) = (bottom + 58, 200);
    for i in 0..50 {
        let x = |i: i32| left + width * i / 50;
        let part = Rectangle::new([(x(i), y), (x(i + 1), y + 14)], shade(f64::from(i) / 49.0).filled());
        area.draw(&part).map_err(failed)?;
    }
    let frame = [(left, y), (left + width, y), (left + width, y + 14), (left, y + 14), (left, y)];
    line(area, &frame, INK, 1)?;
    for (share, text) in [(0, "0 %"), (width / 2, "50 %"), (width, "100 %")] {
        words_of(area, text, (left + share, y + 26), HPos::Center, INK, 13)?;
    }
    words_of(area, "collide", (left + width + 16, y + 7), HPos::Left, INK, 14)?;
    if !diagram.boundary.is_empty() {
        let x = left + 310;
        line(area, &[(x, y + 4), (x + 36, y + 4)], REAL, 3)?;
        words_of(area, "by formula, R - T: all sensor phases stop", (x + 44, y + 4), HPos::Left, INK, 14)?;
        dashed(area, &[(x, y + 26), (x + 36, y + 26)], REAL, 3)?;
        words_of(area, "by formula, R = D/v - v/2b: no phase stops", (x + 44, y + 26), HPos::Left, INK, 14)?;
    }
    for (i, text) in
        ["A device that is busy meanwhile may take half of", "what a pure delay may: see `deadtime budget`."]
            .iter()
            .enumerate()
    {
        words_of(area, text, (right + 24, y + 4 + 18 * i as i32), HPos::Left, INK, 13)?;
    }
    let (x, last) = (right + 24, diagram.latencies.last().copied().unwrap_or(0.0));
    let title = format!("drawn at {} m/s; ms at p99 or p99.9", diagram.own_speed);
    words_of(area, &title, (x, 52), HPos::Left, INK, 14)?;
    let step = (540 / diagram.candidates.len().max(1) as i32).clamp(9, 18);
    for (i, candidate) in diagram.candidates.iter().enumerate() {
        let at = 72 + step * i as i32;
        let size = (step - 2).min(13);
        words_of(area, &format!("{}", i + 1), (x + 18, at), HPos::Right, INK, size)?;
        let mark = match (candidate.modelled, candidate.trusted) {
            (true, _) => "",
            (false, true) => " (here)",
            (false, false) => " (here, not certified)",
        };
        words_of(area, &format!("{}{mark}", candidate.name), (x + 26, at), HPos::Left, INK, size)?;
        let beyond = if candidate.judged_ms > last { " >" } else { "" };
        let ms = candidate.judged_ms;
        let digits = usize::from(ms < 10.0);
        words_of(area, &format!("{ms:.digits$}{beyond}"), (SIZE.0 - 14, at), HPos::Right, INK, size)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_run_from_light_to_dark() {
        let light = |share| {
            let RGBColor(r, g, b) = shade(share);
            0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
        };
        let all: Vec<f64> = (0..=40).map(|i| light(f64::from(i) / 40.0)).collect();
        assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
        assert_eq!((shade(0.0), shade(1.0)), (RGBColor(0xf7, 0xfb, 0xff), RGBColor(0x08, 0x30, 0x6b)));
    }

    #[test]
    fn the_picture_names_everything() {
        let candidate = |name: &str, ms| Candidate {
            name: name.into(),
            from: String::new(),
            p50_ms: ms,
            judged_ms: ms,
            judged_at: "p99",
            samples: None,
            modelled: false,
            trusted: name != "twin",
            complaints: Vec::new(),
        };
        let diagram = Diagram {
            scenario: "braking".into(),
            pilot: "brake_on_sight".into(),
            own_speed: 2.0,
            speeds: vec![1.5, 2.0],
            latencies: vec![0.0, 100.0, 200.0],
            seeds: 4,
            collided: vec![vec![0, 0, 2], vec![0, 4, 4]],
            boundary: [1.5, 2.0].map(|v| Border { v, all_stop_ms: 130.0, none_stops_ms: 150.0 }).to_vec(),
            certified: false,
            candidates: vec![candidate("pilot", 0.4), candidate("twin", 0.5), candidate("slow", 150.0)],
        };
        let map = Map::of(&diagram);
        assert_eq!(clusters(&diagram, &map), [(0, 1), (2, 2)]);
        let svg = phase_chart(&diagram).unwrap();
        for word in [
            "pilot (here)",
            "twin (here, not certified)",
            "slow",
            "1-2",
            "braking: how often",
            "latency, ms",
            "collide",
        ] {
            assert!(svg.contains(word), "{word}");
        }
        // Two shades and three cells of one shade each joined: 2 + 2 rectangles on the map, 50 in the key, 2 plates.
        assert_eq!(svg.matches("<rect").count(), 4 + 50 + 2);
    }
}
