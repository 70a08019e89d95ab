//! Closed-form answers that the delay line must reproduce, with plants of one or two numbers and no learned model.
//!
//! Each plant is a pure function of its state, the command and a duration; [`Loop`] cuts its motion at every capture and
//! every application, the way the contract asks.

use std::collections::BTreeSet;
use std::f64::consts::{FRAC_PI_2, SQRT_2};
use std::sync::Arc;

use timing::{
    Clock, Control, Event, Fate, Frame, Line, LineConfig, Profile, Rate, Sample, Schedule, ServiceTime, SimTime,
    Source, Span, Trace, pendulum_delay_bound, safe_speed, stopping_distance,
};

fn ms(ms: f64) -> Span {
    Span::from_ms(ms)
}

fn at_ms(t: f64) -> SimTime {
    SimTime::ZERO + ms(t)
}

fn every(period_ms: f64) -> Clock {
    Clock::from_start(Rate::from_hz(1e3 / period_ms).unwrap())
}

/// Captures each `period_ms`, event-driven control, `newest`, and no other delay.
fn config(period_ms: f64) -> LineConfig {
    LineConfig {
        capture: every(period_ms),
        control: Control::Event,
        schedule: Schedule::Newest,
        sensing: Span::ZERO,
        link_out: Span::ZERO,
        link_back: Span::ZERO,
        dead_time: Span::ZERO,
        deadline: None,
        network: None,
        seed: 1,
    }
}

/// A source that always takes the same time, stage by stage.
fn constant(service: ServiceTime) -> Source {
    let samples = vec![Sample { frame: 0, idle: Span::ZERO, service }];
    Source::Replay(Arc::new(Trace { samples, ..Trace::default() }))
}

type State = [f64; 2];

/// A plant in closed loop with the line. `step` moves a state under a constant command; `law` is the pilot, which sees
/// the state at a capture and its instant.
#[derive(Clone)]
struct Loop<'a> {
    line: Line,
    step: &'a dyn Fn(State, f64, f64) -> State,
    law: &'a dyn Fn(SimTime, State) -> f64,
    state: State,
    /// The initial command holds before the first application.
    command: f64,
    now: SimTime,
    /// The instant of `state`.
    moved: SimTime,
    seen: Vec<State>,
    applied: Vec<Frame>,
}

impl<'a> Loop<'a> {
    fn new(
        (config, source): (LineConfig, Source),
        state: State,
        step: &'a dyn Fn(State, f64, f64) -> State,
        law: &'a dyn Fn(SimTime, State) -> f64,
    ) -> Self {
        let line = Line::new(config, source);
        let now = SimTime::ZERO;
        Self { line, step, law, state, command: 0.0, now, moved: now, seen: vec![], applied: vec![] }
    }

    fn move_to(&mut self, t: SimTime) {
        if t > self.moved {
            self.state = (self.step)(self.state, self.command, (t - self.moved).secs());
            self.moved = t;
        }
    }

    /// One event at or before `until`.
    fn next(&mut self, until: SimTime) -> bool {
        let t = self.line.peek().max(self.now);
        if t > until {
            return false;
        }
        self.now = t;
        match self.line.pop(t) {
            Some(Event::Captured { id }) => {
                self.move_to(t);
                assert_eq!(id as usize, self.seen.len());
                self.seen.push(self.state);
            }
            Some(Event::Ended { frame, fate: Fate::Applied }) => {
                self.move_to(t);
                self.command = (self.law)(frame.captured, self.seen[frame.id as usize]);
                self.applied.push(frame);
            }
            _ => {}
        }
        true
    }

    fn run(&mut self, until: SimTime) {
        while self.next(until) {}
        self.move_to(until);
    }

    /// Largest first component in the last quarter of `secs` over that in the second; infinite once it has blown up.
    fn growth(mut self, secs: f64) -> f64 {
        let mut peaks = [0.0_f64; 4];
        let end = SimTime::ZERO + Span::from_secs(secs);
        while self.next(end) {
            let quarter = ((4.0 * self.now.secs() / secs) as usize).min(3);
            peaks[quarter] = peaks[quarter].max(self.state[0].abs());
            if self.state[0].abs() > 1e3 {
                return f64::INFINITY;
            }
        }
        peaks[3] / peaks[1]
    }
}

