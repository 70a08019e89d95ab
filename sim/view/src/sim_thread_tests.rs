#![allow(clippy::disallowed_methods, reason = "waiting for a thread takes wall time")]

use episode::{Change, Driver, Entry, Episode, Pumped, Supply};
use scenario::PilotSpec;
use timing::{Schedule, Source, Span};

use super::*;
use crate::snapshot::Phase;
use crate::{Choice, Kept, Launched};

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
}

/// What was passed on for the log.
#[derive(Default)]
struct Recorded {
    digests: Vec<u64>,
    ends: usize,
}

impl Launcher for Course {
    fn launch(&mut self, settings: &Settings, _: Option<Supply>) -> Result<Launched, String> {
        if settings.scenario != "box" {
            return Err(format!("found no scenario `{}`; expected box", settings.scenario));
        }
        let mut setup = scenario::parse(COURSE, "box.toml").unwrap().setup(settings.seed).unwrap();
        setup.pilot = PilotSpec::Straight;
        let source = self.source(&settings.latency)?;
        Ok(Launched {
            episode: Episode::new(Arc::new(setup), source).map_err(|e| e.to_string())?,
            driver: Driver::new(Supply::Nobody),
            settings: settings.clone(),
            runtime_line: String::new(),
            model_line: String::new(),
            calibration: None,
        })
    }

    fn settings(&mut self, scenario: &str) -> Result<Settings, String> {
        Ok(Settings { scenario: scenario.into(), ..crate::desk::tests::settings() })
    }

    fn scenarios(&self) -> Vec<Choice> {
        vec![]
    }

    fn models(&self) -> Vec<Choice> {
        vec![]
    }

    fn runtimes(&self) -> Vec<Choice> {
        vec![]
    }

    fn profiles(&self) -> Vec<Choice> {
        vec![]
    }

    fn source(&mut self, latency: &Latency) -> Result<Source, String> {
        match latency {
            Latency::Fixed(ms) => Ok(Source::Fixed(Span::from_ms(*ms))),
            Latency::Service(ms) => Ok(Source::Service(Span::from_ms(*ms))),
            _ => Err("found another latency; expected fixed or service".into()),
        }
    }

    fn record(&mut self, _: &Episode, entries: Vec<Entry>, over: bool) {
        let mut recorded = self.recorded.lock().unwrap();
        let digest = |entry: &Entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None };
        recorded.digests.extend(entries.iter().filter_map(digest));
        recorded.ends += usize::from(over);
    }

    fn kept(&mut self) -> Kept {
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

/// The same change at the same instant, without a thread.
fn headless(change: Option<(SimTime, Change)>) -> u64 {
    let Launched { mut episode, mut driver, .. } = Course::default().launch(&settings(1.0), None).unwrap();
    if let Some((at, change)) = change {
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
    tell(&thread, Order::Launch(settings(8.0)));
    wait(&thread, "end", over);
    // A change that cannot be made is a notice, and the run goes on.
    tell(&thread, Order::Launch(settings(0.1)));
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
