//! A run as a few lines of text, for terminals and logs.

use std::fmt::Write;

use episode::{DeviceReport, Entry, Summary, TickEntry};
use plant::Command;

/// Columns of the timeline.
const WIDTH: usize = 64;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a timeline needs of a run, collected on the way.
#[derive(Default)]
pub struct Timeline {
    ticks: Vec<TickEntry>,
}

impl Timeline {
    /// Takes what it needs from the log.
    pub fn push(&mut self, entry: &Entry) {
        if let Entry::Tick(tick) = entry {
            self.ticks.push(tick.clone());
        }
    }

    /// One row a quantity over the whole run, with its largest value.
    pub fn draw(&self) -> String {
        let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) else { return String::new() };
        let commanded = |tick: &TickEntry| match tick.command {
            Command::Twist { linear, .. } => linear,
            Command::Acceleration { base } => base.abs(),
        };
        let mut rows = [
            self.row("speed", "m/s", |tick| tick.robot.linear.abs()),
            self.row("commanded", "m/s", commanded),
            self.row("age", "ms", |tick| tick.age.map_or(0.0, timing::Span::ms)),
            self.row("driven blind", "m", |tick| tick.blind),
            self.row("clearance", "m", |tick| if tick.clearance.is_finite() { tick.clearance } else { 0.0 }),
        ];
        if matches!(first.command, Command::Acceleration { .. }) {
            rows[1] = self.row("commanded", "m/s²", commanded);
            rows[4] = self.row("pitch", "deg", |tick| tick.robot.pitch.abs().to_degrees());
        }
        let (from, to) = (first.at.secs(), format!("{:.2} s", last.at.secs()));
        format!("{}\n{:14}{from:<.2}{to:>width$}\n", rows.join("\n"), "", width = WIDTH - 4)
    }

    fn row(&self, name: &str, unit: &str, value: impl Fn(&TickEntry) -> f64) -> String {
        let columns: Vec<f64> = (0..WIDTH)
            .map(|i| {
                let n = self.ticks.len();
                let from = i * n / WIDTH;
                let to = ((i + 1) * n / WIDTH).clamp(from + 1, n.max(from + 1)).min(n);
                self.ticks[from.min(n - 1)..to].iter().map(&value).fold(0.0, f64::max)
            })
            .collect();
        let top = columns.iter().copied().fold(0.0, f64::max);
        let bar = |v: f64| BARS[((v / top.max(1e-9) * 7.0).round() as usize).min(7)];
        let bars: String = columns.into_iter().map(bar).collect();
        format!("{name:>13} {bars} max {top:.3} {unit}")
    }
}

/// What a modelled device came to.
fn device_line(device: &DeviceReport) -> String {
    let warmth = &device.warmth;
    let slowed = if warmth.throttled_s > 0.0 {
        format!("; its clocks were lowered for {:.1} s", warmth.throttled_s)
    } else {
        String::new()
    };
    let metre = device.energy_j_per_m.map_or_else(String::new, |j| format!(", {j:.2} J a metre"));
    let battery = warmth.battery_left.map_or_else(String::new, |left| match warmth.battery_empty_s {
        Some(at) => format!("; the battery would have been empty after {at:.1} s"),
        None => format!("; {:.1} % of the battery left", left * 100.0),
    });
    format!(
        "  device     {:.1} W{metre}; {:.1} C at the end, {:.1} C at most{slowed}{battery}; modelled\n",
        warmth.mean_w, warmth.celsius, warmth.celsius_max
    )
}

/// The verdict and the numbers behind it.
pub fn verdict(summary: &Summary) -> String {
    let Summary { scenario, seed, outcome, sim_seconds, latency_ms, age_ms, .. } = summary;
    let mut text = format!("{scenario}, seed {seed}: {outcome} after {sim_seconds:.2} s\n");
    if let Some(story) = &summary.story {
        let _ = writeln!(text, "{}", story.sentence());
    }
    let modelled = if summary.modelled { ", modelled" } else { "" };
    let _ =
        writeln!(text, "  pilot      {} on {}, latency {}{modelled}", summary.model, summary.runtime, summary.latency);
    let _ = writeln!(
        text,
        "  latency    p50 {:.2}  p90 {:.2}  p99 {:.2}  max {:.2} ms, capture to command",
        latency_ms.p50, latency_ms.p90, latency_ms.p99, latency_ms.max
    );
    let link = summary.link_ms;
    if link.max > 0.0 {
        let _ = writeln!(
            text,
            "  link       p50 {:.2}  p99 {:.2}  max {:.2} ms measured, both ways; each way is half of it, to within that half",
            link.p50, link.p99, link.max
        );
    }
    if let Some(other) = &summary.link_all_out {
        let _ = writeln!(
            text,
            "  split      all of it on the way back, as driven: {outcome}, {} dropped; all on the way out: {}, {} dropped",
            summary.dropped, other.outcome, other.dropped
        );
    }
    let _ = writeln!(text, "  age        p50 {:.2}  p99 {:.2}  max {:.2} ms", age_ms.p50, age_ms.p99, age_ms.max);
    let _ = writeln!(
        text,
        "  frames     {} inferred, {} dropped, {} superseded, {} lost",
        summary.inferences, summary.dropped, summary.superseded, summary.lost
    );
    let clearance = summary.min_clearance_m.map_or_else(|| "none to measure".into(), |m| format!("{m:.3} m at least"));
    let _ = writeln!(text, "  clearance  {clearance}; at most {:.3} m driven blind", summary.blind_m_max);
    if let Some(device) = &summary.device {
        text.push_str(&device_line(device));
    }
    if summary.overhead_us.p50 > 0.0 {
        let _ = writeln!(
            text,
            "  harness    p50 {:.1}  p99 {:.1} us a frame, outside simulated time (hand-over p50 {:.1} us)",
            summary.overhead_us.p50, summary.overhead_us.p99, summary.hand_over_us.p50
        );
    }
    let _ = writeln!(
        text,
        "  speed      {:.1} simulated seconds a second; digest {}",
        summary.realtime_factor, summary.digest
    );
    for complaint in &summary.complaints {
        let _ = writeln!(text, "  not trusted: {complaint}");
    }
    text
}
