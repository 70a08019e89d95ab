//! Prefix-frozen action chunks: which command of which answer holds when.

use std::sync::Arc;

use episode::{Episode, EpisodeError, Prediction, Status};
use pilot::{Contract, GRID, Tensor};
use plant::Command;
use scenario::{Compensation, PilotSpec, Setup};
use timing::{ServiceTime, SimTime, Source, Span};

use crate::support::{deadtime, json, setup};

const CRUISE: f64 = 0.2;

/// Forty captures a second from 0 on, and slow, so that nothing is touched.
fn lesson(compensation: Compensation) -> Setup {
    let mut setup = setup("lesson", 0);
    setup.pilot = PilotSpec::Network { model: "chunks".into() };
    setup.cruise = CRUISE;
    setup.compensation = compensation;
    setup
}

/// An answer that can be told from others by its speed, and its steps by their yaw rate.
fn answer(speed: usize) -> Vec<f32> {
    let mut logits = vec![0.0; 16 * GRID.len()];
    for (k, step) in logits.chunks_exact_mut(GRID.len()).enumerate() {
        step[GRID.class(speed, k.min(12))] = 60.0;
    }
    logits
}

fn command(speed: usize, step: usize) -> Command {
    Contract::ChunkRover.decode_all(&answer(speed), CRUISE).expect("finite")[step]
}

/// A run whose answers are given by hand.
struct Run {
    episode: Episode,
    /// When the frames were captured that were asked about, ms, and the frozen rows they came with.
    asked: Vec<(i64, Vec<[f32; 3]>)>,
    /// How long the answers take, ms, where the source does not say; the last for all that follow.
    takes: Vec<f64>,
}

impl Run {
    fn new(setup: Setup, source: Source, takes: &[f64]) -> Self {
        let episode = Episode::new(Arc::new(setup), source).expect("a valid setup");
        Self { episode, asked: Vec::new(), takes: takes.to_vec() }
    }

    /// The command in force at an instant, after all that happens at it. The n-th answer has the speed 4, 3, 2, 1, 4, ...
    fn at(&mut self, ms: i64) -> Command {
        let mut inputs: Vec<Tensor> = Vec::new();
        while let Status::Wants(request) = self.episode.advance(SimTime(ms * 1_000_000 + 1)) {
            self.episode.inputs(request.id, Contract::ChunkRover, &mut inputs);
            let rows = inputs[2].data.chunks_exact(3).filter(|row| row[2] != 0.0);
            let n = self.asked.len();
            self.asked.push((request.captured.0 / 1_000_000, rows.map(|row| [row[0], row[1], row[2]]).collect()));
            let ms = self.takes.get(n).or(self.takes.last()).copied().unwrap_or_default();
            let service = request.service.unwrap_or(ServiceTime::compute(Span::from_ms(ms)));
            self.episode.deliver(Prediction { id: request.id, service, output: answer(4 - n % 4) });
        }
        self.episode.command()
    }
}

/// What a frozen row says of a command.
fn row(command: Command) -> [f32; 3] {
    let Command::Twist { linear, angular } = command else { unreachable!() };
    [(linear / 2.0) as f32, (angular / 2.0) as f32, 1.0]
}

#[test]
fn commands_take_hold_one_by_one_where_the_frozen_prefix_ends() {
    let chunks = Compensation::Chunks { every: None };
    let mut run = Run::new(lesson(chunks), Source::Fixed(Span::from_ms(170.0)), &[]);
    let initial = run.episode.command();
    // 170 ms are d = 4 steps of 50 ms.
    assert_eq!((run.at(0), run.at(170), run.at(199)), (initial, initial, initial));
    for (ms, speed, step) in
        [(200, 4, 4), (249, 4, 4), (250, 4, 5), (399, 4, 7), (400, 3, 4), (450, 3, 5), (600, 2, 4), (800, 1, 4)]
    {
        assert_eq!(run.at(ms), command(speed, step), "at {ms} ms");
    }
    // One at a time, s = d: and each is told what will hold until it can take over, which is known by then.
    let asked: Vec<i64> = run.asked.iter().map(|(ms, _)| *ms).collect();
    assert_eq!(asked, [0, 200, 400, 600, 800]);
    assert_eq!(run.asked[0].1, [[0f32; 3]; 0], "of the first delay nothing is known");
    assert_eq!(run.asked[1].1, [4, 5, 6, 7].map(|step| row(command(4, step))));
    assert_eq!(run.asked[2].1, [4, 5, 6, 7].map(|step| row(command(3, step))));
    let stats = run.episode.stats();
    assert!(stats.ran_out == 0 && stats.latencies.iter().all(|latency| latency.ms() == 200.0), "{stats:?}");
    // The others were captured all the same.
    let counts = run.episode.line().counts();
    assert_eq!((counts.captured, counts.applied, counts.dropped), (33, 4, 28));
}

