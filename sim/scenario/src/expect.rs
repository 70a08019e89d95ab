//! What must hold for a scenario to pass.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The robot reached its goal
    Goal,
    /// It touched something
    Collision,
    /// It fell over
    Fall,
    /// Time was up first
    Timeout,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Goal => "goal",
            Self::Collision => "collision",
            Self::Fall => "fall",
            Self::Timeout => "timeout",
        })
    }
}

/// Bounds of a quantity, both included; either may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// At least
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Bounds {
    /// Whether `value` lies within; what is not a number does not.
    pub fn contain(&self, value: f64) -> bool {
        !value.is_nan() && self.min.is_none_or(|min| min <= value) && self.max.is_none_or(|max| value <= max)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => write!(f, "anything"),
        }
    }
}

/// Bounds of the latency up to which a scenario succeeds, found by many runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Critical {
    /// At least, ms: every latency tried up to it succeeds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most, ms: a latency tried beyond it, and not a step further, fails
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How far apart the latencies that are tried lie, ms; the bounds themselves are tried too
    pub step_ms: f64,
    /// Each latency is tried at this many sensor phases, spread evenly over a capture period
    pub phases: u64,
}

impl Default for Critical {
    fn default() -> Self {
        Self { min: None, max: None, step_ms: 10.0, phases: 20 }
    }
}

/// Bounds of a share of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At least, 0 to 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most, 0 to 1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Seeds 0 to this less one are driven
    pub seeds: u64,
}

impl Critical {
    /// The bounds alone.
    pub fn bounds(&self) -> Bounds {
        Bounds { min: self.min, max: self.max }
    }
}

impl Rate {
    /// The bounds alone.
    pub fn bounds(&self) -> Bounds {
        Bounds { min: self.min, max: self.max }
    }
}

/// `[expect]`. What is absent is not checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// How the run ends
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Contacts with anything
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_collisions: Option<u64>,
    /// When the goal is reached, s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal_time_s: Option<Bounds>,
    /// Smallest free distance to anything, m
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clearance_m: Option<Bounds>,
    /// Age of the command in force, 99th percentile, ms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_age_ms: Option<Bounds>,
    /// Greatest age of a command in force, ms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_ms: Option<Bounds>,
    /// Longest path driven since the capture behind the command in force, m
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind_m: Option<Bounds>,
    /// Frames dropped by the schedule
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dropped: Option<u64>,
    /// Inferences lost to the deadline or a failure
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lost: Option<u64>,
    /// Pure delay up to which the scenario succeeds, ms: many runs, by `deadtime test` alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_latency_ms: Option<Critical>,
    /// Share of seeds that succeed: many runs, by `deadtime test` alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<Rate>,
    /// Lower end of that share's 95 % Wilson interval: many runs, by `deadtime test` alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate_lower: Option<Rate>,
}

/// What a run was like, in the units of [`Expect`].
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// How it ended.
    pub outcome: Outcome,
    /// Contacts.
    pub collisions: u64,
    /// Its length, s; the goal time where it ended there.
    pub sim_seconds: f64,
    /// Smallest free distance, m; `None` when there was nothing to come near to.
    pub min_clearance_m: Option<f64>,
    /// 99th percentile of the age, ms; `None` when no command ever came into force.
    pub p99_age_ms: Option<f64>,
    /// Greatest age, ms; `None` likewise.
    pub max_age_ms: Option<f64>,
    /// Longest blind distance, m; `None` likewise.
    pub blind_m_max: Option<f64>,
    /// Frames never inferred.
    pub dropped: u64,
    /// Inferences lost.
    pub lost: u64,
}

/// One expectation, compared with what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The key in `[expect]`.
    pub name: &'static str,
    /// Whether it held.
    pub passed: bool,
    /// What happened.
    pub found: String,
    /// What should have.
    pub expected: String,
}

impl Expect {
    /// Whether something is expected that one run cannot tell.
    pub fn asks_many_runs(&self) -> bool {
        self.critical_latency_ms.is_some() || self.asks_seeds()
    }

    /// Whether something is expected of many seeds under the scenario's own latency.
    pub fn asks_seeds(&self) -> bool {
        self.success_rate.is_some() || self.success_rate_lower.is_some()
    }

