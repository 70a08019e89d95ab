//! What the system tells of itself, read from files under places that a test may choose.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::processes::{family, listeners, ticks};
use crate::cache;
use crate::nvml::{self, Gpu};

/// Threads of ours that do a measurement's own work, by the start of their names: the inference worker, rten's pool.
const OWN_THREADS: [&str; 2] = ["inference", "rten-"];

/// Where to read.
#[derive(Clone, Debug)]
pub(super) struct Places {
    proc: PathBuf,
    sys: PathBuf,
    /// Where engines are cached.
    engines: Option<PathBuf>,
    /// Addresses of this machine at which a server runs the network.
    served_at: Vec<SocketAddr>,
}

impl Places {
    pub fn here(served_at: &[SocketAddr]) -> Self {
        let served_at = served_at.to_owned();
        Self { proc: "/proc".into(), sys: "/sys".into(), engines: cache::engines(), served_at }
    }

    pub fn under(root: &Path) -> Self {
        let engines = Some(root.join("engines"));
        Self { proc: root.join("proc"), sys: root.join("sys"), engines, served_at: Vec::new() }
    }
}

/// Readings of the machine; each is `None`, zero or empty where the system does not tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    /// Clock ticks of all cores: not idle, and stolen.
    pub all: Option<(f64, f64)>,
    /// Clock ticks of this process and of the server that runs the network: all threads, and all they started, ended or not.
    pub own: Option<f64>,
    /// Where that server is, if its process was not to be seen.
    pub unseen: Option<SocketAddr>,
    /// Clock ticks of those of its threads that are no part of the measurement.
    pub aside: Option<f64>,
    /// Times any core was slowed for its heat.
    pub throttled: u64,
    /// States of what slows the machine for its heat, by name.
    pub cooling: BTreeMap<String, i64>,
    /// Clocks of the processor.
    pub clocks: Option<Clocks>,
    /// Pages read back from swap since the start.
    pub swapped_in: u64,
    /// A number that changes when an engine is built.
    pub engines: u64,
    /// Load average over a minute, for systems that tell nothing else.
    pub load: Option<f64>,
    /// The first NVIDIA GPU.
    pub gpu: Option<Gpu>,
}

/// Clocks of the processor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clocks {
    /// The fastest core now.
    pub fastest_mhz: f64,
    /// What it may reach.
    pub limit_mhz: f64,
    /// Of its governor.
    pub governor: String,
}

impl Readings {
    pub fn now(places: &Places) -> Self {
        // The clocks first: reading the rest is work that raises them, and a GPU's fall as soon as it has nothing to do.
        let gpu = nvml::look().or_else(|| gpu_of_jetson(&places.sys));
        let clocks = clocks(&places.sys);
        let servers = listeners(&places.proc, &places.served_at);
        Self {
            gpu,
            clocks,
            unseen: places.served_at.first().filter(|_| servers.is_empty()).copied(),
            all: all_ticks(&places.proc),
            own: own_ticks(&places.proc, servers),
            aside: aside_ticks(&places.proc),
            throttled: throttle_count(&places.sys),
            cooling: cooling(&places.sys),
            swapped_in: swapped_in(&places.proc),
            engines: places.engines.as_deref().map_or(0, fingerprint),
            load: load_average(&places.proc),
        }
    }
}

/// (busy, stolen) of the line `cpu` in /proc/stat: user nice system idle iowait irq softirq steal.
fn all_ticks(proc: &Path) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let numbers: Vec<f64> = stat.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let steal = *numbers.get(7)?;
    Some((numbers[..7].iter().sum::<f64>() - numbers[3] - numbers[4], steal))
}

/// utime, stime, cutime and cstime of this process, of `servers`, and of their descendants that still run.
pub(super) fn own_ticks(proc: &Path, servers: Vec<u32>) -> Option<f64> {
    let here = std::process::id();
    ticks(proc, &here.to_string(), 4)?;
    let all = family(proc, servers.into_iter().chain([here]));
    Some(all.into_iter().filter_map(|process| ticks(proc, &process.to_string(), 4)).sum())
}

