//! The delay line against an independent reading of the contract.
//!
//! The model below was written from the contract's page, not from `line.rs`, and is built differently on purpose: it
//! knows every capture from the start, keeps one flat list of frames, and at each instant scans all of them, phase by
//! phase, until nothing changes. A pipeline is three servers that frames walk through, not a closed form.
//!
//! `DEADTIME_CASES` sets how many cases are drawn (10,000 without it), `DEADTIME_SEED` runs the one that failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use timing::{
    Clock, Control, Counts, Event, Fate, Frame, Line, LineConfig, Rate, Sample, Schedule, ServiceTime, SimTime, Source,
    Span, Trace,
};

/// What would become of an inference without a deadline.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Takes(ServiceTime),
    /// The worker dies this long after the start.
    Dies(i64),
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Occupies(bool),
    Deadline(Option<i64>),
}

#[derive(Clone, Debug)]
struct Case {
    config: LineConfig,
    occupies: bool,
    /// Whether service times are known when an inference starts.
    known: bool,
    /// By frame, on the device; and under pure delay too where times are not known at the start.
    outcomes: Vec<Outcome>,
    /// The pure delay where times are known at the start.
    fixed: Span,
    edits: Vec<(i64, Edit)>,
    until: i64,
}

impl Case {
    fn outcome(&self, frame: usize, occupies: bool) -> Outcome {
        if self.known && !occupies { Outcome::Takes(ServiceTime::compute(self.fixed)) } else { self.outcomes[frame] }
    }

    fn source(&self, occupies: bool, seed: u64) -> Source {
        match (self.known, occupies) {
            (true, true) => Source::Replay(Arc::new(self.trace())),
            (true, false) => Source::Fixed(self.fixed),
            (false, true) if seed.is_multiple_of(2) => Source::Measured,
            (false, occupies) => Source::Recorded { occupies },
        }
    }

