//! The same run gives the same digests: twice, in other processes, in slices, from a fork, with late deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{deadtime, digests, finish, json, setup};
use episode::{Entry, Episode, Prediction, Request, Status};
use timing::{ServiceTime, SimTime, Source, Span, Stream, draw};

fn new(name: &str, seed: u64, source: Source) -> Episode {
    let mut setup = setup(name, seed);
    setup.pilot = scenario::PilotSpec::Expert;
    let mut episode = Episode::new(Arc::new(setup), source).expect("a valid setup");
    episode.keep_log();
    episode
}

fn all_digests(mut episode: Episode) -> Vec<u64> {
    finish(&mut episode);
    digests(&episode.take_log())
}

#[test]
fn twice_and_on_other_threads() {
    for name in ["slalom", "step_out"] {
        let once = all_digests(new(name, 5, Source::Service(Span::from_ms(60.0))));
        let others: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| all_digests(new(name, 5, Source::Service(Span::from_ms(60.0))))))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(once.len() > 100 && others.iter().all(|other| *other == once), "{name}");
        assert_ne!(
            once,
            all_digests(new(name, 6, Source::Service(Span::from_ms(60.0)))),
            "{name}: the seed does nothing"
        );
    }
}

#[test]
fn in_other_processes() {
    let args = ["run", "step_out", "--model", "expert", "--latency", "service:60", "--seed", "9", "--json"];
    let of = |output| json(&output)["digest"].as_str().expect("a digest").to_owned();
    let first = of(deadtime(&args));
    assert!((0..2).all(|_| of(deadtime(&args)) == first));
}

#[test]
fn in_slices_of_any_length() {
    let whole = all_digests(new("crowd", 2, Source::Fixed(Span::from_ms(70.0))));
    let mut episode = new("crowd", 2, Source::Fixed(Span::from_ms(70.0)));
    let mut until = SimTime::ZERO;
    for k in 0.. {
        // From a nanosecond to 30 ms.
        until += Span(1 + (draw(1, Stream::Scenario, k) % 30_000_000) as i64);
        if episode.advance(until) == Status::Over {
            break;
        }
    }
    assert_eq!(digests(&episode.take_log()), whole);
}

#[test]
fn from_a_fork_at_any_tick() {
    for cut in [0.0, 0.4, 1.1, 2.3] {
        let mut episode = new("step_out", 4, Source::Service(Span::from_ms(45.0)));
        assert_eq!(episode.advance(SimTime::ZERO + Span::from_secs(cut)), Status::Reached);
        let fork = episode.clone();
        assert_eq!(all_digests(fork), all_digests(episode), "forked at {cut} s");
    }
}

/// Runs with durations that are only known when they are delivered; `patience` says how far time is let go on, by word
/// that the inference still runs, before the delivery.
fn delivered(patience: impl Fn(u64) -> f64) -> (Vec<u64>, Vec<(u64, Span)>) {
    let mut episode = new("step_out", 11, Source::Recorded { occupies: true });
    let mut requests: BTreeMap<u64, Request> = BTreeMap::new();
    loop {
        match episode.advance(SimTime(i64::MAX)) {
            Status::Wants(request) => {
                requests.insert(request.id, request);
            }
            Status::Blocked(id) => {
                let total = 5_000_000 + (draw(8, Stream::Service, id) % 90_000_000) as i64;
                // In three steps up to the share that `patience` allows: it must never learn more than that.
                for step in 1..=3 {
                    episode.still_running(id, Span((total as f64 * patience(id) * f64::from(step) / 3.0) as i64));
                    while let Status::Wants(request) = episode.advance(SimTime(i64::MAX)) {
                        requests.insert(request.id, request);
                    }
                }
                let service = ServiceTime::compute(Span(total));
                assert!(episode.deliver(Prediction { id, service, output: Vec::new() }));
            }
            Status::Over => break,
            Status::Reached => unreachable!("there is no end of time"),
        }
    }
    let log = episode.take_log();
    let lives = log.iter().filter_map(|entry| match entry {
        Entry::Ended { frame, .. } => frame.latency().map(|latency| (frame.id, latency)),
        _ => None,
    });
    (digests(&log), lives.collect())
}

#[test]
fn when_a_result_is_delivered_changes_nothing() {
    let at_once = delivered(|_| 0.0);
    assert!(at_once.1.len() > 10);
    assert_eq!(at_once, delivered(|_| 1.0));
    assert_eq!(at_once, delivered(|id| (id % 7) as f64 / 7.0));
}
