//! Whether this machine did anything else while an engine was measured.

use std::fs;
use std::time::Duration;

/// Cores that others may have used on average: shells and daemons stay below.
const OTHERS: f64 = 0.15;
/// Share of time the hypervisor may have taken away.
const STEAL: f64 = 0.01;
/// Kernel clock ticks a second, in the unit of /proc/stat; 100 on every Linux since 2.6.
const TICKS: f64 = 100.0;

/// Readings of the machine; each is `None` where the system does not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Ticks of all cores: not idle, and stolen.
    all: Option<(f64, f64)>,
    /// Ticks of this process, its ended children included.
    own: Option<f64>,
    /// Times any core was slowed for its heat.
    throttled: u64,
}

/// The machine before a measurement.
pub(crate) struct Before(Machine);

impl Machine {
    pub(crate) fn before() -> Before {
        Before(Self::now())
    }

    fn now() -> Self {
        Self { all: all_ticks(), own: own_ticks(), throttled: throttle_count() }
    }
}

impl Before {
    /// What disturbed the measurement that took `wall`, of an engine with so many threads.
    pub(crate) fn complaints(&self, wall: Duration, threads: usize) -> Vec<String> {
        let now = Machine::now();
        let mut complaints = Vec::new();
        let ticks = (wall.as_secs_f64() * TICKS).max(1.0);
        if let (Some(all), Some(all_before), Some(own), Some(own_before)) = (now.all, self.0.all, now.own, self.0.own) {
            let others = ((all.0 - all_before.0) - (own - own_before)) / ticks;
            // A tick is 10 ms, so that a short run can err by one on each side.
            if others > OTHERS + 2.0 / ticks {
                complaints
                    .push(format!("other programs used {others:.1} cores meanwhile; stop them and measure again"));
            }
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let stolen = (all.1 - all_before.1) / (ticks * cores as f64);
            if stolen > STEAL {
                let percent = stolen * 100.0;
                complaints.push(format!("the hypervisor took {percent:.1} % of the processor's time away"));
            }
            if threads > cores {
                complaints.push(format!("the engine has {threads} threads, this machine {cores} cores"));
            }
        } else if let Some(load) = load_average() {
            complaints.extend(load_complaint(load));
        }
        if now.throttled > self.0.throttled {
            complaints.push("the processor was slowed down because of its heat".to_owned());
        }
        complaints
    }
}

fn load_complaint(load: f64) -> Option<String> {
    (load > 1.0 + OTHERS).then(|| format!("the load average is {load:.2}; nothing else should run"))
}

/// (busy, stolen) of the line `cpu` in /proc/stat: user nice system idle iowait irq softirq steal.
fn all_ticks() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let numbers: Vec<f64> = stat.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let steal = *numbers.get(7)?;
    Some((numbers[..7].iter().sum::<f64>() - numbers[3] - numbers[4], steal))
}

/// utime, stime, cutime and cstime of /proc/self/stat; the name before them may hold spaces and brackets.
///
/// A child engine that still runs is not in them: it is added by [`children_ticks`].
fn own_ticks() -> Option<f64> {
    let own = process_ticks("self")?;
    Some(own + children_ticks(std::process::id()))
}

fn process_ticks(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    fields.get(11..15)?.iter().map(|n| n.parse::<f64>().ok()).sum()
}

fn children_ticks(parent: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children.flat_map(|line| line.split_whitespace().filter_map(process_ticks).collect::<Vec<_>>()).sum()
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Thermal throttling as x86 counts it; other machines do not tell, which is 0.
fn throttle_count() -> u64 {
    let cores = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    let count =
        cores.filter_map(|core| fs::read_to_string(core.path().join("thermal_throttle/core_throttle_count")).ok());
    count.filter_map(|count| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn our_own_work_is_counted_as_ours() {
        let Some(then) = own_ticks() else { return };
        let (start, mut x) = (Instant::now(), 0u64);
        while own_ticks().unwrap_or(then) - then < 10.0 {
            assert!(start.elapsed() < Duration::from_secs(20), "no ticks of ours were counted");
            x = (0..1_000_000).fold(x, |x, i| std::hint::black_box(x ^ i));
        }
    }
}