    /// One check for each expectation of a single run, in the order of the keys. A quantity that the run does not have (an age without
    /// a command) fails; clearance with nothing to come near to is unlimited.
    pub fn check(&self, facts: &Facts) -> Vec<Check> {
        let outcome = self.outcome.map(|expected| Check {
            name: "outcome",
            passed: facts.outcome == expected,
            found: facts.outcome.to_string(),
            expected: expected.to_string(),
        });
        let goal_time = (facts.outcome == Outcome::Goal).then_some(facts.sim_seconds);
        let clearance = Some(facts.min_clearance_m.unwrap_or(f64::INFINITY));
        [
            outcome,
            at_most("max_collisions", self.max_collisions, facts.collisions),
            within("goal_time_s", self.goal_time_s, goal_time, "s"),
            within("clearance_m", self.clearance_m, clearance, "m"),
            within("p99_age_ms", self.p99_age_ms, facts.p99_age_ms, "ms"),
            within("max_age_ms", self.max_age_ms, facts.max_age_ms, "ms"),
            within("blind_m", self.blind_m, facts.blind_m_max, "m"),
            at_most("max_dropped", self.max_dropped, facts.dropped),
            at_most("max_lost", self.max_lost, facts.lost),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn at_most(name: &'static str, max: Option<u64>, found: u64) -> Option<Check> {
    let max = max?;
    Some(Check { name, passed: found <= max, found: found.to_string(), expected: format!("at most {max}") })
}

fn within(name: &'static str, bounds: Option<Bounds>, found: Option<f64>, unit: &str) -> Option<Check> {
    let bounds = bounds?;
    Some(Check {
        name,
        passed: found.is_some_and(|value| bounds.contain(value)),
        found: found.map_or("none".to_owned(), |value| format!("{value:.3} {unit}")),
        expected: format!("{bounds} {unit}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            outcome: Outcome::Goal,
            collisions: 0,
            sim_seconds: 9.5,
            min_clearance_m: Some(0.2),
            p99_age_ms: Some(140.0),
            max_age_ms: Some(150.0),
            blind_m_max: Some(0.3),
            dropped: 4,
            lost: 0,
        }
    }

    fn verdicts(toml: &str, facts: &Facts) -> Vec<(&'static str, bool)> {
        let expect: Expect = toml::from_str(toml).unwrap();
        expect.check(facts).into_iter().map(|check| (check.name, check.passed)).collect()
    }

    #[test]
    fn each_expectation_can_fail() {
        for (name, holds, fails) in [
            ("outcome", "'goal'", "'collision'"),
            ("goal_time_s", "{ min = 9, max = 9.5 }", "{ max = 9.4 }"),
            ("clearance_m", "{ min = 0.2 }", "{ min = 0.21 }"),
            ("p99_age_ms", "{ max = 140 }", "{ max = 139 }"),
            ("max_age_ms", "{ max = 150 }", "{ min = 151 }"),
            ("blind_m", "{ max = 0.3 }", "{ max = 0.29 }"),
            ("max_dropped", "4", "3"),
        ] {
            assert_eq!(verdicts(&format!("{name} = {holds}"), &facts()), [(name, true)]);
            assert_eq!(verdicts(&format!("{name} = {fails}"), &facts()), [(name, false)]);
        }
        let crashed = Facts { outcome: Outcome::Collision, collisions: 1, lost: 2, ..facts() };
        let text = "goal_time_s = { max = 100 }\nmax_collisions = 0\nmax_lost = 1";
        assert!(verdicts(text, &crashed).iter().all(|(_, passed)| !passed));
    }

    #[test]
    fn what_a_run_does_not_have_is_no_pass() {
        let none = Facts { p99_age_ms: None, min_clearance_m: None, ..facts() };
        assert_eq!(verdicts("p99_age_ms = { max = 1e9 }", &none), [("p99_age_ms", false)]);
        assert_eq!(verdicts("clearance_m = { min = 1 }", &none), [("clearance_m", true)]);
        assert!(!Bounds::default().contain(f64::NAN));
    }
}
