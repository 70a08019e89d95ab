//! The instruments on the right: one at a time, in the place of the labs.

use serde::{Deserialize, Serialize};

/// An instrument that has a panel of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// What the network saw, beside what is there now.
    Seen,
    /// How often it collides, by speed and latency.
    Map,
}
