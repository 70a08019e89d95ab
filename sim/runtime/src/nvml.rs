//! The first NVIDIA GPU in the words of its driver (NVML): read in this process, in microseconds, and no work of the GPU's.

use std::sync::OnceLock;

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::{Device, Nvml};

use crate::driver;

/// One look. A Jetson's driver tells but a part of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gpu {
    pub(crate) clock_mhz: f64,
    pub(crate) limit_mhz: f64,
    /// Slowed down because of heat, by hardware or driver.
    pub(crate) hot: bool,
    pub(crate) busy_percent: f64,
}

fn nvml() -> Option<&'static Nvml> {
    static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
    // The name without a number is only there where things are compiled.
    NVML.get_or_init(|| Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init().ok()).as_ref()
}

/// The GPU that CUDA counts first.
fn device() -> Option<Device<'static>> {
    let gpu = driver::gpu().as_ref().ok()?;
    let by_place = gpu.pci.as_ref().and_then(|pci| nvml()?.device_by_pci_bus_id(pci.as_str()).ok());
    by_place.or_else(|| nvml()?.device_by_index(0).ok())
}

/// Clocks, heat and load now; `None` where NVML does not tell the clocks.
pub(crate) fn look() -> Option<Gpu> {
    let device = device()?;
    let reasons = device.current_throttle_reasons().unwrap_or(ThrottleReasons::empty());
    Some(Gpu {
        clock_mhz: device.clock_info(Clock::SM).ok()?.into(),
        limit_mhz: device.max_clock_info(Clock::SM).ok()?.into(),
        hot: reasons.intersects(ThrottleReasons::HW_THERMAL_SLOWDOWN | ThrottleReasons::SW_THERMAL_SLOWDOWN),
        busy_percent: device.utilization_rates().map_or(0.0, |used| used.gpu.into()),
    })
}

/// Watts now.
pub(crate) fn power() -> Option<f64> {
    device()?.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3)
}

/// The driver's version.
pub(crate) fn driver_version() -> Option<String> {
    nvml()?.sys_driver_version().ok()
}
