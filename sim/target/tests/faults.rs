//! A target that is killed, hung, slow or talks garbage: an error in time before a run; in a run, a loss at the contract's
//! instant and the safe command, never a hang.
#![allow(clippy::disallowed_methods, reason = "that nothing hangs is seen on a clock")]

mod faulty;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use episode::{Answer, Driver, Entry, Episode, Pumped, Supply};
use faulty::{Cut, Fault, Wire, listen, proxy, start};
use pilot::Contract;
use runtime::Worker;
use scenario::Setup;
use target::TargetOptions;
use timing::{Fate, SimTime, Source, Span};
use tonic::Code;

/// Of the warm-up.
const WARM: u64 = 5;
/// Frames that go well in a run before the fault.
const WELL: u64 = 8;
/// What a call may take here.
const LIMIT: Duration = Duration::from_millis(250);

fn options(address: SocketAddr) -> TargetOptions {
    TargetOptions { timeout: LIMIT, ..TargetOptions::new(format!("grpc://{address}").parse().unwrap()) }
}

fn setup(deadline_ms: Option<f64>) -> Setup {
    let deadline = deadline_ms.map_or(String::new(), |ms| format!("deadline_ms = {ms}"));
    let text = format!(
        "title = 'An open floor'\nduration_s = 2\n[robot]\ngoal = {{ x = 40, y = 0 }}\n[controller]\npilot = 'network'\n\
         model = 'pilot'\n[latency]\nsource = 'measured'\n{deadline}"
    );
    scenario::parse(&text, "floor.toml").unwrap().setup(0).unwrap()
}

/// What a run came to.
struct Run {
    ended: Vec<(SimTime, timing::Frame, Fate, bool)>,
    failures: Vec<String>,
    unusable: u64,
    speed: f64,
    wall: Duration,
}

impl Run {
    fn count(&self, fate: Fate) -> usize {
        self.ended.iter().filter(|(_, _, f, _)| *f == fate).count()
    }

    fn lost(&self) -> impl Iterator<Item = (Span, bool)> {
        let lost = self.ended.iter().filter(|(_, _, fate, _)| *fate == Fate::Lost);
        lost.map(|(at, frame, _, safe)| (*at - frame.started.unwrap(), *safe))
    }
}

/// Drives two seconds on an open floor by the target, and once more from what was recorded.
fn drive(address: SocketAddr, deadline_ms: Option<f64>) -> Run {
    let engine = target::connect("pilot", &options(address)).unwrap();
    let worker = Worker::spawn(engine);
    let contract = episode::fit(&worker.info().model, &setup(None).world.robot).unwrap();
    assert_eq!(contract, Some(Contract::Rover));
    let mut episode = Episode::new(Arc::new(setup(deadline_ms)), Source::Measured).unwrap();
    episode.keep_log();
    let mut driver = Driver::new(Supply::Worker { worker, contract });
    let begun = Instant::now();
    while driver.pump(&mut episode, SimTime(i64::MAX), Duration::from_millis(50)) != Pumped::Over {
        assert!(begun.elapsed() < Duration::from_secs(60), "it hangs");
    }
    let wall = begun.elapsed();
    let counts = episode.line().counts();
    let sum = counts.applied + counts.superseded + counts.dropped + counts.lost + counts.in_flight;
    assert_eq!(counts.captured, sum);
    let log = episode.take_log();
    assert_eq!(replay(&log, deadline_ms), episode.digest(), "a run with faults replays");
    let ended = |entry: &Entry| match entry {
        Entry::Ended { at, frame, fate, safe, .. } => Some((*at, *frame, *fate, *safe)),
        _ => None,
    };
    Run {
        ended: log.iter().filter_map(ended).collect(),
        failures: driver.failures().to_vec(),
        unusable: episode.stats().unusable,
        speed: episode.plant().robot().linear,
        wall,
    }
}

fn replay(log: &[Entry], deadline_ms: Option<f64>) -> u64 {
    let answer = |entry: &Entry| match entry {
        Entry::Predicted(prediction) => Some((prediction.id, Answer::Predicted(prediction.clone()))),
        Entry::Failed(failure) => Some((failure.id, Answer::Failed(failure.clone()))),
        _ => None,
    };
    let answers: BTreeMap<u64, Answer> = log.iter().filter_map(answer).collect();
    let mut episode = Episode::new(Arc::new(setup(deadline_ms)), Source::Recorded { occupies: true }).unwrap();
    let mut driver = Driver::new(Supply::Recorded(answers));
    assert_eq!(driver.pump(&mut episode, SimTime(i64::MAX), Duration::ZERO), Pumped::Over);
    episode.digest()
}

