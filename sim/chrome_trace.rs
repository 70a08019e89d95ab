//! A run as a timeline in Chrome's trace format, in simulated time: Perfetto and `chrome://tracing` open it.

use std::collections::BTreeMap;

use episode::{Entry, TickEntry};
use plant::Command;
use serde_json::{Value, json};
use timing::{Fate, Frame, LineConfig, SimTime, Span, Stage};

/// The robot's events are on top, then the stages in their order.
const ROBOT: usize = 1;
/// Bars of one stage that overlap lie on lanes of their own; no run has as many.
const LANES: usize = 1000;

/// One bar of a stage.
struct Bar {
    stage: Stage,
    from: SimTime,
    long: Span,
    frame: u64,
    fate: Fate,
}

/// The timeline of a run's log. `name` is shown as the process. A bar for each stage that took time, of every frame that ended;
/// instants for captures, applications, drops, losses, contacts and changes; counters of age and speed at every tick.
pub fn chrome_trace(name: &str, line: &LineConfig, log: &[Entry]) -> Value {
    let mut events: Vec<(SimTime, Value)> = Vec::new();
    let mut bars = Vec::new();
    for entry in log {
        match entry {
            Entry::Tick(tick) => events.extend(counters(tick)),
            Entry::Observed(seen) => events.push(instant(seen.at, "captured", json!({ "frame": seen.frame }))),
            Entry::Ended { at, frame, fate, command, .. } => {
                bars.extend(stages(frame, *fate, *at, line));
                events.push(instant(*at, word(*fate), ended(frame, *command)));
            }
            Entry::Stale { at, age } => events.push(instant(*at, "stopped: too old", json!({ "age_ms": age.ms() }))),
            Entry::Contact(contact) => {
                let args = json!({ "with": contact.with, "impact_speed": contact.impact_speed });
                events.push(instant(contact.at, "collision", args));
            }
            Entry::Edited(edit) => {
                events.push(instant(edit.at, "changed", json!({ "what": format!("{:?}", edit.change) })));
            }
            Entry::Over { at, outcome } => events.push(instant(*at, &format!("over: {outcome}"), json!({}))),
            Entry::Predicted(_) | Entry::Failed(_) => {}
        }
    }
    let mut tracks = BTreeMap::from([(ROBOT, "robot".to_owned())]);
    // By their begin, so that the first lane that is free is the lowest that can be.
    bars.sort_by_key(|bar| (bar.stage, bar.from, bar.frame));
    let mut busy: BTreeMap<usize, SimTime> = BTreeMap::new();
    for bar in bars {
        let first = ROBOT + 1 + bar.stage as usize * LANES;
        let free = |track: &usize| busy.get(track).is_none_or(|until| *until <= bar.from);
        let track = (first..first + LANES).find(free).unwrap_or(first);
        busy.insert(track, bar.from + bar.long);
        tracks.entry(track).or_insert_with(|| match track - first {
            0 => bar.stage.label().to_owned(),
            lane => format!("{} ({})", bar.stage.label(), lane + 1),
        });
        let args = json!({ "frame": bar.frame, "fate": word(bar.fate) });
        let mut event = json!({ "ph": "X", "name": bar.stage.label(), "pid": 1, "tid": track, "args": args });
        event["dur"] = duration(bar.from, bar.long);
        events.push((bar.from, event));
    }
    // Stable: what happened at one instant stays in the order in which it became known.
    events.sort_by_key(|(at, _)| *at);
    let named = metadata(name, &tracks);
    let timed = events.into_iter().map(|(at, mut event)| {
        event["ts"] = micros(at - SimTime::ZERO);
        event
    });
    json!({ "displayTimeUnit": "ms", "traceEvents": named.into_iter().chain(timed).collect::<Vec<Value>>() })
}

