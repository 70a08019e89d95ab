//! Whether this machine did anything else while an engine was measured.

use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::EngineInfo;

/// Cores that others may have used on average: shells and daemons stay below.
const OTHERS: f64 = 0.15;
/// Share of time the hypervisor may have taken away.
const STEAL: f64 = 0.01;
/// Kernel clock ticks a second, in the unit of /proc/stat; 100 on every Linux since 2.6.
const TICKS: f64 = 100.0;

/// The machine as it was before a measurement: says afterwards what else used it meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    before: Readings,
    since: Instant,
}

/// Readings of the machine; each is `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
struct Readings {
    /// Clock ticks of all cores: not idle, and stolen.
    all: Option<(f64, f64)>,
    /// Clock ticks of this process: all its threads, and its children, ended or not.
    own: Option<f64>,
    /// Times any core was slowed for its heat.
    throttled: u64,
    /// Load average over a minute, for systems that tell nothing else.
    load: Option<f64>,
}

impl Witness {
    /// The machine now, before a measurement. Everything this process and its children do from now on is its own work.
    pub fn begin() -> Self {
        Self { before: Readings::now(), since: Instant::now() }
    }

    /// Why a measurement of `engine` that began with this witness and ends now is not one of the engine alone and warm; in
    /// sentences. Empty if nothing disturbed it, as far as the system tells.
    pub fn complaints(&self, engine: &EngineInfo) -> Vec<String> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut complaints = complaints(&self.before, &Readings::now(), self.since.elapsed(), engine.threads, cores);
        if !engine.warm {
            complaints.push("the engine was never warmed up: give the shapes of its dynamic inputs".to_owned());
        }
        complaints
    }
}

impl Readings {
    fn now() -> Self {
        Self { all: all_ticks(), own: own_ticks(), throttled: throttle_count(), load: load_average() }
    }
}

fn complaints(before: &Readings, now: &Readings, wall: Duration, threads: usize, cores: usize) -> Vec<String> {
    let mut complaints = Vec::new();
    let ticks = (wall.as_secs_f64() * TICKS).max(1.0);
    if let (Some(all), Some(all_before), Some(own), Some(own_before)) = (now.all, before.all, now.own, before.own) {
        let others = ((all.0 - all_before.0) - (own - own_before)) / ticks;
        // A tick is 10 ms, so that a short run can err by one on each side.
        if others > OTHERS + 2.0 / ticks {
            complaints.push(format!("other programs used {others:.1} cores meanwhile; stop them and measure again"));
        }
        let stolen = (all.1 - all_before.1) / (ticks * cores as f64);
        if stolen > STEAL {
            let percent = stolen * 100.0;
            complaints.push(format!("the hypervisor took {percent:.1} % of the processor's time away"));
        }
        if threads > cores {
            complaints.push(format!("the engine has {threads} threads, this machine {cores} cores"));
        }
    } else if let Some(load) = now.load {
        complaints.extend(load_complaint(load));
    }
    if now.throttled > before.throttled {
        complaints.push("the processor was slowed down because of its heat".to_owned());
    }
    complaints
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

    fn readings(all: f64, stolen: f64, own: f64) -> Readings {
        Readings { all: Some((all, stolen)), own: Some(own), ..Readings::default() }
    }

    /// Complaints over ten seconds (1,000 clock ticks) on two cores, of an engine with one thread.
    fn over_ten_seconds(now: &Readings) -> Vec<String> {
        complaints(&readings(500.0, 0.0, 70.0), now, Duration::from_secs(10), 1, 2)
    }

    #[test]
    fn what_others_use_is_told_and_what_we_use_is_not() {
        assert_eq!(over_ten_seconds(&readings(500.0 + 1000.0, 0.0, 70.0 + 1000.0)), [""; 0], "one core, all ours");
        assert_eq!(over_ten_seconds(&readings(500.0 + 150.0, 0.0, 70.0)), [""; 0], "shells and daemons");
        let told = over_ten_seconds(&readings(500.0 + 2000.0, 0.0, 70.0 + 1000.0));
        assert_eq!(told, ["other programs used 1.0 cores meanwhile; stop them and measure again"]);
        let told = over_ten_seconds(&readings(500.0, 60.0, 70.0));
        assert_eq!(told, ["the hypervisor took 3.0 % of the processor's time away"]);
    }

    #[test]
    fn a_short_run_may_err_by_a_clock_tick_on_each_side() {
        let of = |others: f64| {
            let now = readings(others, 0.0, 0.0);
            complaints(&readings(0.0, 0.0, 0.0), &now, Duration::from_millis(50), 1, 2).len()
        };
        // Five ticks of wall time: two of another program may be one, two more may not be none.
        assert_eq!((of(2.0), of(4.0)), (0, 1));
    }

    #[test]
    fn heat_threads_and_a_system_that_tells_little_are_told() {
        let hot = Readings { throttled: 1, ..readings(500.0, 0.0, 70.0) };
        assert_eq!(over_ten_seconds(&hot), ["the processor was slowed down because of its heat"]);
        let before = readings(0.0, 0.0, 0.0);
        assert!(complaints(&before, &before, Duration::from_secs(1), 3, 2)[0].contains("3 threads"));
        let silent = |load| Readings { load: Some(load), ..Readings::default() };
        assert_eq!(over_ten_seconds(&silent(0.9)), [""; 0]);
        assert!(over_ten_seconds(&silent(2.5))[0].contains("the load average is 2.50"));
    }

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
