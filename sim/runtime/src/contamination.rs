//! Whether a measurement is one of the engine alone: what else used the machine meanwhile, and what changed about it.

mod processes;
mod readings;

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::EngineInfo;
use crate::nvml::Gpu;
use readings::{Clocks, Places, Readings};

/// Cores that others may have used on average: shells and daemons stay below.
const OTHERS: f64 = 0.15;
/// Share of time the hypervisor may have taken away.
const STEAL: f64 = 0.01;
/// Kernel clock ticks a second, in the unit of /proc/stat; 100 on every Linux since 2.6.
const TICKS: f64 = 100.0;
/// Below this share of its highest clock a processor or GPU idles.
const IDLE_CLOCK: f64 = 0.5;
/// Pages that may come back from swap: others' pages count too.
const SWAPPED: u64 = 16;
/// Use of a GPU by others before anything is measured, percent.
const GPU_BUSY: f64 = 10.0;
const HOT_GPU: &str = "the GPU was slowed down because of its heat";

/// The machine as it was before a measurement: says afterwards what else used it meanwhile.
#[derive(Clone, Debug)]
pub struct Witness {
    places: Places,
    before: Readings,
    since: Instant,
}

impl Witness {
    /// The machine now, before a measurement. What the calling thread, engines and descendants of this process do from now on is
    /// the measurement's own work; other threads of this process are not. So is what the process does that listens at
    /// `served_at` ([`EngineInfo::served_at`]), with its descendants.
    pub fn begin(served_at: &[SocketAddr]) -> Self {
        Self::of(Places::here(served_at))
    }

    /// The same of a machine whose `proc`, `sys` and engine cache lie under `root`: for tests.
    pub fn begin_under(root: &Path) -> Self {
        Self::of(Places::under(root))
    }

    fn of(places: Places) -> Self {
        let before = Readings::now(&places);
        Self { places, before, since: Instant::now() }
    }

    /// Why a measurement of `engine` that began with this witness and ends now is not one of the engine alone and warm; in
    /// sentences. Empty if nothing disturbed it, as far as the system tells. Ask at once, while the clocks are those of the
    /// measurement, from the thread that began.
    pub fn complaints(&self, engine: &EngineInfo) -> Vec<String> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wall = self.since.elapsed();
        let now = Readings::now(&self.places);
        let mut complaints = complaints(&self.before, &now, wall, engine.threads, cores);
        if engine.obtained.on_gpu()
            && let (Some(before), Some(now)) = (&self.before.gpu, &now.gpu)
        {
            complaints.extend(of_gpu(before, now));
        }
        if !engine.warm {
            complaints.push("the engine was never warmed up: give the shapes of its dynamic inputs".to_owned());
        }
        complaints
    }

    /// Whether this machine was slowed down since it began or was last asked this, in sentences: for a server, which tells its
    /// clients.
    pub fn slowed(&mut self) -> Vec<String> {
        let now = Readings::now(&self.places);
        let hot = now.gpu.as_ref().is_some_and(|gpu| gpu.hot).then(|| HOT_GPU.to_owned());
        let slowed = slowed(&self.before, &now).into_iter().chain(hot).collect();
        (self.before, self.since) = (now, Instant::now());
        slowed
    }
}