    fn trace(&self) -> Trace {
        let sample = |(frame, outcome): (usize, &Outcome)| match *outcome {
            Outcome::Takes(service) => Sample { frame: frame as u64, idle: Span::ZERO, service },
            Outcome::Dies(_) => unreachable!("a worker dies only where it is measured"),
        };
        Trace { samples: self.outcomes.iter().enumerate().map(sample).collect(), ..Trace::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Captured(usize),
    /// The frame, and how many are inferred with it.
    Started(usize, usize),
    Finished(usize),
    Ended(usize, Fate),
}

/// A frame of the model.
#[derive(Clone, Debug, Default)]
struct Life {
    c: i64,
    r: i64,
    captured: bool,
    queued: bool,
    s: Option<i64>,
    f: Option<i64>,
    a: Option<i64>,
    fate: Option<Fate>,
    occupies: bool,
    /// What is left to do, the present server's duration first.
    steps: Vec<i64>,
    step_ends: i64,
    server: usize,
    lost_at: Option<i64>,
    passengers: Vec<usize>,
    /// The newest frame of its batch, if that is another.
    rides_with: Option<usize>,
}

impl Life {
    fn waits(&self) -> bool {
        self.queued && self.s.is_none() && self.fate.is_none()
    }

    fn runs(&self) -> bool {
        self.s.is_some() && self.f.is_none() && self.fate.is_none() && self.rides_with.is_none()
    }
}

fn periodic(clock: Clock, k: u64) -> i64 {
    clock.phase.0 + (u128::from(k) * 1_000_000_000_000 / (clock.rate.hz() * 1e3).round() as u128) as i64
}

/// The model: every frame's life, and what happened in which order.
fn reference(case: &Case) -> (Vec<Life>, Vec<(i64, Entry)>) {
    let config = &case.config;
    let life = |k| {
        let c = periodic(config.capture, k);
        Life { c, r: c + config.sensing.0 + config.link_out.0, ..Life::default() }
    };
    let mut all: Vec<Life> = (0..1_000).map(life).take_while(|life| life.c <= case.until).collect();
    let mut agenda: BTreeSet<i64> = all.iter().flat_map(|l| [l.c, l.r]).chain(case.edits.iter().map(|e| e.0)).collect();
    let (mut occupies, mut deadline, mut log) = (case.occupies, config.deadline.map(|d| d.0), Vec::new());
    while let Some(t) = agenda.pop_first().filter(|&t| t <= case.until) {
        for (_, edit) in case.edits.iter().filter(|(at, _)| *at == t) {
            match *edit {
                Edit::Occupies(yes) => occupies = yes,
                Edit::Deadline(new) => deadline = new,
            }
        }
        let mut quiet = false;
        while !quiet {
            quiet = true;
            // Finish. A frame that is done with a server holds it until the next one is free.
            loop {
                // Whoever is lost at this instant leaves its server at this instant.
                let stays = |l: &Life| l.runs() && l.occupies && l.lost_at.is_none_or(|at| at > t);
                let free = |server| !all.iter().any(|l| stays(l) && l.server == server);
                let done: Vec<usize> = (0..all.len()).filter(|&i| all[i].runs() && all[i].step_ends <= t).collect();
                if let Some(&i) = done.iter().find(|&&i| all[i].steps.len() > 1 && free(all[i].server + 1)) {
                    all[i].steps.remove(0);
                    all[i].server += 1;
                    all[i].step_ends = t + all[i].steps[0];
                    agenda.insert(all[i].step_ends);
                } else if let Some(&i) = done.iter().find(|&&i| all[i].steps.len() == 1) {
                    let back = t + config.link_back.0;
                    let instant = match config.control {
                        Control::Event => back,
                        Control::Periodic(clock) => {
                            (0..10_000).map(|k| periodic(clock, k)).find(|&e| e >= back).unwrap()
                        }
                    };
                    (all[i].f, all[i].a) = (Some(t), Some(instant + config.dead_time.0));
                    agenda.insert(instant + config.dead_time.0);
                    log.push((t, Entry::Finished(i)));
                    for p in all[i].passengers.clone() {
                        (all[p].f, all[p].fate) = (Some(t), Some(Fate::Superseded));
                        log.push((t, Entry::Ended(p, Fate::Superseded)));
                    }
                } else {
                    break;
                }
                quiet = false;
            }
            // Loss.
            for i in 0..all.len() {
                if all[i].runs() && all[i].lost_at.is_some_and(|at| at <= t) {
                    for lost in [vec![i], all[i].passengers.clone()].concat() {
                        all[lost].fate = Some(Fate::Lost);
                        log.push((t, Entry::Ended(lost, Fate::Lost)));
                    }
                    quiet = false;
                }
            }
            // Apply, by c.
            for i in 0..all.len() {
                if all[i].fate.is_none() && all[i].a.is_some_and(|a| a <= t) {
                    let late = all.iter().any(|l| l.fate == Some(Fate::Applied) && l.c > all[i].c);
                    let fate = if late { Fate::Superseded } else { Fate::Applied };
                    all[i].a = all[i].a.filter(|_| !late);
                    all[i].fate = Some(fate);
                    log.push((t, Entry::Ended(i, fate)));
                    quiet = false;
                }
            }
            // Capture.
            for (i, life) in all.iter_mut().enumerate().filter(|(_, life)| !life.captured && life.c <= t) {
                life.captured = true;
                log.push((t, Entry::Captured(i)));
                quiet = false;
            }
            // Arrive.
            for i in 0..all.len() {
                if all[i].captured && !all[i].queued && all[i].r <= t {
                    let busy = all.iter().any(|l| l.runs() && l.occupies);
                    let mut waiting: Vec<usize> = (0..all.len()).filter(|&j| all[j].waits()).collect();
                    all[i].queued = true;
                    let dropped = match config.schedule {
                        _ if !occupies => vec![],
                        Schedule::Newest | Schedule::Pipeline => waiting,
                        Schedule::Skip => Vec::from_iter(busy.then_some(i)),
                        // Depth excludes the frame in service, and the one that an idle device is about to take.
                        Schedule::Fifo { depth } => {
                            Vec::from_iter((waiting.len() >= depth + usize::from(!busy)).then_some(i))
                        }
                        Schedule::Batch { n, timeout } => {
                            agenda.insert(t + timeout.0);
                            waiting.truncate((waiting.len() + 1).saturating_sub(n));
                            waiting
                        }
                    };
                    for d in dropped {
                        all[d].fate = Some(Fate::Dropped);
                        log.push((t, Entry::Ended(d, Fate::Dropped)));
                    }
                    quiet = false;
                }
            }
            // Start: the device takes one inference at a time.
            let waiting: Vec<usize> = (0..all.len()).filter(|&j| all[j].waits()).collect();
            let taken = |pipeline: bool| all.iter().any(|l| l.runs() && l.occupies && (!pipeline || l.server == 0));
            let Some(&oldest) = waiting.first() else { continue };
            let frames = match config.schedule {
                _ if !occupies => vec![oldest],
                schedule if taken(schedule == Schedule::Pipeline) => continue,
                Schedule::Batch { n, timeout } if waiting.len() < n && t < all[oldest].r + timeout.0 => continue,
                Schedule::Batch { .. } => waiting,
                _ => vec![oldest],
            };
            let (&i, passengers) = frames.split_last().unwrap();
            for &p in &frames {
                (all[p].s, all[p].rides_with) = (Some(t), Some(i).filter(|&i| i != p));
            }
            let (steps, dies) = match case.outcome(i, occupies) {
                Outcome::Takes(s) if occupies && config.schedule == Schedule::Pipeline => {
                    (vec![s.pre.0, s.host_to_device.0 + s.compute.0 + s.device_to_host.0, s.post.0], None)
                }
                Outcome::Takes(s) => {
                    (vec![s.pre.0 + s.host_to_device.0 + s.compute.0 + s.device_to_host.0 + s.post.0], None)
                }
                Outcome::Dies(after) => (vec![i64::MAX / 2], Some(t + after)),
            };
            let life = &mut all[i];
            (life.passengers, life.occupies, life.step_ends) = (passengers.to_vec(), occupies, t + steps[0]);
            life.lost_at = dies.into_iter().chain(deadline.map(|d| t + d)).min();
            agenda.extend([life.step_ends].into_iter().chain(life.lost_at));
            life.steps = steps;
            log.push((t, Entry::Started(i, frames.len())));
            quiet = false;
        }
    }
    (all, log)
}

/// The line under test, driven the way the episode drives it: one event at a time, asking anew for the next instant.
#[derive(Clone)]
struct Run<'a> {
    case: &'a Case,
    seed: u64,
    random: Random,
    line: Line,
    now: i64,
    edits: usize,
    deadline: Option<i64>,
    /// Started inferences whose end the line does not know: frame, start, deadline and outcome.
    pending: Vec<(usize, i64, Option<i64>, Outcome)>,
    log: Vec<(i64, Entry)>,
    ended: Vec<Frame>,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case, seed: u64) -> Self {
        let line = Line::new(case.config.clone(), case.source(case.occupies, seed));
        let deadline = case.config.deadline.map(|d| d.0);
        let random = Random(seed ^ 0x5eed);
        Self { case, seed, random, line, now: 0, edits: 0, deadline, pending: vec![], log: vec![], ended: vec![] }
    }