/// Every event of a line up to `until`, in order.
fn events(config: LineConfig, source: Source, until: SimTime) -> Vec<(SimTime, Event)> {
    let mut line = Line::new(config, source);
    let mut events = vec![];
    while line.peek() <= until {
        let t = line.peek();
        while let Some(event) = line.pop(t) {
            events.push((t, event));
        }
    }
    events
}

fn applied(events: &[(SimTime, Event)]) -> Vec<Frame> {
    let applied = |(_, event): &(SimTime, Event)| match event {
        Event::Ended { frame, fate: Fate::Applied } => Some(*frame),
        _ => None,
    };
    events.iter().filter_map(applied).collect()
}

/// Where `ok` changes from true to false, to `precision`, given that it does so once between `low` and `high`.
fn bisect(mut low: f64, mut high: f64, precision: f64, ok: impl Fn(f64) -> bool) -> f64 {
    assert!(ok(low) && !ok(high), "no change between {low} and {high}");
    while high - low > precision {
        let middle = f64::midpoint(low, high);
        *(if ok(middle) { &mut low } else { &mut high }) = middle;
    }
    low
}

// Brake on sight.

const FREE: f64 = 1.3;
const BRAKING: f64 = 2.0;
const CRUISE: f64 = 2.0;
const PERIOD_MS: f64 = 20.0;
/// The obstacle comes into view when the robot has cruised for half a second (one metre). With occupancy this matters:
/// it sets where in its train of inferences the device is.
const VISIBLE_MS: f64 = 500.0;
/// Standing with the bumper exactly on the obstacle is not a collision.
const TOUCH: f64 = 1e-9;

/// A point that brakes at full force under a command below zero; the instant of standing still is included.
fn point(tick: Option<Rate>) -> impl Fn(State, f64, f64) -> State {
    move |[mut x, mut v], command, dt| {
        let pieces = tick.map_or(1, |rate| (dt * rate.hz()).ceil().max(1.0) as u32);
        for _ in 0..pieces {
            let dt = dt / f64::from(pieces);
            let moving = if command < 0.0 { dt.min(v / BRAKING) } else { dt };
            let end = if command < 0.0 { v - BRAKING * moving } else { v };
            x += f64::midpoint(v, end) * moving;
            v = end;
        }
        [x, v]
    }
}

/// Where the robot comes to rest, metres after the point from which the obstacle could be seen.
fn rest(config: LineConfig, source: Source, cruise: f64, tick: Option<Rate>) -> f64 {
    // A capture exactly at the crossing sees. The latch needs no state: what is applied later was captured later.
    let law = |c: SimTime, _: State| if c >= at_ms(VISIBLE_MS) { -1.0 } else { 0.0 };
    let step = point(tick);
    let mut robot = Loop::new((config, source), [-cruise * VISIBLE_MS / 1e3, cruise], &step, &law);
    robot.run(at_ms(4_000.0));
    assert_eq!(robot.state[1], 0.0, "it stands");
    robot.state[0]
}

fn phase(j: u32) -> LineConfig {
    let mut config = config(PERIOD_MS);
    config.capture.phase = ms(PERIOD_MS * f64::from(j) / 20.0);
    config
}

fn hits(config: LineConfig, source: Source) -> bool {
    rest(config, source, CRUISE, None) > FREE + TOUCH
}

#[test]
fn brake_on_sight_stops_up_to_130_ms_and_hits_from_151_ms() {
    for latency in [0, 50, 100, 129, 130, 131, 135, 140, 149, 151, 160, 200] {
        let hit: Vec<u32> = (0..20).filter(|&j| hits(phase(j), Source::Fixed(ms(f64::from(latency))))).collect();
        // Phase j sees j ms late; in all 150 ms are allowed.
        let expected: Vec<u32> = (0..20).filter(|j| j + latency > 150).collect();
        assert_eq!(hit, expected, "at fixed:{latency}");
        assert!(latency > 130 || hit.is_empty());
        assert!(latency < 151 || hit.len() == 20);
    }
}