fn complaints(before: &Readings, now: &Readings, wall: Duration, threads: usize, cores: usize) -> Vec<String> {
    let mut complaints = Vec::new();
    let ticks = (wall.as_secs_f64() * TICKS).max(1.0);
    // A tick is 10 ms, so that a short run can err by one on each side.
    let most = OTHERS + 2.0 / ticks;
    if let (Some(all), Some(all_before), Some(own), Some(own_before)) = (now.all, before.all, now.own, before.own) {
        let others = ((all.0 - all_before.0) - (own - own_before)) / ticks;
        if others > most {
            let among = now.unseen.map_or_else(String::new, |at| {
                format!(" (the target may be among them: what listens at {at} is not to be seen by this user)")
            });
            complaints
                .push(format!("other programs used {others:.1} cores meanwhile{among}; stop them and measure again"));
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
    if let (Some(aside), Some(before)) = (now.aside, before.aside) {
        // An engine's further threads have no name by which they could be told.
        let aside = (aside - before) / ticks - (threads.max(1) - 1) as f64;
        if aside > most {
            complaints.push(format!(
                "other threads of this program (a renderer, other episodes) used {aside:.1} cores meanwhile; measure alone"
            ));
        }
    }
    complaints.extend(slowed(before, now));
    complaints.extend(of_clocks(before.clocks.as_ref(), now.clocks.as_ref()));
    if now.swapped_in > before.swapped_in + SWAPPED {
        let pages = now.swapped_in - before.swapped_in;
        complaints.push(format!("{pages} pages came back from swap meanwhile: there is too little memory"));
    }
    if now.engines != before.engines {
        complaints.push("an engine was built meanwhile: measure again, now that it is there".to_owned());
    }
    complaints
}

/// What heat did.
fn slowed(before: &Readings, now: &Readings) -> Vec<String> {
    let mut complaints = Vec::new();
    if now.throttled > before.throttled {
        complaints.push("the processor was slowed down because of its heat".to_owned());
    }
    complaints.extend(now.cooling.iter().filter_map(|(name, state)| {
        let earlier = before.cooling.get(name).copied().unwrap_or_default();
        let alert = name.contains("throttle") && *state > 0;
        (alert || *state > earlier).then(|| format!("the machine was slowed down because of its heat ({name})"))
    }));
    complaints
}

fn of_clocks(before: Option<&Clocks>, now: Option<&Clocks>) -> Vec<String> {
    let (Some(before), Some(now)) = (before, now) else { return Vec::new() };
    let mut complaints = Vec::new();
    if now.limit_mhz < before.limit_mhz {
        complaints.push(format!(
            "the limit of the processor's clock fell from {:.0} to {:.0} MHz meanwhile",
            before.limit_mhz, now.limit_mhz
        ));
    }
    if now.governor != "performance" && now.fastest_mhz < IDLE_CLOCK * now.limit_mhz {
        complaints.push(format!(
            "the fastest core ran at {:.0} of {:.0} MHz (governor {}): the clocks of an idling machine; set the governor to \
             performance, or measure a busier loop",
            now.fastest_mhz, now.limit_mhz, now.governor
        ));
    }
    complaints
}

fn of_gpu(before: &Gpu, now: &Gpu) -> Vec<String> {
    let mut complaints = Vec::new();
    if before.hot || now.hot {
        complaints.push(HOT_GPU.to_owned());
    }
    if before.busy_percent > GPU_BUSY {
        complaints.push(format!(
            "the GPU was {:.0} % busy before anything was measured; stop what uses it",
            before.busy_percent
        ));
    }
    if now.clock_mhz < IDLE_CLOCK * now.limit_mhz {
        complaints.push(format!(
            "the GPU ran at {:.0} of {:.0} MHz: the clocks of an idling GPU",
            now.clock_mhz, now.limit_mhz
        ));
    }
    complaints
}

fn load_complaint(load: f64) -> Option<String> {
    (load > 1.0 + OTHERS).then(|| format!("the load average is {load:.2}; nothing else should run"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use readings::own_ticks;

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
        let unseen = Readings { unseen: "127.0.0.1:8001".parse().ok(), ..readings(500.0 + 400.0, 0.0, 70.0) };
        let told = over_ten_seconds(&unseen);
        assert!(told[0].contains("(the target may be among them: what listens at 127.0.0.1:8001 is not to be seen"));
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
    fn other_threads_of_ours_are_told_and_an_engines_are_not() {
        let with = |aside| Readings { aside: Some(aside), ..readings(500.0, 0.0, 70.0) };
        let told = |aside, threads| complaints(&with(20.0), &with(20.0 + aside), Duration::from_secs(10), threads, 4);
        assert_eq!(told(150.0, 1), [""; 0], "bars and logs");
        assert!(told(700.0, 1)[0].contains("other threads of this program"), "{:?}", told(700.0, 1));
        assert_eq!(told(700.0, 2), [""; 0], "its second thread");
    }

    #[test]
    fn clocks_swap_and_a_built_engine_are_told() {
        let clocks = |fastest_mhz, limit_mhz, governor: &str| {
            Some(Clocks { fastest_mhz, limit_mhz, governor: governor.to_owned() })
        };
        let told = |before: Option<Clocks>, now: Option<Clocks>| of_clocks(before.as_ref(), now.as_ref());
        assert_eq!(told(clocks(3000.0, 3600.0, "powersave"), clocks(3400.0, 3600.0, "powersave")), [""; 0]);
        let idle = told(clocks(3000.0, 3600.0, "powersave"), clocks(800.0, 3600.0, "powersave"));
        assert!(idle[0].contains("ran at 800 of 3600 MHz (governor powersave)"), "{idle:?}");
        assert_eq!(told(None, clocks(800.0, 3600.0, "powersave")), [""; 0], "a system that tells nothing");
        let limited = told(clocks(1900.0, 1900.0, "performance"), clocks(1200.0, 1200.0, "performance"));
        assert!(limited[0].contains("fell from 1900 to 1200 MHz"), "{limited:?}");
        let swapping = Readings { swapped_in: 500, ..readings(500.0, 0.0, 70.0) };
        assert!(over_ten_seconds(&swapping)[0].contains("500 pages came back from swap"));
        let built = Readings { engines: 7, ..readings(500.0, 0.0, 70.0) };
        assert!(over_ten_seconds(&built)[0].contains("an engine was built meanwhile"));
        let cooling = [("gpu-throttle-alert".to_owned(), 1)].into();
        let hot = Readings { cooling, ..readings(500.0, 0.0, 70.0) };
        assert!(over_ten_seconds(&hot)[0].contains("heat (gpu-throttle-alert)"));
    }

    #[test]
    fn a_gpu_that_idles_or_is_hot_or_busy_is_told() {
        let gpu = |clock_mhz, hot, busy_percent| Gpu { clock_mhz, limit_mhz: 1980.0, hot, busy_percent };
        assert_eq!(of_gpu(&gpu(345.0, false, 0.0), &gpu(1755.0, false, 40.0)), [""; 0]);
        let told = of_gpu(&gpu(345.0, false, 80.0), &gpu(345.0, true, 3.0)).join("; ");
        for part in ["because of its heat", "80 % busy before", "345 of 1980 MHz"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn our_own_work_is_counted_as_ours() {
        let ours = || own_ticks(Path::new("/proc"), Vec::new());
        let Some(then) = ours() else { return };
        let (start, mut x) = (Instant::now(), 0u64);
        while ours().unwrap_or(then) - then < 10.0 {
            assert!(start.elapsed() < Duration::from_secs(20), "no ticks of ours were counted");
            x = (0..1_000_000).fold(x, |x, i| std::hint::black_box(x ^ i));
        }
    }
}