    /// Tells the line how an inference ends: at any moment between its start and that end.
    fn deliver(&mut self) {
        let mut waiting = std::mem::take(&mut self.pending);
        waiting.retain(|&(id, s, deadline, outcome)| {
            let (service, length) = match outcome {
                Outcome::Takes(service) => (Some(service), service.total().0),
                Outcome::Dies(after) => (None, after),
            };
            let end = s + deadline.map_or(length, |d| d.min(length));
            // In a pipeline the first server is free long before the end, so nothing may happen after an unknown start,
            // and a loss without stage times would not say which server was held.
            let pipeline = self.case.config.schedule == Schedule::Pipeline;
            let must = pipeline || self.line.peek().0.max(self.now) >= end;
            if !must && self.random.below(3) > 0 {
                return true;
            }
            let late = deadline.is_some_and(|d| length > d);
            let told = match service {
                Some(service) if pipeline || !(late && self.random.below(2) == 0) => {
                    self.line.deliver(id as u64, service)
                }
                _ => self.line.lose(id as u64, Span(length)),
            };
            assert!(told, "frame {id} was waiting for its result");
            assert!(!self.line.deliver(id as u64, ServiceTime::default()), "a second result of frame {id} is none");
            false
        });
        self.pending = waiting;
    }

    /// One event; `false` at the end of the case.
    fn step(&mut self) -> bool {
        self.deliver();
        let next = self.line.peek().0.max(self.now);
        if let Some(&(at, edit)) = self.case.edits.get(self.edits).filter(|e| e.0 <= next.min(self.case.until)) {
            self.edits += 1;
            self.now = at;
            match edit {
                Edit::Occupies(yes) => self.line.set_source(self.case.source(yes, self.seed)),
                Edit::Deadline(deadline) => {
                    self.line.set_deadline(deadline.map(Span));
                    self.deadline = deadline;
                }
            }
            return true;
        }
        if next > self.case.until {
            return false;
        }
        self.now = next;
        let finishing = self.line.finishing(SimTime(next));
        let Some(event) = self.line.pop(SimTime(next)) else { return true };
        let entry = match event {
            Event::Captured { id } => Entry::Captured(id as usize),
            Event::Started { id, frames, service } => {
                let i = id as usize;
                let outcome = self.case.outcome(i, self.line.source().occupies());
                if self.case.known {
                    assert!(matches!(outcome, Outcome::Takes(s) if Some(s) == service), "service time of frame {i}");
                } else {
                    assert_eq!(service, None, "nobody knows yet how long frame {i} takes");
                    self.pending.push((i, next, self.deadline, outcome));
                }
                Entry::Started(i, frames)
            }
            Event::Finished { id } => {
                assert_eq!(finishing, Some(id), "the announced finish");
                Entry::Finished(id as usize)
            }
            Event::Ended { frame, fate } => {
                self.ended.push(frame);
                Entry::Ended(frame.id as usize, fate)
            }
        };
        self.log.push((next, entry));
        self.check();
        true
    }

