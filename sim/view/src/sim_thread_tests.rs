#![allow(clippy::disallowed_methods, reason = "waiting for a thread takes wall time")]

use episode::{Change, Driver, Entry, Episode, NewPilot, Pumped, Supply, Turn};
use runtime::{Engine, EngineInfo, ModelInfo, Rung, RuntimeError, Tensor, Worker};
use scenario::PilotSpec;
use timing::{Schedule, ServiceTime, SimTime, Source, Span};

use super::*;
use crate::snapshot::{Blaming, Phase};
use crate::{Choices, Kept, Launched};

const COURSE: &str = r#"
    title = "A box on the way"
    duration_s = 1.5
    [robot]
    speed = 2.0
    [[box]]
    x = 2.0
    y = 0.0
    length = 0.4
    width = 0.6
    [controller]
    pilot = "straight"
    [latency]
    source = "fixed:100"
"#;

#[derive(Default)]
struct Course {
    recorded: Arc<Mutex<Recorded>>,
    /// Whether a network runs while another decides, and how long it takes.
    network: Option<Duration>,
    /// The lanes whose fault was asked for.
    blamed: Vec<usize>,
    /// From which lane to which.
    forks: Arc<Mutex<Vec<(usize, usize)>>>,
}

/// The modelled network of a name.
fn network(name: &str) -> Option<Arc<timing::Network>> {
    scenario::network(name).unwrap().map(Arc::new)
}

/// A network that takes so long and answers nothing.
struct Slow(EngineInfo, Duration);

impl Engine for Slow {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    fn infer(&mut self, _: &[Tensor], _: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        let began = Instant::now();
        std::thread::sleep(self.1);
        Ok(ServiceTime::compute(Span(began.elapsed().as_nanos() as i64)))
    }
}

impl Slow {
    fn worker(takes: Duration) -> Worker {
        let model = ModelInfo { path: "slow".into(), sha256: String::new(), inputs: vec![], outputs: vec![], bytes: 0 };
        let info = EngineInfo::new(Rung::Rten, model);
        Worker::spawn(Box::new(Self(info, takes)))
    }
}

/// What was passed on for the log.
#[derive(Default)]
struct Recorded {
    digests: Vec<u64>,
    ends: usize,
}

impl Launcher for Course {
    fn launch(&mut self, _: usize, settings: &Settings, _: Option<Supply>) -> Result<Launched, String> {
        if settings.scenario != "box" {
            return Err(format!("found no scenario `{}`; expected box", settings.scenario));
        }
        let mut setup = scenario::parse(COURSE, "box.toml").unwrap().setup(settings.seed).unwrap();
        let source = self.source(0, &settings.latency)?;
        let (pilot, supply) = match self.network {
            _ if settings.model.as_deref() == Some("expert") => (PilotSpec::Expert, Supply::Nobody),
            None => (PilotSpec::Straight, Supply::Nobody),
            Some(takes) => (
                PilotSpec::Network { model: "slow".into() },
                Supply::Worker { worker: Slow::worker(takes), contract: None },
            ),
        };
        setup.pilot = pilot;
        setup.line.network = settings.link.as_deref().and_then(network);
        Ok(Launched {
            episode: Episode::new(Arc::new(setup), source).map_err(|e| e.to_string())?,
            driver: Driver::new(supply),
            settings: settings.clone(),
            runtime_line: String::new(),
            model_line: String::new(),
            calibration: None,
        })
    }

    fn fork(&mut self, lane: usize, settings: &Settings, from: usize) -> Result<Launched, String> {
        self.forks.lock().unwrap().push((from, lane));
        self.launch(lane, settings, None)
    }

    fn settings(&mut self, scenario: &str) -> Result<Settings, String> {
        Ok(Settings { scenario: scenario.into(), ..crate::desk::tests::settings() })
    }

    fn choices(&self) -> Choices {
        Choices::default()
    }

    fn source(&mut self, _: usize, latency: &Latency) -> Result<Source, String> {
        match latency {
            Latency::Fixed(ms) => Ok(Source::Fixed(Span::from_ms(*ms))),
            Latency::Service(ms) => Ok(Source::Service(Span::from_ms(*ms))),
            Latency::Measured if self.network.is_some() => Ok(Source::Measured),
            _ => Err("found another latency; expected fixed or service".into()),
        }
    }

