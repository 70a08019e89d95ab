//! What this machine takes, where it tells: RAPL on PCs, INA3221 on Jetsons, the driver of an NVIDIA GPU. Never a guess.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::{driver, nvml};

/// One source of power readings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Power {
    /// Which part of the machine, and who measures it.
    pub source: String,
    /// Mean over the time measured (RAPL), or of its two ends (others); null where it cannot be read.
    pub watts: Option<f64>,
    /// Why it is null.
    pub missing: Option<String>,
}

/// Power between two instants.
pub struct Meter {
    sys: PathBuf,
    since: Instant,
    before: Vec<Reading>,
}

/// What one source says.
struct Reading {
    source: String,
    value: Result<Value, String>,
}

enum Value {
    /// A counter of microjoules, and where it begins anew.
    Energy(u64, u64),
    Watts(f64),
}

impl Meter {
    /// Begins now.
    pub fn begin() -> Self {
        Self::under(Path::new("/sys"))
    }

    /// The same where `/sys` lies elsewhere: for tests.
    pub fn under(sys: &Path) -> Self {
        Self { sys: sys.to_owned(), since: Instant::now(), before: readings(sys) }
    }

    /// What was taken since. At least one entry: where nothing tells, it says so.
    pub fn end(&self) -> Vec<Power> {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        let now = readings(&self.sys);
        self.before.iter().zip(&now).map(|(before, now)| power(before, now, seconds)).collect()
    }
}

fn power(before: &Reading, now: &Reading, seconds: f64) -> Power {
    let watts = match (&before.value, &now.value) {
        (Ok(Value::Energy(from, _)), Ok(Value::Energy(to, range))) => {
            let used = if to >= from { to - from } else { (range.saturating_sub(*from)).saturating_add(*to) };
            Ok(used as f64 / 1e6 / seconds)
        }
        (Ok(Value::Watts(a)), Ok(Value::Watts(b))) => Ok(f64::midpoint(*a, *b)),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        _ => Err("it changed what it tells".to_owned()),
    };
    Power { source: now.source.clone(), missing: watts.clone().err(), watts: watts.ok() }
}

fn readings(sys: &Path) -> Vec<Reading> {
    let mut found = rapl(sys);
    found.extend(ina3221(sys));
    found.extend(nvidia());
    if found.is_empty() {
        let value = Err("not available: neither RAPL, INA3221 nor an NVIDIA driver is here".to_owned());
        found.push(Reading { source: "power".to_owned(), value });
    }
    found
}

fn sorted(folder: PathBuf) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

fn word(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("not available: {}: {e}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn number(path: &Path) -> Result<u64, String> {
    let text = word(path)?;
    text.parse().map_err(|_| format!("not available: {} says `{text}`", path.display()))
}

/// Packages of the processor; on most kernels only root may read them.
fn rapl(sys: &Path) -> Vec<Reading> {
    let zones = sorted(sys.join("class/powercap")).into_iter().filter(|zone| {
        let name = zone.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("intel-rapl:") && name.matches(':').count() == 1
    });
    zones
        .map(|zone| {
            let range = number(&zone.join("max_energy_range_uj")).unwrap_or(u64::MAX);
            Reading {
                source: format!("{} (RAPL)", word(&zone.join("name")).unwrap_or_else(|_| "package".to_owned())),
                value: number(&zone.join("energy_uj")).map(|energy| Value::Energy(energy, range)),
            }
        })
        .collect()
}

/// Rails of a Jetson: volts (mV) times amperes (mA), by label.
fn ina3221(sys: &Path) -> Vec<Reading> {
    let chips = sorted(sys.join("class/hwmon"));
    let chips = chips.into_iter().filter(|chip| word(&chip.join("name")).is_ok_and(|name| name == "ina3221"));
    let rail = |chip: PathBuf, n: u32| {
        let label = word(&chip.join(format!("in{n}_label"))).ok()?;
        let watts = || {
            let millivolts = number(&chip.join(format!("in{n}_input")))?;
            let milliamperes = number(&chip.join(format!("curr{n}_input")))?;
            Ok(Value::Watts(millivolts as f64 * milliamperes as f64 / 1e6))
        };
        Some(Reading { source: format!("{label} (INA3221)"), value: watts() })
    };
    chips.flat_map(|chip| (1..=3).filter_map(|n| rail(chip.clone(), n)).collect::<Vec<_>>()).collect()
}

fn nvidia() -> Option<Reading> {
    let gpu = driver::gpu().as_ref().ok()?;
    let value = nvml::power().map(Value::Watts).ok_or_else(|| "not available: the driver does not tell it".to_owned());
    Some(Reading { source: format!("{} (NVML)", gpu.name), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_counter_is_a_mean_and_may_begin_anew() {
        let sys = tempfile::tempdir().unwrap();
        let zone = "class/powercap/intel-rapl:0";
        write(sys.path(), &format!("{zone}/name"), "package-0\n");
        write(sys.path(), &format!("{zone}/max_energy_range_uj"), "1000000\n");
        write(sys.path(), &format!("{zone}/energy_uj"), "900000\n");
        write(sys.path(), "class/powercap/intel-rapl:0:0/energy_uj", "1\n");
        let meter = Meter::under(sys.path());
        write(sys.path(), &format!("{zone}/energy_uj"), "100000\n");
        let found: Vec<Power> = meter.end().into_iter().filter(|power| power.source.contains("RAPL")).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].source, "package-0 (RAPL)");
        // 0.2 J in the time since.
        let joules = found[0].watts.unwrap() * meter.since.elapsed().as_secs_f64();
        assert!((0.19..0.5).contains(&joules), "{joules}");
    }

    #[test]
    fn rails_of_a_jetson_are_volts_times_amperes() {
        let sys = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("hwmon0/name", "fan"),
            ("hwmon1/name", "ina3221"),
            ("hwmon1/in1_label", "VDD_GPU_SOC"),
            ("hwmon1/in1_input", "19000"),
            ("hwmon1/curr1_input", "500"),
            ("hwmon1/in2_label", "VDD_CPU_CV"),
            ("hwmon1/in2_input", "19000"),
        ] {
            write(sys.path(), &format!("class/hwmon/{file}"), text);
        }
        let found = Meter::under(sys.path()).end();
        assert_eq!((found[0].source.as_str(), found[0].watts), ("VDD_GPU_SOC (INA3221)", Some(9.5)));
        let missing = found[1].missing.as_deref().unwrap();
        assert!(found[1].watts.is_none() && missing.starts_with("not available: ") && missing.contains("curr2_input"));
    }

    #[test]
    fn where_nothing_tells_it_says_so() {
        let sys = tempfile::tempdir().unwrap();
        let found = Meter::under(sys.path()).end();
        if driver::gpu().is_err() {
            assert_eq!((found.len(), found[0].watts), (1, None));
            assert!(found[0].missing.as_deref().unwrap().starts_with("not available"));
        }
    }
}
