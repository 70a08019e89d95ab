//! Which waiting frame a free device takes next.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Span;

/// The queue rule of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// One waiting frame; a newer one replaces it. Throughput 1/max(T, S), age as low as one device can give.
    #[default]
    Newest,
    /// No waiting: a frame that finds the device busy is dropped. Throughput 1/(T ceil(S/T)); age lies between that of
    /// a fresh frame and one period more, since the device idles until the next capture.
    Skip,
    /// A queue of `depth` frames besides the one in service; a full queue drops the arriving frame. Same throughput as
    /// `Newest`; when S > T every command is about `(depth + 1) S` old.
    Fifo {
        /// Waiting places, at least 1.
        depth: usize,
    },
    /// Up to `n` frames at once, padded to `n` and costing S(n). More frames a second where S(n) < n S(1), yet only the
    /// newest output is applied, so commands come once in max(nT, S) and age grows.
    Batch {
        /// Frames in a batch, at least 1; as many may wait, the oldest is dropped.
        n: usize,
        /// A partial batch starts this long after its oldest frame arrived.
        timeout: Span,
    },
    /// Pre-processing, compute and post-processing are servers of their own, without buffers between them. More
    /// throughput (1/max(T, slowest)) at the same latency for each frame, or a longer one where it blocks.
    Pipeline,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => write!(f, "newest"),
            Self::Skip => write!(f, "skip"),
            Self::Fifo { depth } => write!(f, "fifo:{depth}"),
            Self::Batch { n, timeout } => write!(f, "batch:{n}:{}", timeout.ms()),
            Self::Pipeline => write!(f, "pipeline"),
        }
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let help = || {
            format!(
                "found schedule `{s}`; expected newest, skip, fifo:DEPTH, batch:N:TIMEOUT_MS or pipeline, such as fifo:2 or batch:4:50"
            )
        };
        let mut parts = s.split(':');
        let count =
            |p: Option<&str>| p.and_then(|p| p.parse().ok()).filter(|n| (1..=1024).contains(n)).ok_or_else(help);
        let schedule = match parts.next() {
            Some("newest") => Self::Newest,
            Some("skip") => Self::Skip,
            Some("pipeline") => Self::Pipeline,
            Some("fifo") => Self::Fifo { depth: count(parts.next())? },
            Some("batch") => {
                let n = count(parts.next())?;
                let ms: f64 = parts.next().and_then(|p| p.parse().ok()).ok_or_else(help)?;
                if !(0.0..=1e6).contains(&ms) {
                    return Err(help());
                }
                Self::Batch { n, timeout: Span::from_ms(ms) }
            }
            _ => return Err(help()),
        };
        if parts.next().is_some() { Err(help()) } else { Ok(schedule) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["newest", "skip", "fifo:3", "batch:4:50", "batch:2:0.5", "pipeline"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in ["", "fifo", "fifo:0", "fifo:x", "batch:2", "batch:2:-1", "newest:1", "oldest"] {
            assert!(text.parse::<Schedule>().unwrap_err().contains("expected newest"));
        }
    }
}