    /// What must hold at every moment.
    fn check(&self) {
        let Counts { captured, applied, superseded, dropped, lost, in_flight } = self.line.counts();
        assert_eq!(captured, applied + superseded + dropped + lost + in_flight, "the five add up");
        let age = self.line.age(SimTime(self.now));
        assert!(age.is_none_or(|age| age >= Span::ZERO), "age {age:?}");
        assert_eq!(age.is_some(), self.line.in_force().is_some(), "age is defined once a command is in force");
        if let Some(frame) = self.line.in_force() {
            let instants = [
                Some(frame.captured),
                frame.arrived,
                frame.started,
                frame.finished,
                frame.applied,
                Some(SimTime(self.now)),
            ];
            assert!(
                instants.iter().all(Option::is_some) && instants.is_sorted(),
                "no future data: {frame:?} at {}",
                self.now
            );
        }
        let unknown = self.line.unknown().map(|(frame, latest)| (frame.id as usize, latest));
        let oldest =
            self.pending.first().map(|&(id, s, deadline, _)| (id, deadline.map_or(SimTime::NEVER, |d| SimTime(s + d))));
        assert_eq!(unknown, oldest, "the unknown end, and when it is known at the latest");
    }

    /// Compares the finished run with the model.
    fn compare(&self, lives: &[Life], log: &[(i64, Entry)]) {
        if let Some(i) = (0..log.len().max(self.log.len())).find(|&i| log.get(i) != self.log.get(i)) {
            let near = |log: &[(i64, Entry)]| log[i.saturating_sub(6).min(log.len())..(i + 3).min(log.len())].to_vec();
            panic!("entry {i} differs\n  line  {:?}\n  model {:?}", near(&self.log), near(log));
        }
        for frame in &self.ended {
            let life = &lives[frame.id as usize];
            let line = [Some(frame.captured), frame.arrived, frame.started, frame.finished, frame.applied]
                .map(|t| t.map(|t| t.0));
            assert_eq!(
                line,
                [Some(life.c), Some(life.r), life.s, life.f, life.a],
                "c, r, s, f, a of frame {}",
                frame.id
            );
            if let (Some(s), Some(f), Some(service)) = (frame.started, frame.finished, frame.service) {
                assert!(f - s >= service.total(), "frame {} finished before its work was done", frame.id);
            }
            assert!(frame.finished.is_none() || frame.service.is_some(), "what ran was timed");
            if let Some(stages) = frame.stages(&self.case.config) {
                assert_eq!(
                    stages.iter().map(|(_, span)| *span).sum::<Span>(),
                    frame.latency().unwrap(),
                    "stages add up"
                );
                assert!(stages.iter().all(|(_, span)| *span >= Span::ZERO), "no stage is negative: {stages:?}");
            }
        }
        let count = |fate| lives.iter().filter(|l| l.fate == fate && l.captured).count() as u64;
        let expected = Counts {
            captured: lives.len() as u64,
            applied: count(Some(Fate::Applied)),
            superseded: count(Some(Fate::Superseded)),
            dropped: count(Some(Fate::Dropped)),
            lost: count(Some(Fate::Lost)),
            in_flight: count(None),
        };
        assert_eq!(self.line.counts(), expected);
        let mut serving: Vec<_> =
            self.line.serving().iter().map(|s| (s.frame.id as usize, s.frame.started.unwrap().0)).collect();
        let mut returning: Vec<_> =
            self.line.returning().iter().map(|f| (f.id as usize, f.applied.unwrap().0)).collect();
        serving.sort_unstable();
        returning.sort_unstable();
        let open = |(i, l): (usize, &Life)| l.fate.is_none().then_some((i, l.clone()));
        let open: Vec<_> = lives.iter().enumerate().filter_map(open).collect();
        assert_eq!(serving, open.iter().filter(|(_, l)| l.runs()).map(|(i, l)| (*i, l.s.unwrap())).collect::<Vec<_>>());
        assert_eq!(returning, open.iter().filter_map(|(i, l)| Some((*i, l.a?))).collect::<Vec<_>>());
    }
}