#[test]
fn the_longest_reaction_is_150_ms() {
    // Total reaction: waiting for the capture, and the latency.
    for wait in [0.0, 1.0, 7.0, 19.0] {
        let stops = |latency: f64| !hits(phase(wait as u32), Source::Fixed(ms(latency)));
        let reaction = wait + bisect(0.0, 400.0, 1e-5, stops);
        assert!((reaction - 150.0).abs() < 1e-3, "{reaction}");
        assert!((reaction - 1e3 * timing::max_reaction(FREE, CRUISE, BRAKING)).abs() < 1e-3, "{reaction}");
    }
}

#[test]
fn the_fastest_safe_cruise_is_the_formula() {
    for (reaction, v_max) in [(0.0, 2.280), (50.0, 2.183), (100.0, 2.089), (200.0, 1.915), (400.0, 1.617)] {
        for wait in [0.0, 13.0_f64.min(reaction)] {
            let source = || Source::Fixed(ms(reaction - wait));
            let stops = |v| rest(phase(wait as u32), source(), v, None) <= FREE;
            let v = bisect(0.5, 4.0, 1e-7, stops);
            assert!((v - v_max).abs() < 6e-4, "v_max({reaction} ms) = {v}");
            assert!((v - safe_speed(FREE, BRAKING, reaction / 1e3)).abs() < 1e-6, "v_max({reaction} ms) = {v}");
        }
    }
}

#[test]
fn the_stopping_position_does_not_depend_on_the_physics_rate() {
    for latency in [0.0, 37.3, 100.0, 200.0] {
        for (j, wait) in [(0, 0.0), (7, 7.0), (19, 19.0)] {
            let analytic = stopping_distance(CRUISE, BRAKING, (latency + wait) / 1e3);
            for hz in [60.0, 240.0, 1_000.0] {
                let x = rest(phase(j), Source::Fixed(ms(latency)), CRUISE, Rate::from_hz(hz));
                assert!((x - analytic).abs() < 1e-9, "{x} m at {hz} Hz, not {analytic}");
            }
        }
    }
}

#[test]
fn under_pure_delay_more_latency_never_saves() {
    for j in 0..20 {
        let hit = |latency| hits(phase(j), Source::Fixed(ms(f64::from(latency))));
        let hits: Vec<bool> = (0..=250).map(hit).collect();
        assert!(hits.is_sorted(), "phase {j}");
        assert!(!hits[0] && hits[250]);
    }
}

#[test]
fn with_occupancy_more_latency_may_save() {
    let hit = |service: i32| hits(phase(0), Source::Service(ms(f64::from(service))));
    // The contract's list names the last service time before each change: 81 ms still stops, 82 ms hits.
    let switches: Vec<i32> = (1..200).filter(|&s| hit(s) != hit(s + 1)).collect();
    assert_eq!(switches, [81, 83, 92, 99, 108, 124, 130]);
    assert!(!hit(81) && hit(82) && hit(83) && !hit(84) && !hit(130) && hit(131));
}

#[test]
fn the_worst_reaction_of_one_slot_is_bounded() {
    // R <= T + 2S + other + T_control, and with S <= T only one S; the bound is nearly reached.
    for (service, services) in [(7.0, 1.0), (20.0, 1.0), (33.7, 2.0), (47.3, 2.0), (90.1, 2.0)] {
        let mut config = config(PERIOD_MS);
        config.link_out = ms(3.0);
        config.link_back = ms(4.0);
        config.dead_time = ms(5.0);
        config.control = Control::Periodic(every(9.0));
        let applied = applied(&events(config, Source::Service(ms(service)), at_ms(60_000.0)));
        let bound = PERIOD_MS + services * service + 12.0 + 9.0;
        // The worst instant for an obstacle to appear is just after a capture whose successor is applied late.
        let worst = applied.windows(2).map(|w| (w[1].applied.unwrap() - w[0].captured).ms()).fold(0.0, f64::max);
        assert!(worst <= bound, "{worst} > {bound} at S = {service}");
        assert!(worst > bound - 9.0, "{worst} is far from {bound} at S = {service}");
    }
}