/// Why it cannot be connected to.
fn refusal(address: SocketAddr) -> String {
    let begun = Instant::now();
    let Err(error) = target::connect("pilot", &options(address)) else { panic!("it connected") };
    assert!(begun.elapsed() < 20 * LIMIT, "after {:?}", begun.elapsed());
    error.to_string()
}

#[test]
fn a_peer_that_is_no_server_is_told_in_time() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(refusal(nobody).contains("cannot be reached"), "{}", refusal(nobody));
    for wire in [Wire::BlackHole, Wire::Close, Wire::Noise, Wire::Http1, Wire::Trickle] {
        let why = refusal(listen(wire));
        assert!(why.contains("the target grpc://127.0.0.1:"), "{wire:?}: {why}");
        assert!(["cannot be reached", "did not answer", "answered"].iter().any(|w| why.contains(w)), "{wire:?}: {why}");
    }
}

#[test]
fn a_server_that_cannot_do_it_is_told_in_time() {
    for (fault, expected) in [
        (Fault::NoModel, "does not tell what `pilot` is: it answered NotFound"),
        (Fault::NoInputs, "declares no input"),
        (Fault::MetadataHangs, "did not answer within 250 ms"),
        (Fault::MetadataType, "found datatype `BYTES`"),
        (Fault::MetadataStatus(Code::Unauthenticated), "wants a token"),
        (Fault::Hang, "did not answer within 250 ms"),
        (Fault::Status(Code::Internal), "answered Internal: out of order"),
        (Fault::OtherShape, "answered nonsense: found output"),
    ] {
        let server = start(fault, 0, u64::MAX);
        let why = refusal(server.address);
        assert!(why.contains(expected), "{fault:?}: {why}");
    }
}

/// The faults of one inference: each is lost when it is known to have failed, and the safe command follows.
const SPOILED: [(Fault, &str); 21] = [
    (Fault::Status(Code::Internal), "answered Internal"),
    (Fault::Status(Code::Unavailable), "answered Unavailable"),
    (Fault::Status(Code::ResourceExhausted), "answered ResourceExhausted"),
    (Fault::OtherShape, "found output"),
    (Fault::OtherType, "found output"),
    (Fault::UnknownType, "found datatype `FP8`"),
    (Fault::NoOutput, "found no output"),
    (Fault::OtherName, "found no output"),
    (Fault::NoData, "found neither contents nor raw bytes"),
    (Fault::ShortRaw, "expected a multiple of 4"),
    (Fault::RawCount, "found 2 raw tensors for 1 declared ones"),
    (Fault::NegativeShape, "found shape"),
    (Fault::HugeShape, "found shape"),
    (Fault::ByteOver, "found an UINT8 above 255"),
    (Fault::Large, "answered OutOfRange"),
    (Fault::Gibibyte, "answered OutOfRange"),
    (Fault::NoMessage, "answered Internal"),
    (Fault::Html, "answered"),
    (Fault::ResidenceTooLong, "but the whole round trip took"),
    (Fault::ResidenceNegative, "expected nanoseconds"),
    (Fault::ResidenceText, "expected nanoseconds"),
];

#[test]
fn garbage_in_a_run_is_lost_and_the_robot_stops() {
    for (fault, expected) in SPOILED {
        let server = start(fault, WARM + WELL, u64::MAX);
        let run = drive(server.address, None);
        assert!(run.failures[0].contains(expected), "{fault:?}: {}", run.failures[0]);
        assert!(run.count(Fate::Applied) >= WELL as usize - 1, "{fault:?}");
        assert!(run.lost().count() > 10 && run.lost().all(|(_, safe)| safe), "{fault:?}");
        assert!(run.speed < 0.05, "{fault:?}: still at {} m/s", run.speed);
        // Three are asked for, the others are given up at once.
        assert!(run.failures.last().unwrap().contains("is not asked again"), "{fault:?}: {:?}", run.failures.last());
        assert!(server.calls.load(std::sync::atomic::Ordering::SeqCst) <= WARM + WELL + 3, "{fault:?}");
        assert!(run.wall < Duration::from_secs(20), "{fault:?}: {:?}", run.wall);
    }
}

#[test]
fn a_target_that_falls_silent_is_lost_at_its_limit() {
    type Silent = fn() -> (Option<faulty::Faulty>, SocketAddr);
    let silent: [(&str, Silent); 6] = [
        ("hung", || held(start(Fault::Hang, WARM + WELL, u64::MAX))),
        ("slower than its limit", || held(start(Fault::Slow(900), WARM + WELL, u64::MAX))),
        ("killed", || held(start(Fault::Die, WARM + WELL, u64::MAX))),
        ("reset", || cut(Cut::Reset)),
        ("noise", || cut(Cut::Noise)),
        ("silence on the wire", || cut(Cut::Silence)),
    ];
    for (name, begin) in silent {
        let (_server, address) = begin();
        let run = drive(address, None);
        assert!(run.failures.len() > 3, "{name}: {:?}", run.failures);
        assert!(run.lost().all(|(_, safe)| safe) && run.speed < 0.05, "{name}: at {} m/s", run.speed);
        // Nothing is ever lost later than the limit, to within a tenth and what a loaded machine adds.
        let longest = run.lost().map(|(after, _)| after).max().unwrap();
        assert!(longest.ms() < LIMIT.as_secs_f64() * 1.1e3 + 60.0, "{name}: {longest}");
        assert!(run.wall < Duration::from_secs(20), "{name}: {:?}", run.wall);
    }
}