/// SplitMix64: the cases must not be drawn by the code under test.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Zero or a few steps of the grid on which all instants lie, so that they often coincide.
    fn span(&mut self, steps: u64) -> Span {
        if self.below(3) == 0 { Span::ZERO } else { Span(GRID * self.below(steps + 1).cast_signed()) }
    }

    fn clock(&mut self) -> Clock {
        // Periods of 1, 2, 2, 4, 5 and 10 us, and two that are not whole nanoseconds.
        let hz = [1e6, 500e3, 500e3, 250e3, 200e3, 100e3, 300e3, 333_333.333][self.below(8) as usize];
        Clock { rate: Rate::from_hz(hz).unwrap(), phase: self.span(8) }
    }
}

/// Nanoseconds.
const GRID: i64 = 500;

fn draw_case(random: &mut Random) -> Case {
    let capture = random.clock();
    let known = random.below(2) == 0;
    let schedule = match random.below(5) {
        0 => Schedule::Newest,
        1 => Schedule::Skip,
        2 => Schedule::Fifo { depth: 1 + random.below(3) as usize },
        3 => Schedule::Batch { n: 1 + random.below(4) as usize, timeout: random.span(16) },
        _ => Schedule::Pipeline,
    };
    let control = if random.below(3) == 0 { Control::Event } else { Control::Periodic(random.clock()) };
    let period = capture.rate.period().0;
    let frames = 4 + random.below(28);
    let until = capture.phase.0 + period * frames.cast_signed();
    let deadline = |random: &mut Random| (random.below(2) == 0).then(|| GRID * random.below(20).cast_signed());
    // From devices that keep up with the captures to devices four times too slow.
    let busy = 1 + random.below(8 * period as u64 / GRID as u64 / 3);
    let constant = random.below(3) == 0;
    let draw = |random: &mut Random| ServiceTime {
        pre: random.span(busy),
        host_to_device: random.span(busy / 4),
        compute: random.span(busy),
        device_to_host: random.span(busy / 4),
        post: random.span(busy),
        ..ServiceTime::default()
    };
    let always = draw(random);
    let outcome = |_| {
        // Which server a dead worker held is not said, so in a pipeline none dies.
        if !known && schedule != Schedule::Pipeline && random.below(12) == 0 {
            Outcome::Dies(random.span(3 * busy).0)
        } else {
            Outcome::Takes(if constant { always } else { draw(random) })
        }
    };
    let outcomes = (0..frames + 2).map(outcome).collect();
    let mut edits = vec![];
    if random.below(3) == 0 {
        for _ in 0..=random.below(3) {
            let edit = if random.below(2) == 0 {
                Edit::Occupies(random.below(2) == 0)
            } else {
                Edit::Deadline(deadline(random))
            };
            edits.push((GRID * random.below((until / GRID).cast_unsigned() + 1).cast_signed(), edit));
        }
        edits.sort_by_key(|e| e.0);
    }
    let config = LineConfig {
        capture,
        control,
        schedule,
        sensing: random.span(6),
        link_out: random.span(6),
        link_back: random.span(6),
        dead_time: random.span(6),
        deadline: deadline(random).map(Span),
        network: None,
        seed: random.next(),
    };
    Case { config, occupies: random.below(4) > 0, known, outcomes, fixed: random.span(24), edits, until }
}

