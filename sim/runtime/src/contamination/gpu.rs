//! The first NVIDIA GPU, as its driver's own tool tells: a child process, asked before and after a measurement, never during one.

use std::process::Command;

use crate::driver;

/// One look.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gpu {
    pub clock_mhz: f64,
    pub limit_mhz: f64,
    /// Slowed down because of heat, by hardware or driver.
    pub hot: bool,
    pub busy_percent: f64,
}

const FIELDS: &str = "clocks.sm,clocks.max.sm,utilization.gpu,clocks_throttle_reasons.hw_thermal_slowdown,\
                      clocks_throttle_reasons.sw_thermal_slowdown";

/// What `nvidia-smi` tells; `None` without a GPU or the tool.
pub(crate) fn look() -> Option<Gpu> {
    driver::gpu().as_ref().ok()?;
    parse(&query(FIELDS)?)
}

/// One line of `nvidia-smi` about the first GPU.
pub(crate) fn query(fields: &str) -> Option<String> {
    let args = [&format!("--query-gpu={fields}"), "--format=csv,noheader,nounits", "--id=0"];
    let output = Command::new("nvidia-smi").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

/// `345, 1980, 0, Not Active, Not Active`; a field that the GPU does not have reads `[N/A]`.
fn parse(line: &str) -> Option<Gpu> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [clock, limit, busy, slowdown @ ..] = &fields[..] else { return None };
    Some(Gpu {
        clock_mhz: clock.parse().ok()?,
        limit_mhz: limit.parse().ok()?,
        hot: slowdown.contains(&"Active"),
        busy_percent: busy.parse().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tool_is_read() {
        let cool = parse("345, 1980, 0, Not Active, Not Active").unwrap();
        assert_eq!(cool, Gpu { clock_mhz: 345.0, limit_mhz: 1980.0, hot: false, busy_percent: 0.0 });
        assert!(parse("1200, 1980, 97, Not Active, Active").unwrap().hot);
        assert_eq!(parse("1200, 1980, [N/A], Not Active, Not Active").unwrap().busy_percent, 0.0);
        assert_eq!(parse("[N/A], [N/A], 0"), None);
        assert_eq!(parse(""), None);
    }
}
