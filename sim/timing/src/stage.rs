//! The stages of one inference, from the instant the world was sampled to the instant the command takes hold.

use serde::{Deserialize, Serialize};

use crate::Span;

/// The stages of the latency `L = a - c`, in the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Exposure and readout of the sensor.
    Sensing,
    /// From the robot to the device.
    LinkOut,
    /// Waiting for the device (and, in a pipeline, for the next server).
    Queue,
    /// Input conversion on the device's processor.
    Pre,
    /// Copy to the accelerator.
    HostToDevice,
    /// The network itself.
    Compute,
    /// Copy from the accelerator.
    DeviceToHost,
    /// Output conversion on the device's processor.
    Post,
    /// From the device back to the robot.
    LinkBack,
    /// Waiting for the next control instant.
    ControlWait,
    /// Dead time of the actuator. Its first-order lag is physics and lives in the plant.
    DeadTime,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 11] = [
        Self::Sensing,
        Self::LinkOut,
        Self::Queue,
        Self::Pre,
        Self::HostToDevice,
        Self::Compute,
        Self::DeviceToHost,
        Self::Post,
        Self::LinkBack,
        Self::ControlWait,
        Self::DeadTime,
    ];

    /// The name used in logs, panels and tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sensing => "sensing",
            Self::LinkOut => "link out",
            Self::Queue => "queue",
            Self::Pre => "pre",
            Self::HostToDevice => "host to device",
            Self::Compute => "compute",
            Self::DeviceToHost => "device to host",
            Self::Post => "post",
            Self::LinkBack => "link back",
            Self::ControlWait => "control wait",
            Self::DeadTime => "dead time",
        }
    }
}

/// What the inference worker runs and times, contiguous on its own clock: `f = s + total()` on a single server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// Input conversion.
    pub pre: Span,
    /// Copy to the accelerator; zero where the engine cannot tell it apart from `compute`.
    pub host_to_device: Span,
    /// The network.
    pub compute: Span,
    /// Copy back; zero where the engine cannot tell it apart from `compute`.
    pub device_to_host: Span,
    /// Output conversion.
    pub post: Span,
}

impl ServiceTime {
    /// All of it as compute: what `fixed(ms)` and `service(ms)` mean.
    pub fn compute(compute: Span) -> Self {
        Self { compute, ..Self::default() }
    }

    /// The sum of the five.
    pub fn total(&self) -> Span {
        self.pre + self.host_to_device + self.compute + self.device_to_host + self.post
    }
}