// Integrators.

/// x' = u.
fn integrator([x, _]: State, u: f64, dt: f64) -> State {
    [x + u * dt, 0.0]
}

fn integrator_growth(setup: (LineConfig, Source), gain: f64, secs: f64) -> f64 {
    Loop::new(setup, [1.0, 0.0], &integrator, &|_, [x, _]| -gain * x).growth(secs)
}

#[test]
fn the_delayed_integrator_is_stable_up_to_half_pi() {
    let growth = |gain, secs| integrator_growth((config(1.0), Source::Fixed(ms(200.0))), gain, secs);
    let (decays, grows) = (growth(7.7, 60.0), growth(7.9, 60.0));
    assert!((decays - 0.16).abs() < 0.01 && (grows - 2.4).abs() < 0.1, "{decays}, {grows}");
    // Sampling and holding adds half a period of delay.
    let limit = bisect(7.7, 7.9, 1e-3, |gain| growth(gain, 20.0) < 1.0);
    assert!((limit * (0.2 + 0.0005) / FRAC_PI_2 - 1.0).abs() < 5e-4, "K (L + T/2) = {}", limit * 0.2005);
}

#[test]
fn the_delay_counts_wherever_it_lies() {
    // The same 200 ms, spread over the other stages.
    let mut spread = config(1.0);
    (spread.sensing, spread.link_out) = (ms(20.0), ms(30.0));
    (spread.link_back, spread.dead_time) = (ms(15.0), ms(35.0));
    let growth = |gain| integrator_growth((spread.clone(), Source::Fixed(ms(100.0))), gain, 60.0);
    let (decays, grows) = (growth(7.7), growth(7.9));
    assert!((decays - 0.16).abs() < 0.01 && (grows - 2.4).abs() < 0.1, "{decays}, {grows}");
}

#[test]
fn the_occupied_integrator_is_stable_up_to_one() {
    // S = T too: every capture finds the device just freed.
    for (period, service) in [(20.0, 200.0), (50.0, 50.0), (1.0, 40.0), (10.0, 30.0)] {
        let growth = |product: f64| {
            let setup = (config(period), Source::Service(ms(service)));
            integrator_growth(setup, product / (service / 1e3), 400.0 * service / 1e3)
        };
        assert!(growth(0.95) < 0.1 && growth(1.05) > 10.0, "T = {period}, S = {service}");
        let limit = bisect(0.9, 1.1, 1e-4, |product| growth(product) < 1.0);
        assert!((limit - 1.0).abs() < 2e-3, "K S = {limit} at T = {period}, S = {service}");
    }
}

// The pendulum.

const OMEGA: f64 = 6.0;

/// angle'' = omega^2 angle + u, exactly.
fn pendulum([angle, rate]: State, u: f64, dt: f64) -> State {
    let (c, s) = (libm::cosh(OMEGA * dt), libm::sinh(OMEGA * dt));
    let level = u / (OMEGA * OMEGA);
    [(angle + level) * c + rate / OMEGA * s - level, (angle + level) * OMEGA * s + rate * c]
}

/// Whether a PD law holds the pendulum at a total delay of `fraction` of the bound, half a period of sampling included.
/// The gains are in units of omega^2 and omega^2 L.
fn holds(fraction: f64, p: f64, d: f64) -> bool {
    let period = 0.01;
    let delay = fraction * SQRT_2 / OMEGA;
    let setup = (config(1e3 * period), Source::Fixed(Span::from_secs(delay - period / 2.0)));
    let (p, d) = (p * OMEGA * OMEGA, d * OMEGA * OMEGA * delay);
    Loop::new(setup, [0.01, 0.0], &pendulum, &|_, [angle, rate]| -p * angle - d * rate).growth(40.0) < 1.0
}