/// Ticks of this process less those of the calling thread and of engines: what has ended meanwhile is in them.
fn aside_ticks(proc: &Path) -> Option<f64> {
    let whole = ticks(proc, "self", 2)?;
    let caller = fs::read_link(proc.join("thread-self")).ok()?;
    let caller = caller.file_name()?.to_string_lossy().into_owned();
    let tasks = fs::read_dir(proc.join("self/task")).ok()?.flatten();
    let ours = tasks.filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let id = task.file_name().to_string_lossy().into_owned();
        let own = id == caller || OWN_THREADS.iter().any(|start| name.starts_with(start));
        own.then(|| ticks(proc, &format!("self/task/{id}"), 2)).flatten()
    });
    Some(whole - ours.sum::<f64>())
}

fn load_average(proc: &Path) -> Option<f64> {
    fs::read_to_string(proc.join("loadavg")).ok()?.split_whitespace().next()?.parse().ok()
}

fn swapped_in(proc: &Path) -> u64 {
    let vmstat = fs::read_to_string(proc.join("vmstat")).unwrap_or_default();
    let pages = vmstat.lines().find_map(|line| line.strip_prefix("pswpin "));
    pages.and_then(|n| n.trim().parse().ok()).unwrap_or_default()
}

/// Entries of a folder of /sys.
fn entries(folder: PathBuf) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn word(path: PathBuf) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// Thermal throttling as x86 counts it; other machines do not tell, which is 0.
fn throttle_count(sys: &Path) -> u64 {
    let count = |core: PathBuf| word(core.join("thermal_throttle/core_throttle_count"))?.parse::<u64>().ok();
    entries(sys.join("devices/system/cpu")).filter_map(count).sum()
}

/// What slows the machine for its heat: a Jetson's throttle alerts, a PC's processors. Fans slow nothing.
fn cooling(sys: &Path) -> BTreeMap<String, i64> {
    let one = |device: PathBuf| {
        let name = word(device.join("type"))?;
        let fan = name.to_lowercase().contains("fan");
        Some((name, word(device.join("cur_state"))?.parse().ok()?)).filter(|_| !fan)
    };
    let mut found = BTreeMap::new();
    for (name, state) in entries(sys.join("class/thermal")).filter_map(one) {
        *found.entry(name).or_default() += i64::max(state, 0);
    }
    found
}

fn clocks(sys: &Path) -> Option<Clocks> {
    let mhz = |path: PathBuf| word(path)?.parse::<f64>().ok().map(|khz| khz / 1e3);
    let folders = || entries(sys.join("devices/system/cpu")).map(|core| core.join("cpufreq"));
    let most = |file: &str| folders().filter_map(|folder| mhz(folder.join(file))).max_by(f64::total_cmp);
    Some(Clocks {
        fastest_mhz: most("scaling_cur_freq")?,
        limit_mhz: most("scaling_max_freq")?,
        governor: folders().find_map(|folder| word(folder.join("scaling_governor")))?,
    })
}

/// The GPU of a Jetson as the kernel scales it; its heat is among what [`cooling`] tells.
fn gpu_of_jetson(sys: &Path) -> Option<Gpu> {
    let names = ["gpu", "ga10b", "gv11b", "gp10b", "gm20b"];
    let folder = entries(sys.join("class/devfreq")).find(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        names.iter().any(|known| name.ends_with(known))
    })?;
    let mhz = |file: &str| word(folder.join(file))?.parse::<f64>().ok().map(|hz| hz / 1e6);
    Some(Gpu { clock_mhz: mhz("cur_freq")?, limit_mhz: mhz("max_freq")?, hot: false, busy_percent: 0.0 })
}

/// A hash of names, sizes and times of all files in the folders of a cache.
fn fingerprint(cache: &Path) -> u64 {
    let mut sum = 0u64;
    for path in entries(cache.to_owned()).flat_map(|entry| entries(entry.clone()).chain(std::iter::once(entry))) {
        let Ok(meta) = fs::metadata(&path) else { continue };
        if meta.is_file() {
            let changed = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            let name = path.to_string_lossy().bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
            let mix = name ^ meta.len().rotate_left(17) ^ (changed.as_nanos() as u64).rotate_left(31);
            sum = sum.wrapping_add(mix.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
    }
    sum
}