#[test]
fn a_late_answer_enters_later_and_an_early_one_waits_for_its_prefix() {
    let chunks = Compensation::Chunks { every: None };
    // d = 4, 7, 2, and one of 1 s, which comes after the one before it has ended.
    let mut run = Run::new(lesson(chunks), Source::Measured, &[170.0, 320.0, 60.0, 1000.0, 20.0]);
    for (ms, speed, step) in [(200, 4, 4), (500, 4, 10), (549, 4, 10), (550, 3, 7)] {
        assert_eq!(run.at(ms), command(speed, step), "at {ms} ms");
    }
    // Asked at 550 ms and there at 610; but its first seven steps are frozen, as the last took seven.
    for (ms, speed, step) in [(650, 3, 9), (899, 3, 13), (900, 2, 7)] {
        assert_eq!(run.at(ms), command(speed, step), "at {ms} ms");
    }
    assert_eq!(run.asked[2].0, 550);
    assert_eq!(run.asked[2].1, [7, 8, 9, 10, 11, 12, 13].map(|step| row(command(3, step))));
    // The next was asked for at 650, when that one was in force, and comes d = 20 steps later: too late for any step of its own.
    assert_eq!(run.asked[3].0, 650);
    assert_eq!((run.at(1300), run.at(1649)), (command(2, 15), command(2, 15)), "the last command holds");
    assert_eq!(run.episode.stats().ran_out, 0);
    assert_eq!(run.at(1650), command(1, 15));
    assert_eq!(run.episode.stats().ran_out, 1);
}

#[test]
fn it_is_asked_as_rarely_as_one_says() {
    let chunks = Compensation::Chunks { every: Some(6) };
    let mut run = Run::new(lesson(chunks), Source::Service(Span::from_ms(170.0)), &[]);
    assert_eq!((run.at(500), run.at(799)), (command(3, 4), command(3, 9)));
    assert_eq!(run.asked.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), [0, 300, 600]);
}

#[test]
fn with_any_other_compensation_the_first_command_is_all_that_counts() {
    let mut run = Run::new(lesson(Compensation::Hold), Source::Fixed(Span::from_ms(20.0)), &[]);
    assert_eq!((run.at(20), run.at(45), run.at(69)), (command(4, 0), command(3, 0), command(3, 0)));
    assert!(run.asked.iter().all(|(_, frozen)| frozen.is_empty()) && run.asked.len() == 3);
}

#[test]
fn a_run_with_chunks_forks_and_repeats_bit_for_bit() {
    let chunks = Compensation::Chunks { every: None };
    let digest = |fork_at: Option<i64>| {
        let mut run = Run::new(lesson(chunks), Source::Fixed(Span::from_ms(170.0)), &[]);
        if let Some(ms) = fork_at {
            run.at(ms);
            run.episode = run.episode.clone();
        }
        run.at(1500);
        run.episode.digest()
    };
    assert_eq!(digest(None), digest(Some(230)));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let refused = |setup: Setup, ms: f64| {
        let episode = Episode::new(Arc::new(setup), Source::Fixed(Span::from_ms(ms)));
        episode.map(|_| ()).expect_err("refused").to_string()
    };
    let chunks = |every| lesson(Compensation::Chunks { every });
    assert!(refused(chunks(None), 401.0).contains("d = 9 steps of 50 ms late and is followed for s = 9 of its H = 16"));
    assert!(refused(chunks(Some(3)), 170.0).ends_with("d <= s must hold"));
    assert!(refused(chunks(Some(13)), 170.0).ends_with("s <= H - d must hold"));
    assert!(refused(Setup { pilot: PilotSpec::Expert, ..chunks(None) }, 10.0).contains("expert answers with one"));
    let mut queued = chunks(None);
    queued.line.schedule = timing::Schedule::Fifo { depth: 2 };
    assert!(matches!(Episode::new(Arc::new(queued), Source::ZERO), Err(EpisodeError::ChunksAlone)));
    // On the command line, with its place.
    let run = |model: &str, latency: &str| {
        let args = ["run", "lesson", "--model", model, "--latency", latency, "--compensation", "chunks"];
        let output = deadtime(&args);
        assert_eq!(output.status.code(), Some(2), "{model} {latency}");
        String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(run("pilot", "fixed:100").contains("pilot answers with one"));
}

#[test]
fn of_a_pilot_that_answers_with_one_command_the_study_leaves_chunks_out_and_says_why() {
    let args = ["study", "compensation", "braking", "--latency", "fixed:100", "--seeds", "2", "--json"];
    let study = json(&deadtime(&args));
    let left_out: Vec<&str> =
        study["left_out"].as_array().expect("a list").iter().filter_map(|why| why.as_str()).collect();
    assert!(left_out[0].starts_with("chunks: ") && left_out[0].contains("brake_on_sight answers with one"), "{study}");
    let ways = study["ways"].as_array().expect("ways");
    assert!(ways.len() == 6 && ways.iter().all(|way| way["way"] != "chunks" && way["ran_out"] == 0), "{study}");
}

/// The network that ships: on a device that is busy for 350 ms it passes between boxes that it hits when it holds its last command.
#[test]
fn chunks_pass_where_holding_collides() {
    let args =
        ["study", "compensation", "slalom", "--model", "chunks", "--latency", "service:350", "--seeds", "6", "--json"];
    let study = json(&deadtime(&[&args[..], &["--compensation", "hold,chunks"]].concat()));
    let ways = study["ways"].as_array().expect("ways");
    let of = |name: &str| &ways.iter().find(|way| way["way"] == name).expect("the way")["driven"];
    assert!(of("hold")["collisions"].as_u64() >= Some(4), "{study}");
    assert!(of("chunks")["successes"] == 6 && of("chunks")["collisions"] == 0, "{study}");
}