#[test]
fn the_pendulum_holds_below_the_bound() {
    assert!((pendulum_delay_bound(OMEGA) - SQRT_2 / OMEGA).abs() < 1e-15);
    assert!(holds(0.9, 1.001, 1.02));
    // Less than omega^2 does not carry the weight, and too much rate gain shakes.
    assert!(!holds(0.9, 0.98, 1.02));
    assert!(!holds(0.9, 1.001, 2.0));
}

#[test]
fn no_gain_holds_the_pendulum_above_the_bound() {
    let gains = |from: f64, to: f64, n: u32| (0..n).map(move |i| from + (to - from) * f64::from(i) / f64::from(n - 1));
    let grid = || gains(1.0, 1.05, 6).chain(gains(1.1, 2.0, 5)).flat_map(|p| gains(0.7, 1.5, 24).map(move |d| (p, d)));
    let found = |fraction| grid().find(|&(p, d)| holds(fraction, p, d));
    assert!(found(0.9).is_some(), "the grid is fine enough to find the gains that there are");
    assert_eq!(found(1.05), None);
}

// Rates.

/// Inferences started, frames inferred and commands applied per millisecond, in a window after the start.
fn rates(config: LineConfig, source: Source) -> [f64; 3] {
    let (from, to) = (at_ms(6_000.0), at_ms(66_000.0));
    let mut counts = [0; 3];
    for (t, event) in events(config, source, to) {
        match event {
            _ if t <= from => {}
            Event::Started { frames, .. } => {
                counts[0] += 1;
                counts[1] += frames;
            }
            Event::Ended { fate: Fate::Applied, .. } => counts[2] += 1,
            _ => {}
        }
    }
    counts.map(|n| n as f64 / (to - from).ms())
}

/// `rate`, up to one inference more or less in the window of 60 s.
fn is_rate(found: f64, period_ms: f64) -> bool {
    (found * 60_000.0 - 60_000.0 / period_ms).abs() <= 1.0
}

const SERVICES: [f64; 9] = [1.0, 13.0, 20.0, 21.0, 30.0, 40.0, 47.0, 60.0, 110.0];

#[test]
fn newest_processes_one_in_the_longer_of_period_and_service() {
    for s in SERVICES {
        let [started, _, applied] = rates(config(20.0), Source::Service(ms(s)));
        assert!(is_rate(started, s.max(20.0)) && is_rate(applied, s.max(20.0)), "S = {s}: {started}, {applied}");
    }
}

#[test]
fn skip_processes_one_in_whole_periods() {
    for s in SERVICES {
        let config = LineConfig { schedule: Schedule::Skip, ..config(20.0) };
        let [started, _, applied] = rates(config, Source::Service(ms(s)));
        let period = 20.0 * (s / 20.0).ceil();
        assert!(is_rate(started, period) && is_rate(applied, period), "S = {s}: {started}, {applied}");
    }
}

#[test]
fn batch_processes_n_in_the_longer_of_n_periods_and_service() {
    for n in [1, 2, 4, 5] {
        for s in SERVICES {
            let schedule = Schedule::Batch { n, timeout: ms(10_000.0) };
            let [started, frames, applied] = rates(LineConfig { schedule, ..config(20.0) }, Source::Service(ms(s)));
            let period = s.max(20.0 * n as f64);
            assert!(is_rate(started, period) && is_rate(applied, period), "n = {n}, S = {s}: {started}, {applied}");
            assert!((frames - started * n as f64).abs() < 1e-12, "no partial batch");
        }
    }
}