    fn record(&mut self, lane: usize, _: &Episode, entries: Vec<Entry>, over: bool) {
        if lane > 0 {
            return;
        }
        let mut recorded = self.recorded.lock().unwrap();
        let digest = |entry: &Entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None };
        recorded.digests.extend(entries.iter().filter_map(digest));
        recorded.ends += usize::from(over);
    }

    fn blame(&mut self, lane: usize) {
        self.blamed.push(lane);
    }

    fn blaming(&mut self, lane: usize) -> Blaming {
        let told = self.blamed.contains(&lane);
        if told { Blaming::Failed(format!("of lane {lane}")) } else { Blaming::Idle }
    }

    fn kept(&mut self, _: usize) -> Kept {
        Kept { command: format!("{} ended", self.recorded.lock().unwrap().ends), ..Kept::default() }
    }
}

fn settings(speed: f64) -> Settings {
    Settings { scenario: "box".into(), speed, schedule: Schedule::Newest, ..crate::desk::tests::settings() }
}

fn wait(thread: &SimThread, what: &str, until: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let newest = thread.newest();
        if until(&newest) {
            return newest;
        }
        assert!(Instant::now() < give_up, "{what}: {:?}", newest.phase);
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn tell(thread: &SimThread, order: Order) {
    assert_eq!(thread.order(order), None);
}

fn digest(snapshot: &Snapshot) -> u64 {
    match &snapshot.phase {
        Phase::Over(ending) => ending.digest,
        other => panic!("{other:?}"),
    }
}

fn over(snapshot: &Snapshot) -> bool {
    matches!(snapshot.phase, Phase::Over(_))
}

/// The same changes at the same instant, without a thread.
fn headless(changes: impl IntoIterator<Item = (SimTime, Change)>) -> u64 {
    let Launched { mut episode, mut driver, .. } = Course::default().launch(0, &settings(1.0), None).unwrap();
    for (at, change) in changes {
        driver.pump(&mut episode, at, Duration::ZERO);
        episode.change(change);
    }
    while driver.pump(&mut episode, SimTime::NEVER, Duration::ZERO) != Pumped::Over {}
    episode.digest()
}

#[test]
fn the_speed_of_play_changes_nothing() {
    let expected = headless(None);
    for speed in [0.5, 1.0, 8.0] {
        let thread = SimThread::start(Box::new(Course::default()), settings(speed), false).unwrap();
        assert_eq!(digest(&wait(&thread, "end", over)), expected, "at {speed}");
    }
}

#[test]
fn an_edit_takes_hold_when_the_command_line_says_so() {
    let at = SimTime(400_000_000);
    let expected = headless(Some((at, Change::Source(Source::Service(Span::from_ms(70.0))))));
    let thread = SimThread::start(Box::new(Course::default()), settings(2.0), true).unwrap();
    tell(&thread, Order::Hold(Some(at)));
    wait(&thread, "hold", |s| s.scene.as_ref().is_some_and(|scene| scene.playback.held && scene.now == at));
    tell(&thread, Order::Change(Knob::Latency(Latency::Service(70.0))));
    tell(&thread, Order::Hold(None));
    assert_eq!(digest(&wait(&thread, "end", over)), expected);
    assert_ne!(expected, headless(None));
}

#[test]
fn a_pause_holds_time_and_a_step_is_one_tick() {
    let thread = SimThread::start(Box::new(Course::default()), settings(0.1), false).unwrap();
    wait(&thread, "start", |s| s.scene.as_ref().is_some_and(|scene| scene.now > SimTime::ZERO));
    tell(&thread, Order::Pause(true));
    let paused = wait(&thread, "pause", |s| s.scene.as_ref().is_some_and(|scene| scene.playback.paused));
    let at = paused.scene.as_ref().unwrap().now;
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(thread.newest().scene.as_ref().unwrap().now, at);
    tell(&thread, Order::Step);
    let stepped = wait(&thread, "step", |s| s.scene.as_ref().is_some_and(|scene| scene.now > at));
    let by = stepped.scene.as_ref().unwrap().now - at;
    assert!(by <= Span(4_166_667), "{by}");
}

#[test]
fn a_failure_is_said_and_got_over() {
    let thread =
        SimThread::start(Box::new(Course::default()), Settings { scenario: "bax".into(), ..settings(8.0) }, false)
            .unwrap();
    let failed = wait(&thread, "failure", |s| matches!(s.phase, Phase::Failed(_)));
    assert_eq!(failed.phase, Phase::Failed("found no scenario `bax`; expected box".into()));
    tell(&thread, Order::Launch(settings(8.0).into()));
    wait(&thread, "end", over);
    // A change that cannot be made is a notice, and the run goes on.
    tell(&thread, Order::Launch(settings(0.1).into()));
    wait(&thread, "start", |s| s.phase == Phase::Live);
    tell(&thread, Order::Change(Knob::Latency(Latency::Measured)));
    let told = wait(&thread, "notice", |s| !s.notice.is_empty());
    assert_eq!(told.phase, Phase::Live);
}

#[test]
fn a_pause_survives_a_new_run_and_the_end_is_prompt() {
    let thread = SimThread::start(Box::new(Course::default()), settings(1.0), false).unwrap();
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Open("box".into()));
    let newest = wait(&thread, "second run", |s| s.run == 2 && s.scene.is_some());
    assert_eq!(newest.scene.as_ref().unwrap().now, SimTime::ZERO);
    let began = Instant::now();
    drop(thread);
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[test]
fn all_that_happens_is_passed_on_for_the_log_and_the_end_once() {
    let course = Course::default();
    let recorded = course.recorded.clone();
    let thread = SimThread::start(Box::new(course), settings(8.0), false).unwrap();
    let ended = wait(&thread, "end", over);
    // What becomes of the log is shown after the end too.
    wait(&thread, "log", |s| s.log.command == "1 ended");
    let recorded = recorded.lock().unwrap();
    assert_eq!(recorded.digests.last(), Some(&digest(&ended)));
    // 240 ticks a second, from the first on.
    let Phase::Over(ending) = &ended.phase else { unreachable!() };
    assert_eq!(recorded.digests.len(), (ending.seconds * 240.0).round() as usize);
}

/// Where time stands.
fn stands(at: f64) -> impl Fn(&Snapshot) -> bool {
    move |s| s.scene.as_ref().is_some_and(|scene| (scene.now.secs() - at).abs() < 1e-9)
}

/// A run that stands at an instant, exactly.
fn standing(at: f64) -> SimThread {
    let thread = SimThread::start(Box::<Course>::default(), settings(8.0), true).unwrap();
    tell(&thread, Order::Hold(Some(SimTime::ZERO + Span::from_secs(at))));
    wait(&thread, "hold", stands(at));
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Hold(None));
    thread
}