fn held(server: faulty::Faulty) -> (Option<faulty::Faulty>, SocketAddr) {
    let address = server.address;
    (Some(server), address)
}

fn cut(cut: Cut) -> (Option<faulty::Faulty>, SocketAddr) {
    let server = start(Fault::None, 0, 0);
    let address = proxy(server.address, cut, server.calls.clone(), WARM + WELL);
    (Some(server), address)
}

#[test]
fn a_missed_deadline_is_lost_at_exactly_its_instant() {
    // Hung, with a deadline in the contract: the last command holds until the target is given up, then the robot stops.
    let server = start(Fault::Hang, WARM + WELL, u64::MAX);
    let run = drive(server.address, Some(60.0));
    let lost: Vec<(Span, bool)> = run.lost().collect();
    // On a loaded machine another one may be late before.
    let waited = lost.iter().take_while(|(_, safe)| !safe).count();
    assert!(waited >= 3, "{lost:?}");
    assert!(lost[..waited].iter().all(|(after, _)| *after == Span::from_ms(60.0)), "{lost:?}");
    assert!(lost[waited..].iter().all(|(_, safe)| *safe) && run.speed < 0.05);
    // Late, but answering: each is lost at its deadline, and nothing has failed.
    let server = start(Fault::Slow(120), WARM + WELL, 4);
    let run = drive(server.address, Some(60.0));
    assert_eq!(run.failures, [""; 0]);
    let lost: Vec<(Span, bool)> = run.lost().collect();
    assert!(lost.len() >= 4 && lost.iter().all(|lost| *lost == (Span::from_ms(60.0), false)), "{lost:?}");
    assert!(run.speed > 0.5, "it goes on");
}

#[test]
fn a_target_that_recovers_is_used_again() {
    let server = start(Fault::Status(Code::Unavailable), WARM + WELL, 2);
    let run = drive(server.address, None);
    assert_eq!(run.failures.len(), 2);
    assert!(run.count(Fate::Applied) > 20 && run.speed > 0.5, "{} m/s", run.speed);
}

#[test]
fn what_is_no_fault_is_none_and_what_is_not_finite_is_the_safe_command() {
    let server = start(Fault::Typed, 0, u64::MAX);
    let run = drive(server.address, None);
    assert_eq!((run.failures.len(), run.lost().count(), run.unusable), (0, 0, 0), "{:?}", run.failures);
    for fault in [Fault::Nan, Fault::Infinite] {
        let server = start(fault, WARM + WELL, u64::MAX);
        let run = drive(server.address, None);
        assert_eq!(run.failures.len(), 0, "{fault:?}");
        assert!(run.unusable > 10 && run.speed < 0.05, "{fault:?}: {} at {} m/s", run.unusable, run.speed);
    }
}

#[test]
fn a_target_that_is_slowed_down_is_complained_of() {
    let server = start(Fault::Slowed, WARM + WELL, u64::MAX);
    let mut engine = target::connect("pilot", &options(server.address)).unwrap();
    let mut complaints = |count| {
        let options = runtime::MeasureOptions { hz: 200.0, count, warm_up: 0, ..runtime::MeasureOptions::default() };
        runtime::measure(engine.as_mut(), &options).unwrap().complaints.join("; ")
    };
    assert!(!complaints(WELL as usize).contains("on the target"));
    assert!(complaints(1).contains("on the target, the processor was slowed down because of its heat"));
}

#[test]
fn a_target_that_stops_telling_its_residence_is_complained_of() {
    let server = start(Fault::ResidenceStops, WARM + WELL, u64::MAX);
    let engine = target::connect("pilot", &options(server.address)).unwrap();
    let mut worker = Worker::spawn(engine);
    for id in 0..WELL + 4 {
        let inputs = runtime::synthetic_inputs(&worker.info().model, 1, id);
        worker.submit(runtime::Job { id, inputs });
        let (time, _) = worker.recv(Duration::from_secs(10)).unwrap().result.unwrap();
        assert_eq!(time.link() > Span::ZERO, id < WELL, "frame {id}: what is not told counts as the device's");
    }
    assert!(worker.complaints()[0].contains("stopped telling its residence, 4 times"), "{:?}", worker.complaints());
}