#[test]
fn a_partial_batch_starts_at_its_timeout() {
    // Frames at 0, 20, 40, ...; the batch opened at 0 closes at 30 with two of four; the next one opens at 40.
    let schedule = Schedule::Batch { n: 4, timeout: ms(30.0) };
    let events = events(LineConfig { schedule, ..config(20.0) }, Source::Service(ms(5.0)), at_ms(100.0));
    let starts = |(t, event): &(SimTime, Event)| match event {
        Event::Started { id, frames, .. } => Some((t.0 / 1_000_000, *id, *frames)),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(starts).collect::<Vec<_>>(), [(30, 1, 2), (70, 3, 2)]);
    let newest: Vec<u64> = applied(&events).iter().map(|frame| frame.id).collect();
    assert_eq!(newest, [1, 3], "only the newest output of a batch is applied");
}

#[test]
fn pipeline_processes_one_in_the_longer_of_period_and_slowest_stage() {
    for (pre, compute, post) in
        [(5.0, 10.0, 5.0), (30.0, 10.0, 5.0), (5.0, 45.0, 10.0), (5.0, 10.0, 33.0), (25.0, 25.0, 25.0)]
    {
        // The copies belong to the compute server.
        let (up, down) = (ms(1.0), ms(2.0));
        let compute = ms(compute) - up - down;
        let service = ServiceTime {
            pre: ms(pre),
            host_to_device: up,
            compute,
            device_to_host: down,
            post: ms(post),
            ..ServiceTime::default()
        };
        let config = LineConfig { schedule: Schedule::Pipeline, ..config(20.0) };
        let [started, _, applied] = rates(config, constant(service));
        let period = [pre, (compute + up + down).ms(), post].into_iter().fold(20.0, f64::max);
        assert!(is_rate(started, period) && is_rate(applied, period), "{service:?}: {started}, {applied}");
    }
}

#[test]
fn a_saturated_fifo_is_q_plus_one_services_old() {
    for (q, s) in [(1, 45.0), (2, 45.0), (3, 25.0), (5, 110.0), (4, 40.0)] {
        let config = LineConfig { schedule: Schedule::Fifo { depth: q }, ..config(20.0) };
        let events = events(config.clone(), Source::Service(ms(s)), at_ms(66_000.0));
        let latencies =
            applied(&events).into_iter().filter(|f| f.captured > at_ms(6_000.0)).map(|f| f.latency().unwrap());
        let latencies: BTreeSet<Span> = latencies.collect();
        let oldest = ms((q + 1) as f64 * s);
        let (least, most) = (*latencies.first().unwrap(), *latencies.last().unwrap());
        assert!(oldest - ms(20.0) < least && most <= oldest, "q = {q}, S = {s}: {least} to {most}, not up to {oldest}");
        // Where captures fall on all multiples of 5 ms between two starts, every such latency occurs.
        if s % 20.0 == 5.0 {
            let steps: BTreeSet<Span> = (0..4).map(|i| oldest - ms(5.0 * f64::from(i))).collect();
            assert_eq!(latencies, steps);
        }
        let [started, ..] = rates(config, Source::Service(ms(s)));
        assert!(is_rate(started, s));
        let dropped =
            events.iter().filter(|(t, e)| matches!(e, Event::Ended { fate: Fate::Dropped, .. }) && *t > at_ms(6_000.0));
        let expected = 60_000.0 / 20.0 - 60_000.0 / s;
        assert!((dropped.count() as f64 - expected).abs() <= 2.0, "drops match: {expected}");
    }
}

// Equalities, bit for bit.

/// A plant whose rounding tells any difference in order or in the pieces of time.
fn wild([x, y]: State, u: f64, dt: f64) -> State {
    [x + dt * (y - x * x * 0.1), y + dt * (u - libm::sin(x) - 0.3 * y)]
}

fn wild_law(_: SimTime, [x, y]: State) -> f64 {
    -7.0 * x - 1.1 * y + libm::cos(3.0 * x)
}

fn bits(states: &[State]) -> Vec<[u64; 2]> {
    states.iter().map(|state| state.map(f64::to_bits)).collect()
}

