//! The window without a person: a list of steps, one a line, so that a test can drive it and look at it.
//!
//! ```text
//! until 1.2          # play to 1.2 s of the run, exactly, and stop there
//! key L              # press a key, by its cap
//! latency fixed:200  # or: cruise, compensation, speed, scenario, deadline, seed, model, runtime, graph, link, schedule
//! frames 3           # let the window draw so many frames
//! shot driving       # a picture, driving.png
//! film crash         # begin a film, crash.gif; then `cut` ends it and waits until it is written
//! camera -57 36 5.2  # yaw and pitch in degrees, metres from the robot
//! until end          # play to the end of the run
//! drop a/net.onnx    # as if the file were dropped on the window
//! lab 2              # open the second lab; then `predict 1`, `settle`, `run 2` (open its second run)
//! settled            # wait until it is
//! fork               # a second future from here; then `lane 1` (look at the first)
//! what-if fixed:80   # a lane more, from the start; `what-if fixed:80 2.1`: forked at 2.1 s
//! look 1.5           # at this moment of the run, and stand there
//! open run.mcap      # a log
//! key B              # whose fault was it? then `blamed`: wait until it is known
//! stretch 120 40     # the waterfall shows 120 ms that end 40 ms before now
//! quit
//! ```

use std::fmt::Display;
use std::str::FromStr;

use timing::{SimTime, Span};

use crate::{Action, Stretch, keys};

/// What to do, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// The steps.
    pub cues: Vec<Cue>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Cue {
    /// Plays to this instant of the run, or to its end if that comes first.
    Until(SimTime),
    /// Draws so many frames.
    Frames(u32),
    /// Does this.
    Act(Action),
    /// Picks a scenario by its id.
    Scenario(String),
    /// Simulated seconds a second.
    Speed(f64),
    /// Waits until a lab is settled.
    Settled,
    /// Waits until it is known whose fault it was.
    Blamed,
    /// A picture under this name.
    Shot(String),
    /// Begins a film under this name.
    Film(String),
    /// Ends it, and waits until it is written.
    Cut,
    /// Closes the window.
    Quit,
}

impl Script {
    /// Reads a script file.
    pub fn load(path: &std::path::Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// Reads the text form. An error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cues = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                cues.push(cue(line).map_err(|why| format!("script line {}: {why}", index + 1))?);
            }
        }
        Ok(Self { cues })
    }
}

fn cue(line: &str) -> Result<Cue, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    Ok(match word {
        "until" if rest == "end" => Cue::Until(SimTime::NEVER),
        "until" => Cue::Until(SimTime::ZERO + Span::from_secs(value(rest)?)),
        "frames" => Cue::Frames(value(rest)?),
        "key" => Cue::Act(keys::named(rest).ok_or_else(|| format!("no key `{rest}`"))?),
        "scenario" => Cue::Scenario(rest.to_owned()),
        "speed" => Cue::Speed(value(rest)?),
        "latency" => Cue::Act(Action::Latency(value(rest)?)),
        "cruise" => Cue::Act(Action::Cruise(value(rest)?)),
        "compensation" => Cue::Act(Action::Compensation(value(rest)?)),
        "camera" => Cue::Act(Action::Eye(eye(rest)?)),
        "deadline" if rest == "none" => Cue::Act(Action::Deadline(None)),
        "deadline" => Cue::Act(Action::Deadline(Some(value(rest)?))),
        "seed" => Cue::Act(Action::Seed(value(rest)?)),
        "model" => Cue::Act(Action::Model(rest.to_owned())),
        "runtime" => Cue::Act(Action::Runtime(rest.to_owned())),
        "schedule" => Cue::Act(Action::Schedule(value(rest)?)),
        "drop" if !rest.is_empty() => Cue::Act(Action::Dropped(vec![rest.into()])),
        "lab" => Cue::Act(Action::Lab(Some(value::<usize>(rest)?.saturating_sub(1)))),
        "predict" => Cue::Act(Action::Predict(value::<usize>(rest)?.saturating_sub(1))),
        "settle" => Cue::Act(Action::Settle),
        "run" => Cue::Act(Action::LabRun(value::<usize>(rest)?.saturating_sub(1))),
        "fork" => Cue::Act(Action::Fork),
        "lane" => Cue::Act(Action::Lane(value::<usize>(rest)?.saturating_sub(1))),
        "what-if" => Cue::Act(match rest.split_once(char::is_whitespace) {
            None => Action::WhatIf(value(rest)?),
            Some((latency, from)) => Action::WhatIfFrom(value(from.trim())?, value(latency)?),
        }),
        "link" => Cue::Act(Action::Link((rest != "scenario").then(|| rest.to_owned()))),
        "graph" => Cue::Act(Action::Graph(rest.to_owned())),
        "look" => Cue::Act(Action::Scrub(value(rest)?)),
        "open" => Cue::Act(Action::OpenLog(rest.into())),
        "blamed" => Cue::Blamed,
        "settled" => Cue::Settled,
        "stretch" => Cue::Act(Action::Stretch(Some(stretch(rest)?))),
        "shot" if is_name(rest) => Cue::Shot(rest.to_owned()),
        "film" if is_name(rest) => Cue::Film(rest.to_owned()),
        "cut" => Cue::Cut,
        "quit" => Cue::Quit,
        _ => return Err(format!("cannot read `{line}`")),
    })
}

/// Whether a file can be called so.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn eye(text: &str) -> Result<[f32; 3], String> {
    let numbers = text.split_whitespace().map(value).collect::<Result<Vec<f32>, _>>()?;
    let inside = |eye: &[f32; 3]| eye.iter().all(|n| n.is_finite()) && eye[2] > 0.0;
    let eye = <[f32; 3]>::try_from(numbers).ok().filter(inside);
    eye.ok_or_else(|| format!("found camera `{text}`; expected yaw, pitch (degrees) and distance (metres)"))
}

fn stretch(text: &str) -> Result<Stretch, String> {
    let (span, back) = text.split_once(char::is_whitespace).unwrap_or((text, "0"));
    let (span, back): (f64, f64) = (value(span)?, value(back.trim())?);
    let possible = span > 0.0 && back >= 0.0 && (span + back).is_finite();
    possible.then_some(Stretch { span, back }).ok_or_else(|| {
        format!("found stretch `{text}`; expected its length and how long before now it ends, milliseconds")
    })
}

fn value<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|why: T::Err| format!("`{text}`: {why}"))
}

#[cfg(test)]
mod tests {
    use scenario::Latency;

    use super::*;

    #[test]
    fn reads_every_kind_of_step() {
        let text = "until 1.5 # then\n\nkey l\nlatency fixed:200\nframes 3\nshot a-b\nuntil end\nquit";
        let cues = Script::parse(text).unwrap().cues;
        assert_eq!(cues.len(), 7);
        assert_eq!(cues[0], Cue::Until(SimTime(1_500_000_000)));
        assert_eq!(cues[1], Cue::Act(Action::Nudge(10.0)));
        assert_eq!(cues[2], Cue::Act(Action::Latency(Latency::Fixed(200.0))));
        assert_eq!(cues[5], Cue::Until(SimTime::NEVER));
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, place) in [
            ("quit\nkey Q", "line 2"),
            ("shot ../x", "line 1"),
            ("latency fixd:1", "line 1"),
            ("hop", "line 1"),
            ("camera 1 2", "line 1"),
            ("stretch 0", "line 1"),
        ] {
            assert!(Script::parse(text).unwrap_err().contains(place), "{text}");
        }
    }
}
