//! What people type for a latency source or a compensation: the same words in TOML and on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{did_you_mean, nearest};

/// Where the latency of an inference comes from. Written `measured`, `zero`, `fixed:MS`, `service:MS`, `replay:FILE`,
/// `profile:NAME` or `device:NAME[@MODE][:NETWORK]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Latency {
    /// The network runs and is timed by a clock.
    #[default]
    Measured,
    /// None at all.
    Zero,
    /// A pure delay in milliseconds; it occupies nothing.
    Fixed(f64),
    /// Always this many milliseconds on the device, which is busy meanwhile.
    Service(f64),
    /// A recording: a trace or a log.
    Replay(PathBuf),
    /// A device that is not at hand: a name of `profiles()` or the path of a TOML file.
    Profile(String),
    /// A modelled device that runs the network that drives, or a public one: `NAME[@MODE][:NETWORK]`.
    Device(String),
}

/// Ten minutes: more is a typing mistake.
const MAX_MS: f64 = 600_000.0;

const LATENCIES: &str = "measured, zero, fixed:MS, service:MS, replay:FILE, profile:NAME or device:NAME[@MODE][:NETWORK], such as fixed:100";

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured => write!(f, "measured"),
            Self::Zero => write!(f, "zero"),
            Self::Fixed(ms) => write!(f, "fixed:{ms}"),
            Self::Service(ms) => write!(f, "service:{ms}"),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
            Self::Profile(name) => write!(f, "profile:{name}"),
            Self::Device(name) => write!(f, "device:{name}"),
        }
    }
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = split(text);
        let ms = || milliseconds("latency", text, rest);
        match (word, rest) {
            ("measured", None) => Ok(Self::Measured),
            ("zero", None) => Ok(Self::Zero),
            ("fixed", _) => Ok(Self::Fixed(ms()?)),
            ("service", _) => Ok(Self::Service(ms()?)),
            ("replay", Some(path)) if !path.is_empty() => Ok(Self::Replay(path.into())),
            ("profile", Some(name)) if !name.is_empty() => Ok(Self::Profile(name.into())),
            ("device", Some(name)) if !name.is_empty() => Ok(Self::Device(name.into())),
            _ => {
                let words = ["measured", "zero", "fixed", "service", "replay", "profile", "device"];
                let guess = did_you_mean(nearest(word, words).filter(|guess| *guess != word));
                Err(format!("found latency `{text}`; {guess}expected {LATENCIES}"))
            }
        }
    }
}

/// What the controller does about latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Compensation {
    /// Nothing: the last command holds.
    #[default]
    Hold,
    /// Stop while the command in force is older than this, milliseconds.
    Watchdog {
        /// Milliseconds.
        stale_ms: f64,
    },
    /// Predict the robot's own motion over the latency, and decide from there.
    Predict,
    /// Drive no faster than the measured latency allows, `v <= v_max(latency)`.
    Governor,
    /// The network answers with its next commands, and each takes hold at the instant that it is meant for: prefix-frozen action
    /// chunks.
    Chunks {
        /// Steps from one asking to the next at the least; as often as the latency allows if `None`.
        every: Option<u32>,
    },
}

const COMPENSATIONS: &str = "hold, watchdog:MS, predict, governor, chunks or chunks:STEPS, such as watchdog:150";

impl fmt::Display for Compensation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => write!(f, "hold"),
            Self::Watchdog { stale_ms } => write!(f, "watchdog:{stale_ms}"),
            Self::Predict => write!(f, "predict"),
            Self::Governor => write!(f, "governor"),
            Self::Chunks { every: None } => write!(f, "chunks"),
            Self::Chunks { every: Some(steps) } => write!(f, "chunks:{steps}"),
        }
    }
}

impl FromStr for Compensation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = split(text);
        match (word, rest) {
            ("hold", None) => Ok(Self::Hold),
            ("watchdog", _) => Ok(Self::Watchdog { stale_ms: milliseconds("compensation", text, rest)? }),
            ("predict", None) => Ok(Self::Predict),
            ("governor", None) => Ok(Self::Governor),
            ("chunks", None) => Ok(Self::Chunks { every: None }),
            ("chunks", Some(rest)) => {
                let steps = rest.parse().ok().filter(|steps| (1..=1000).contains(steps));
                let expected = "expected chunks:STEPS with STEPS from 1 to 1000, such as chunks:4";
                steps
                    .map(|steps| Self::Chunks { every: Some(steps) })
                    .ok_or_else(|| format!("found compensation `{text}`; {expected}"))
            }
            _ => {
                let words = ["hold", "watchdog", "predict", "governor", "chunks"];
                let guess = did_you_mean(nearest(word, words).filter(|guess| *guess != word));
                Err(format!("found compensation `{text}`; {guess}expected {COMPENSATIONS}"))
            }
        }
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)))
}

fn milliseconds(what: &str, text: &str, rest: Option<&str>) -> Result<f64, String> {
    let number = rest.and_then(|rest| rest.strip_suffix("ms").unwrap_or(rest).trim().parse::<f64>().ok());
    number.filter(|ms| (0.0..=MAX_MS).contains(ms)).ok_or_else(|| {
        let word = split(text).0;
        format!("found {what} `{text}`; expected {word}:MS with MS from 0 to {MAX_MS}, such as {word}:100")
    })
}

/// Serde by the words: `#[serde(with = "words")]`.
pub(crate) mod words {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// In files a string, of a pattern for editors.
macro_rules! string_in_files {
    ($type:ident, $pattern:literal, $description:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                words::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                words::deserialize(deserializer)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

string_in_files!(Latency, "^(measured|zero|(fixed|service):[0-9.]+|(replay|profile|device):.+)$", LATENCIES);
string_in_files!(Compensation, "^(hold|watchdog:[0-9.]+|predict|governor|chunks(:[0-9]+)?)$", COMPENSATIONS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "measured",
            "zero",
            "fixed:100",
            "service:12.5",
            "replay:a/b.mcap",
            "profile:coral-usb-vgg16",
            "device:agx-orin@30w",
        ] {
            assert_eq!(text.parse::<Latency>().unwrap().to_string(), text);
        }
        for text in ["hold", "watchdog:150", "predict", "governor", "chunks", "chunks:4"] {
            assert_eq!(text.parse::<Compensation>().unwrap().to_string(), text);
        }
        assert_eq!("fixed:20ms".parse::<Latency>(), Ok(Latency::Fixed(20.0)));
    }

    #[test]
    fn says_what_was_found_and_what_was_expected() {
        let error = |text: &str| text.parse::<Latency>().unwrap_err();
        assert_eq!(
            error("fixd:100"),
            "found latency `fixd:100`; did you mean `fixed`? expected measured, zero, fixed:MS, service:MS, replay:FILE, \
             profile:NAME or device:NAME[@MODE][:NETWORK], such as fixed:100"
        );
        for text in ["fixed", "fixed:", "fixed:-1", "fixed:nan", "fixed:inf", "fixed:1e9", "service:x"] {
            assert!(error(text).contains("with MS from 0 to 600000"), "{}", error(text));
        }
        for text in ["", "zero:1", "replay:", "profile", "100"] {
            assert!(error(text).contains("expected measured"), "{}", error(text));
        }
        for text in ["chunks:", "chunks:0", "chunks:1.5"] {
            assert!(text.parse::<Compensation>().unwrap_err().contains("with STEPS from 1 to 1000"), "{text}");
        }
        assert!("watch:3".parse::<Compensation>().unwrap_err().contains("did you mean `watchdog`?"));
    }
}