#[test]
fn where_time_stands_a_change_is_another_future_and_both_play_on() {
    let thread = standing(0.4);
    tell(&thread, Order::Change(Knob::Latency(Latency::Service(30.0))));
    let forked = wait(&thread, "fork", |s| s.lanes.len() == 2);
    assert_eq!((forked.focus, forked.lanes[1].equal_until), (1, None));
    assert_eq!(forked.lanes[1].differs, ["latency service:30"]);
    // The next change at the same moment is one of the fork.
    tell(&thread, Order::Change(Knob::Cruise(0.5)));
    wait(&thread, "change", |s| s.lanes.len() == 2 && s.lanes[1].differs.len() == 2);
    tell(&thread, Order::Pause(false));
    let ended = wait(&thread, "end", over);
    let at = SimTime::ZERO + Span::from_secs(0.4);
    assert_eq!(digest(&wait(&thread, "focus", over)), digest(&ended));
    assert_eq!(ended.timeline.forks, [(1, at)]);
    assert_eq!(ended.timeline.ends.len(), 2);
    assert!(ended.lanes.iter().all(|lane| lane.outcome.is_some()));
    // The lane that was forked went on as if nothing had been.
    tell(&thread, Order::Focus(0));
    let first = wait(&thread, "the first", |s| s.focus == 0);
    assert_eq!(digest(&first), headless(None));
}

fn pilot(model: &str) -> Order {
    Order::Equip(Settings { model: Some(model.into()), ..settings(8.0) }.into())
}

#[test]
fn where_time_stands_another_pilot_takes_over_in_a_fork() {
    let course = Course::default();
    let forks = course.forks.clone();
    let thread = SimThread::start(Box::new(course), settings(8.0), true).unwrap();
    let at = SimTime(400_000_000);
    tell(&thread, Order::Hold(Some(at)));
    wait(&thread, "hold", stands(0.4));
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Hold(None));
    tell(&thread, pilot("straight"));
    wait(&thread, "fork", |s| s.lanes.len() == 2 && s.lanes[1].differs == ["model straight"]);
    // Before time goes on it is the same fork, whatever is changed in it, and keeps what was changed before.
    tell(&thread, Order::Change(Knob::Latency(Latency::Service(30.0))));
    tell(&thread, pilot("expert"));
    let both = ["model expert", "latency service:30"];
    let forked = wait(&thread, "change", |s| s.lanes.len() == 2 && s.lanes[1].differs == both);
    assert_eq!((forked.focus, &forked.lanes[0].differs[0][..]), (1, "model the scenario's"));
    assert_eq!(*forks.lock().unwrap(), [(0, 1), (1, 1)]);
    // One more, from there: it has the pilot of the one it leaves.
    tell(&thread, Order::Fork);
    wait(&thread, "another", |s| s.lanes.len() == 3 && s.focus == 2);
    tell(&thread, Order::Pause(false));
    let ended = wait(&thread, "end", over);
    let new = NewPilot { pilot: PilotSpec::Expert, runtime: "auto".into(), graph: "all".into() };
    let changes = [Change::Source(Source::Service(Span::from_ms(30.0))), Change::Pilot(new)];
    let expected = headless(changes.map(|change| (at, change)));
    assert_eq!([1, 2].map(|lane: usize| ended.lanes[lane].digest), [expected; 2]);
    assert_eq!(ended.lanes[0].digest, headless(None));
    assert_ne!(ended.lanes[0].digest, ended.lanes[1].digest);
}