fn metadata(name: &str, tracks: &BTreeMap<usize, String>) -> Vec<Value> {
    let mut events = vec![json!({ "ph": "M", "name": "process_name", "pid": 1, "args": { "name": name } })];
    for (track, name) in tracks {
        events.push(json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": track, "args": { "name": name } }));
        let order = json!({ "sort_index": track });
        events.push(json!({ "ph": "M", "name": "thread_sort_index", "pid": 1, "tid": track, "args": order }));
    }
    events
}

/// Microseconds, such that a viewer that adds them to the bar's begin does not come out, by a rounding, behind its end: it would take
/// the bar that begins there for a part of this one.
fn duration(from: SimTime, long: Span) -> Value {
    let micros = |span: Span| span.0 as f64 / 1e3;
    let (begin, end) = (micros(from - SimTime::ZERO), micros(from + long - SimTime::ZERO));
    let mut duration = micros(long);
    while begin + duration > end {
        duration = duration.next_down();
    }
    duration.into()
}

/// The stages of a frame as far as it came, one behind the other.
fn stages(frame: &Frame, fate: Fate, at: SimTime, line: &LineConfig) -> Vec<Bar> {
    let spans: Vec<(Stage, Span)> = match frame.stages(line).filter(|_| fate == Fate::Applied) {
        Some(all) => all.to_vec(),
        None => unfinished(frame, at, line),
    };
    let mut from = frame.captured;
    let mut bars = Vec::new();
    for (stage, long) in spans {
        if long > Span::ZERO {
            bars.push(Bar { stage, from, long, frame: frame.id, fate });
        }
        from += long;
    }
    bars
}

/// Of a frame that brought no command. What it did at its end goes on until then.
fn unfinished(frame: &Frame, at: SimTime, line: &LineConfig) -> Vec<(Stage, Span)> {
    let Some(arrived) = frame.arrived.filter(|arrived| *arrived <= at) else { return Vec::new() };
    let mut spans = vec![(Stage::Sensing, line.sensing), (Stage::LinkOut, arrived - frame.captured - line.sensing)];
    let Some(started) = frame.started.filter(|started| *started <= at) else {
        spans.push((Stage::Queue, at - arrived));
        return spans;
    };
    let Some((service, finished)) = frame.service.zip(frame.finished).filter(|(_, finished)| *finished <= at) else {
        spans.extend([(Stage::Queue, started - arrived), (Stage::Compute, at - started)]);
        return spans;
    };
    spans.extend([
        (Stage::Queue, finished - arrived - service.total()),
        (Stage::Pre, service.pre),
        (Stage::HostToDevice, service.host_to_device),
        (Stage::Compute, service.compute),
        (Stage::DeviceToHost, service.device_to_host),
        (Stage::Post, service.post),
        (Stage::LinkBack, frame.returned.map_or(at, |returned| returned.min(at)) - finished),
    ]);
    spans
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Applied => "applied",
        Fate::Superseded => "superseded",
        Fate::Dropped => "dropped",
        Fate::Lost => "lost",
    }
}

fn ended(frame: &Frame, command: Option<Command>) -> Value {
    let mut args = json!({ "frame": frame.id });
    if let Some(latency) = frame.latency().filter(|_| command.is_some()) {
        args["latency_ms"] = latency.ms().into();
    }
    match command {
        Some(Command::Twist { linear, angular }) => {
            args["linear"] = linear.into();
            args["angular"] = angular.into();
        }
        Some(Command::Acceleration { base }) => args["acceleration"] = base.into(),
        None => {}
    }
    args
}

fn instant(at: SimTime, name: &str, args: Value) -> (SimTime, Value) {
    (at, json!({ "ph": "i", "s": "t", "name": name, "pid": 1, "tid": ROBOT, "args": args }))
}

fn counters(tick: &TickEntry) -> Vec<(SimTime, Value)> {
    let counter = |name: &str, unit: &str, value: f64| {
        let mut event = json!({ "ph": "C", "name": name, "pid": 1 });
        event["args"] = json!({ unit: value });
        (tick.at, event)
    };
    let age = tick.age.map(|age| counter("age of the command", "ms", age.ms()));
    age.into_iter().chain([counter("speed", "m/s", tick.robot.linear)]).collect()
}

/// Chrome's unit. A nanosecond is a thousandth of it.
fn micros(span: Span) -> Value {
    (span.0 as f64 / 1000.0).into()
}