#[test]
fn zero_latency_is_synchronous_execution() {
    let rate = Rate::from_hz(240.0).unwrap();
    let (mut state, mut command, mut synchronous) = ([0.7, -0.2], 0.0, vec![]);
    for k in 0..2_400 {
        if k > 0 {
            state = wild(state, command, (rate.event(k) - rate.event(k - 1)).secs());
        }
        synchronous.push(state);
        command = wild_law(rate.event(k), state);
    }
    let clock = Clock::from_start(rate);
    let schedules = [
        Schedule::Newest,
        Schedule::Skip,
        Schedule::Fifo { depth: 2 },
        Schedule::Batch { n: 1, timeout: ms(5.0) },
        Schedule::Pipeline,
    ];
    for schedule in schedules {
        for control in [Control::Event, Control::Periodic(clock)] {
            for source in [Source::ZERO, Source::Service(Span::ZERO), constant(ServiceTime::default())] {
                let config = LineConfig { capture: clock, control, schedule, ..config(20.0) };
                let mut looped = Loop::new((config, source.clone()), [0.7, -0.2], &wild, &wild_law);
                looped.run(rate.event(2_399));
                assert_eq!(bits(&looped.seen), bits(&synchronous), "{schedule} {control:?} {source:?}");
                assert!(looped.applied.iter().all(|frame| frame.latency() == Some(Span::ZERO)));
            }
        }
    }
}

/// Service times that vary from frame to frame, between 5 and 60 ms.
fn varied(move_from_pre_to_post: Span) -> Source {
    let sample = |frame| {
        let h = timing::draw(5, timing::Stream::Input, frame);
        let part = |shift: u32, least: i64| Span((least + (h >> shift & 15).cast_signed()) * 1_000_000);
        let (pre, compute, post) = (part(0, 3), part(4, 1) + part(8, 0), part(12, 1));
        let moved = move_from_pre_to_post;
        let service = ServiceTime { pre: pre - moved, compute, post: post + moved, ..ServiceTime::default() };
        Sample { frame, idle: Span::ZERO, service }
    };
    Source::Replay(Arc::new(Trace { samples: (0..500).map(sample).collect(), ..Trace::default() }))
}

/// Every application and the states that follow from them.
fn applications(config: &LineConfig, source: Source) -> (Vec<(u64, SimTime)>, Vec<[u64; 2]>) {
    let mut looped = Loop::new((config.clone(), source), [0.7, -0.2], &wild, &wild_law);
    looped.run(at_ms(5_000.0));
    (looped.applied.iter().map(|f| (f.id, f.applied.unwrap())).collect(), bits(&looped.seen))
}

const SINGLE_SERVERS: [Schedule; 4] = [
    Schedule::Newest,
    Schedule::Skip,
    Schedule::Fifo { depth: 2 },
    Schedule::Batch { n: 3, timeout: Span(25_000_000) },
];

/// Delays in every stage, and a control clock that is no multiple of the captures'.
fn delays(schedule: Schedule, control: Control) -> LineConfig {
    LineConfig {
        schedule,
        control,
        sensing: ms(6.0),
        link_out: ms(5.0),
        link_back: ms(7.0),
        dead_time: ms(8.0),
        ..config(20.0)
    }
}

#[test]
fn a_duration_may_move_on_its_side_of_the_device() {
    for schedule in SINGLE_SERVERS {
        for deadline in [None, Some(ms(30.0))] {
            let base = LineConfig { deadline, ..delays(schedule, Control::Periodic(every(7.0))) };
            let as_is = applications(&base, varied(Span::ZERO));
            assert!(as_is.0.len() > 40, "{schedule}: {} applications", as_is.0.len());
            let moved = LineConfig { sensing: ms(1.5), link_out: ms(9.5), ..base.clone() };
            assert_eq!(applications(&moved, varied(Span::ZERO)), as_is, "{schedule}: sensing to link out");
            assert_eq!(applications(&base, varied(ms(2.5))), as_is, "{schedule}: pre to post");
        }
        let base = delays(schedule, Control::Event);
        let moved = LineConfig { link_back: ms(2.0), dead_time: ms(13.0), ..base.clone() };
        let as_is = applications(&base, varied(Span::ZERO));
        assert_eq!(applications(&moved, varied(Span::ZERO)), as_is, "{schedule}: link back to dead time");
    }
}