/// How often each schedule ended a frame in each way, and how many instants had events of several kinds.
#[derive(Default)]
struct Seen {
    fates: [[u64; 4]; 5],
    partial_batches: u64,
    ties: u64,
    instants: u64,
}

impl Seen {
    fn note(&mut self, case: &Case, log: &[(i64, Entry)]) {
        let (schedule, n) = match case.config.schedule {
            Schedule::Newest => (0, 1),
            Schedule::Skip => (1, 1),
            Schedule::Fifo { .. } => (2, 1),
            Schedule::Batch { n, .. } => (3, n),
            Schedule::Pipeline => (4, 1),
        };
        for group in log.chunk_by(|a, b| a.0 == b.0) {
            let kinds =
                group.iter().map(|e| std::mem::discriminant(&e.1)).collect::<std::collections::HashSet<_>>().len();
            self.instants += 1;
            self.ties += u64::from(kinds > 1);
        }
        for (_, entry) in log {
            match entry {
                Entry::Ended(_, fate) => self.fates[schedule][*fate as usize] += 1,
                Entry::Started(_, frames) => self.partial_batches += u64::from(*frames > 1 && *frames < n),
                _ => {}
            }
        }
    }
}

fn check_case(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed);
    let case = draw_case(&mut random);
    let (lives, log) = reference(&case);
    seen.note(&case, &log);
    let mut run = Run::new(&case, seed);
    let fork_at = random.below(log.len() as u64 + 1) as usize;
    let mut fork = None;
    while run.step() {
        if fork.is_none() && run.log.len() >= fork_at {
            // The copy hears of its results at other moments, which must not matter.
            fork = Some(Run { random: Random(!seed), ..run.clone() });
        }
    }
    run.compare(&lives, &log);
    if let Some(mut fork) = fork {
        while fork.step() {}
        fork.compare(&lives, &log);
        assert_eq!(
            fork.ended.iter().map(|f| f.applied).collect::<Vec<_>>(),
            run.ended.iter().map(|f| f.applied).collect::<Vec<_>>()
        );
    }
}

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn the_line_is_the_contract() {
    let seeds = match (env("DEADTIME_SEED"), env("DEADTIME_CASES")) {
        (Some(seed), _) => seed..seed + 1,
        (None, cases) => 0..cases.unwrap_or(10_000),
    };
    let mut seen = Seen::default();
    for seed in seeds.clone() {
        // The line's own panics need the seed as much as ours.
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check_case(seed, &mut seen)));
        assert!(
            checked.is_ok(),
            "case {seed} failed; repeat it with\n  DEADTIME_SEED={seed} cargo test --release -p timing --test reference_model\n{:?}",
            draw_case(&mut Random(seed))
        );
    }
    if seeds.end - seeds.start >= 10_000 {
        // The cases are worth something only if they reach everything, and reach it at coinciding instants.
        assert!(
            seen.ties * 4 > seen.instants,
            "{} of {} instants have events of several kinds",
            seen.ties,
            seen.instants
        );
        assert!(seen.partial_batches > 100, "{} partial batches", seen.partial_batches);
        for (schedule, fates) in seen.fates.iter().enumerate() {
            assert!(fates.iter().all(|&n| n > 100), "schedule {schedule} saw {fates:?}");
        }
    }
}