#[test]
fn where_time_stands_another_link_is_another_future() {
    let thread = standing(0.4);
    tell(&thread, Order::Equip(Settings { link: Some("cloud-far".into()), ..settings(8.0) }.into()));
    wait(&thread, "fork", |s| s.lanes.len() == 2 && s.lanes[1].differs == ["link cloud-far"]);
    tell(&thread, Order::Pause(false));
    let ended = wait(&thread, "end", over);
    let expected = headless([(SimTime(400_000_000), Change::Network(network("cloud-far")))]);
    assert_eq!([0, 1].map(|lane: usize| ended.lanes[lane].digest), [headless(None), expected]);
    assert_ne!(expected, headless(None));
}

#[test]
fn whoever_asks_nobody_takes_over_from_a_network_that_is_still_asked() {
    let course = Course { network: Some(Duration::from_millis(3)), ..Course::default() };
    let thread = SimThread::start(Box::new(course), settings(4.0), true).unwrap();
    tell(&thread, Order::Hold(Some(SimTime(400_000_000))));
    wait(&thread, "hold", stands(0.4));
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Hold(None));
    tell(&thread, pilot("expert"));
    wait(&thread, "fork", |s| s.lanes.len() == 2);
    tell(&thread, Order::Pause(false));
    let ended = wait(&thread, "end", over);
    assert!(ended.lanes.iter().all(|lane| lane.outcome.is_some()));
}

#[test]
fn where_time_runs_another_pilot_begins_anew() {
    let thread = SimThread::start(Box::<Course>::default(), settings(0.1), false).unwrap();
    wait(&thread, "running", |s| s.scene.as_ref().is_some_and(|scene| scene.now > SimTime::ZERO));
    tell(&thread, pilot("expert"));
    let anew = wait(&thread, "launch", |s| s.run == 2);
    assert_eq!((anew.lanes.len(), anew.settings.model.as_deref(), anew.settings.speed), (1, Some("expert"), 0.1));
}

#[test]
fn a_moment_is_looked_at_again_and_play_goes_on_from_there_to_the_same_end() {
    let thread = SimThread::start(Box::<Course>::default(), settings(8.0), false).unwrap();
    let ended = wait(&thread, "end", over);
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Scrub(SimTime::ZERO + Span::from_secs(0.3)));
    let past = wait(&thread, "past", stands(0.3));
    assert_eq!(past.phase, Phase::Live);
    assert!(past.timeline.past() && past.lanes[0].outcome.is_none());
    tell(&thread, Order::Pause(false));
    let again = wait(&thread, "end again", over);
    assert_eq!(digest(&again), digest(&ended));
    assert!(!again.timeline.past());
}

#[test]
fn a_change_in_the_past_leaves_what_was() {
    let thread = SimThread::start(Box::<Course>::default(), settings(8.0), false).unwrap();
    let ended = wait(&thread, "end", over);
    tell(&thread, Order::Pause(true));
    tell(&thread, Order::Scrub(SimTime::ZERO + Span::from_secs(0.2)));
    wait(&thread, "past", stands(0.2));
    tell(&thread, Order::Change(Knob::Latency(Latency::Fixed(10.0))));
    let forked = wait(&thread, "fork", |s| s.lanes.len() == 2);
    assert!(stands(0.2)(&forked));
    tell(&thread, Order::Pause(false));
    let both = wait(&thread, "both ends", |s| over(s) && s.lanes.len() == 2);
    tell(&thread, Order::Focus(0));
    let first = wait(&thread, "the first", |s| s.focus == 0);
    assert_eq!(digest(&first), digest(&ended));
    assert_eq!(both.focus, 1);
}