#[test]
fn a_duration_may_not_move_over_the_control_wait_or_within_a_pipeline() {
    for schedule in SINGLE_SERVERS {
        let base = delays(schedule, Control::Periodic(every(7.0)));
        let moved = LineConfig { link_back: ms(2.0), dead_time: ms(13.0), ..base.clone() };
        assert_ne!(applications(&moved, varied(Span::ZERO)), applications(&base, varied(Span::ZERO)), "{schedule}");
    }
    let base = delays(Schedule::Pipeline, Control::Event);
    assert_ne!(applications(&base, varied(ms(2.5))), applications(&base, varied(Span::ZERO)));
}

#[test]
fn a_constant_duration_may_cross_the_device() {
    for schedule in SINGLE_SERVERS.into_iter().chain([Schedule::Pipeline]) {
        let base = delays(schedule, Control::Periodic(every(7.0)));
        let as_is = applications(&base, varied(Span::ZERO));
        for moved in [
            LineConfig { link_out: ms(0.0), link_back: ms(12.0), ..base.clone() },
            LineConfig { sensing: ms(13.0), link_back: ms(0.0), ..base.clone() },
        ] {
            assert_eq!(applications(&moved, varied(Span::ZERO)), as_is, "{schedule}");
        }
        // Out of the device is another matter: it is free earlier.
        let shorter = LineConfig { link_back: ms(17.0), ..base.clone() };
        assert_ne!(applications(&shorter, Source::Service(ms(35.0))), applications(&base, Source::Service(ms(45.0))));
    }
}

#[test]
fn under_pure_delay_a_duration_may_move_over_the_device() {
    let base = delays(Schedule::Newest, Control::Periodic(every(7.0)));
    let as_is = applications(&base, Source::Fixed(ms(40.0)));
    for (sensing, link_out, fixed, link_back) in [(0.0, 0.0, 51.0, 7.0), (46.0, 5.0, 0.0, 7.0), (0.0, 11.0, 0.0, 47.0)]
    {
        let (sensing, link_out, link_back) = (ms(sensing), ms(link_out), ms(link_back));
        let moved = LineConfig { sensing, link_out, link_back, ..base.clone() };
        assert_eq!(applications(&moved, Source::Fixed(ms(fixed))), as_is);
    }
    let over_the_wait = LineConfig { dead_time: ms(13.0), ..base.clone() };
    assert_ne!(applications(&over_the_wait, Source::Fixed(ms(35.0))), as_is);
}

#[test]
fn a_fork_goes_on_as_the_original() {
    let profile = Profile {
        name: "test".into(),
        label: String::new(),
        source: String::new(),
        quantiles: vec![(0.0, ms(5.0)), (0.5, ms(18.0)), (0.99, ms(40.0)), (1.0, ms(90.0))],
    };
    for schedule in SINGLE_SERVERS.into_iter().chain([Schedule::Pipeline]) {
        for source in [Source::Profile(Arc::new(profile.clone())), varied(Span::ZERO), Source::Fixed(ms(70.0))] {
            let config = LineConfig { deadline: Some(ms(45.0)), ..delays(schedule, Control::Periodic(every(7.0))) };
            let mut original = Loop::new((config, source), [0.7, -0.2], &wild, &wild_law);
            let mut forks = vec![];
            for n in 0.. {
                // A prime stride meets all kinds of moments, in the middle of an instant too.
                if n % 37 == 0 {
                    forks.push(original.clone());
                }
                if !original.next(at_ms(3_000.0)) {
                    break;
                }
            }
            assert!(forks.len() > 8, "{}", forks.len());
            for mut fork in forks {
                fork.run(at_ms(3_000.0));
                assert_eq!(bits(&fork.seen), bits(&original.seen));
                assert_eq!(fork.applied, original.applied);
                assert_eq!(fork.line.counts(), original.line.counts());
            }
        }
    }
}
