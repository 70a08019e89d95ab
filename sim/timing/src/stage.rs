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
///
/// Of a device elsewhere the five stages are its residence, by its own clock, and what is left of the round trip is the link:
/// it delays the command and occupies nothing.
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
    /// Measured way to a device elsewhere. Only its sum with `link_back` is known; how it splits is a convention.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub link_out: Span,
    /// Measured way back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub link_back: Span,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(span: &Span) -> bool {
    *span == Span::ZERO
}

impl ServiceTime {
    /// All of it as compute: what `fixed(ms)` and `service(ms)` mean.
    pub fn compute(compute: Span) -> Self {
        Self { compute, ..Self::default() }
    }

    /// The sum of the five: how long the device is busy.
    pub fn total(&self) -> Span {
        self.pre + self.host_to_device + self.compute + self.device_to_host + self.post
    }

    /// The measured link, both ways.
    pub fn link(&self) -> Span {
        self.link_out + self.link_back
    }

    /// From the start until the answer is back.
    pub fn round_trip(&self) -> Span {
        self.total() + self.link()
    }

    /// This residence within a round trip: the rest is the link, halved. Half of it either way is how far the split may be off.
    #[must_use]
    pub fn within(self, round_trip: Span) -> Self {
        let link = (round_trip - self.total()).max(Span::ZERO);
        let link_out = Span(link.0 / 2);
        Self { link_out, link_back: link - link_out, ..self }
    }

    /// Every duration, for checks.
    pub fn parts(&self) -> [Span; 7] {
        [self.pre, self.host_to_device, self.compute, self.device_to_host, self.post, self.link_out, self.link_back]
    }
}