#[test]
fn a_race_is_from_the_start_and_in_step() {
    let thread = SimThread::start(Box::<Course>::default(), settings(1.0), false).unwrap();
    wait(&thread, "running", |s| s.scene.as_ref().is_some_and(|scene| scene.now.secs() > 0.1));
    let other = Settings { latency: Latency::Fixed(5.0), ..settings(1.0) };
    tell(&thread, Order::Race(Box::new(other)));
    let two = wait(&thread, "race", |s| s.run == 2 && s.lanes.len() == 2);
    assert!(two.scene.as_ref().unwrap().now.secs() < 0.1);
    assert_eq!(two.lanes[1].differs, ["latency fixed:5"]);
    // A new seed is for all; closing one leaves the other as it goes.
    tell(&thread, Order::Launch(Settings { seed: 9, ..two.settings.clone() }.into()));
    let three = wait(&thread, "seed", |s| s.run == 3 && s.lanes.len() == 2);
    assert_eq!(three.settings.seed, 9);
    tell(&thread, Order::Close(1));
    let one = wait(&thread, "closed", |s| s.lanes.len() == 1);
    assert_eq!((one.focus, one.settings.latency.clone(), one.settings.seed), (0, Latency::Fixed(100.0), 9));
    tell(&thread, Order::Open("box".into()));
    wait(&thread, "opened", |s| s.run == 4 && s.lanes.len() == 1);
}

#[test]
fn lanes_that_run_networks_wait_for_their_turn_and_never_for_good() {
    // Longer than a lane may be ahead of the others: whoever has the turn is ahead of those who wait for it when it ends.
    let takes = Duration::from_millis(12);
    assert!(takes.as_nanos() > crate::lane::AHEAD.0 as u128);
    let course = Course { network: Some(takes), ..Course::default() };
    let measured = Settings { latency: Latency::Measured, ..settings(4.0) };
    let thread = SimThread::start(Box::new(course), measured.clone(), false).unwrap();
    for lanes in 2..=4 {
        tell(&thread, Order::Race(Box::new(Settings { seed: lanes, ..measured.clone() })));
    }
    let ended = wait(&thread, "end", |s| over(s) && s.lanes.len() == 4);
    assert!(ended.lanes.iter().all(|lane| lane.outcome.is_some()));
}

#[test]
fn a_lane_that_is_over_keeps_nobody_from_the_turn() {
    let turn = Turn::default();
    let lane = || {
        let mut course = Course { network: Some(Duration::from_millis(30)), ..Course::default() };
        let measured = Settings { latency: Latency::Measured, ..settings(1.0) };
        let mut launched = course.launch(0, &measured, None).unwrap();
        launched.driver.take_turns(&turn);
        launched
    };
    let (mut first, mut second) = (lane(), lane());
    let play = |lane: &mut Launched| lane.driver.pump(&mut lane.episode, SimTime::NEVER, Duration::from_millis(1));
    while play(&mut first) != Pumped::Over {}
    assert!(first.driver.outstanding().next().is_some(), "its network still runs");
    assert_eq!(play(&mut second), Pumped::Waiting, "one at a time");
    let give_up = Instant::now() + Duration::from_secs(30);
    while play(&mut second) != Pumped::Over {
        first.driver.rest();
        assert!(Instant::now() < give_up, "the second never had its turn");
    }
}

#[test]
fn whose_fault_it_was_is_told_of_the_lane_in_focus_only() {
    let thread = standing(0.1);
    tell(&thread, Order::Fork);
    wait(&thread, "fork", |s| s.focus == 1);
    tell(&thread, Order::Blame);
    wait(&thread, "blame", |s| s.blame == Blaming::Failed("of lane 1".into()));
    tell(&thread, Order::Focus(0));
    wait(&thread, "the other lane", |s| s.focus == 0 && s.blame == Blaming::Idle);
    tell(&thread, Order::Focus(1));
    wait(&thread, "and back", |s| s.focus == 1 && s.blame == Blaming::Failed("of lane 1".into()));
}

#[test]
fn four_lanes_are_the_most() {
    let thread = standing(0.1);
    for lanes in 2..=4 {
        tell(&thread, Order::Fork);
        wait(&thread, "fork", |s| s.lanes.len() == lanes);
    }
    tell(&thread, Order::Fork);
    let newest = wait(&thread, "notice", |s| s.notice.contains("4 lanes") && s.refused == 1);
    assert_eq!(newest.lanes.iter().map(|lane| lane.place).collect::<Vec<_>>(), [0, 1, 2, 3]);
    tell(&thread, Order::Close(1));
    wait(&thread, "closed", |s| s.lanes.len() == 3);
    tell(&thread, Order::Fork);
    let places = wait(&thread, "again", |s| s.lanes.len() == 4);
    assert_eq!(places.lanes.iter().map(|lane| lane.place).collect::<Vec<_>>(), [0, 2, 3, 1]);
}
