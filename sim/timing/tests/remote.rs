//! Devices elsewhere: residence occupies the device, the link occupies nothing, a network's losses are losses.

use std::sync::Arc;

use timing::{
    Adjustment, Clock, Control, Event, Fate, Frame, Line, LineConfig, Loss, Network, Rate, Sample, Schedule,
    ServiceTime, SimTime, Source, Span, Stage, Trace, Way,
};

fn ms(ms: f64) -> Span {
    Span::from_ms(ms)
}

fn config() -> LineConfig {
    LineConfig {
        capture: Clock::from_start(Rate::from_hz(50.0).unwrap()),
        control: Control::Event,
        schedule: Schedule::Newest,
        sensing: ms(1.0),
        link_out: ms(2.0),
        link_back: ms(3.0),
        dead_time: ms(4.0),
        deadline: None,
        network: None,
        seed: 5,
    }
}

/// Ten milliseconds on the device, in a round trip of so many.
fn remote(round_trip: f64) -> ServiceTime {
    ServiceTime { pre: ms(2.0), compute: ms(7.0), post: ms(1.0), ..ServiceTime::default() }.within(ms(round_trip))
}

fn always(service: ServiceTime) -> Source {
    let samples = vec![Sample { frame: 0, idle: Span::ZERO, service }];
    Source::Replay(Arc::new(Trace { samples, ..Trace::default() }))
}

/// Frames that ended within two seconds, and when.
fn run(config: &LineConfig, source: Source) -> Vec<(SimTime, Frame, Fate)> {
    let mut line = Line::new(config.clone(), source);
    let mut ended = Vec::new();
    while line.peek() < SimTime(2_000_000_000) {
        let now = line.peek();
        while let Some(event) = line.pop(now) {
            if let Event::Ended { frame, fate } = event {
                ended.push((now, frame, fate));
            }
        }
    }
    let counts = line.counts();
    let sum = counts.applied + counts.superseded + counts.dropped + counts.lost + counts.in_flight;
    assert_eq!(counts.captured, sum);
    ended
}

fn applied(frames: &[(SimTime, Frame, Fate)]) -> Vec<Frame> {
    frames.iter().filter(|(_, _, fate)| *fate == Fate::Applied).map(|(_, frame, _)| *frame).collect()
}

#[test]
fn a_link_delays_and_occupies_nothing() {
    // Ten milliseconds of a round trip of sixty: the device is free for every frame of a 20 ms period.
    let far = applied(&run(&config(), always(remote(60.0))));
    assert!(far.len() > 90);
    for frame in &far {
        let stages = frame.stages(&config()).unwrap();
        assert_eq!(stages.iter().fold(Span::ZERO, |sum, (_, span)| sum + *span), frame.latency().unwrap());
        let of = |stage: Stage| stages.iter().find(|(s, _)| *s == stage).unwrap().1;
        assert_eq!(frame.latency(), Some(ms(1.0 + 2.0 + 60.0 + 3.0 + 4.0)));
        assert_eq!((of(Stage::LinkOut), of(Stage::LinkBack), of(Stage::Queue)), (ms(27.0), ms(28.0), Span::ZERO));
        assert_eq!(frame.finished, frame.started.map(|s| s + ms(10.0)), "the device is free after its residence");
    }
    // The same sixty milliseconds on the device: every third frame.
    let busy = applied(&run(&config(), always(ServiceTime::compute(ms(60.0)))));
    assert!(busy.len() < 34, "{}", busy.len());
}

#[test]
fn a_link_that_moves_past_the_device_moves_nothing_else() {
    // As a constant before or behind the device: the same commands at the same instants, as long as nothing is dropped.
    let measured = applied(&run(&config(), always(remote(30.0))));
    for (out, back) in [(ms(20.0), ms(0.0)), (ms(0.0), ms(20.0)), (ms(10.0), ms(10.0))] {
        let config = LineConfig { link_out: config().link_out + out, link_back: config().link_back + back, ..config() };
        let moved = applied(&run(&config, always(remote(10.0))));
        let instants = |frames: &[Frame]| frames.iter().map(|f| (f.id, f.applied)).collect::<Vec<_>>();
        assert_eq!(instants(&moved), instants(&measured));
    }
}

fn link_first(service: ServiceTime) -> Source {
    Source::Adjusted(Arc::new(always(service)), Adjustment { link_first: true, ..Adjustment::default() })
}

#[test]
fn at_the_other_extreme_the_whole_link_lies_before_the_device() {
    let before = |link: f64| LineConfig { link_out: config().link_out + ms(link), ..config() };
    let device = |frames: &[(SimTime, Frame, Fate)]| {
        frames.iter().map(|(at, f, fate)| (*at, f.id, f.arrived, f.started, f.finished, *fate)).collect::<Vec<_>>()
    };
    // A device that keeps up and one that does not, near and far: as a constant of the line does it.
    for (busy, link) in [(10.0, 20.0), (10.0, 47.0), (33.0, 20.0), (33.0, 27.0)] {
        let service = ServiceTime::compute(ms(busy)).within(ms(busy + link));
        let extreme = run(&config(), link_first(service));
        assert_eq!(
            device(&extreme),
            device(&run(&before(link), Source::Service(ms(busy)))),
            "{busy} ms, {link} ms away"
        );
        for frame in applied(&extreme) {
            let stages = frame.stages(&config()).unwrap();
            assert_eq!(stages.iter().fold(Span::ZERO, |sum, (_, span)| sum + *span), frame.latency().unwrap());
            assert_eq!(stages[1], (Stage::LinkOut, ms(2.0 + link)));
        }
    }
    // A link that never varies comes to the same at both extremes, whether the device keeps up or not. One that does may not.
    let latencies =
        |source| applied(&run(&config(), source)).iter().skip(5).filter_map(Frame::latency).collect::<Vec<_>>();
    let same = |there: Vec<Span>, here: Vec<Span>| there.iter().zip(&here).all(|(a, b)| a == b);
    for busy in [10.0, 33.0] {
        let far = ServiceTime::compute(ms(busy)).within(ms(busy + 27.0));
        assert!(same(latencies(always(far)), latencies(link_first(far))), "{busy} ms");
        let varying = |frame: u64| Sample {
            frame,
            idle: Span::ZERO,
            service: ServiceTime::compute(ms(busy)).within(ms(busy + if frame % 7 < 3 { 40.0 } else { 2.0 })),
        };
        let trace = Arc::new(Trace { samples: (0..200).map(varying).collect(), ..Trace::default() });
        let first = Adjustment { link_first: true, ..Adjustment::default() };
        let first = Source::Adjusted(Arc::new(Source::Replay(trace.clone())), first);
        assert!(!same(latencies(Source::Replay(trace)), latencies(first)), "{busy} ms");
    }
}

#[test]
fn at_both_extremes_the_deadline_counts_the_whole_round_trip() {
    for (deadline, fate) in [(60.0, Fate::Applied), (59.999, Fate::Lost)] {
        let config = LineConfig { deadline: Some(ms(deadline)), ..config() };
        let ended = run(&config, link_first(remote(60.0)));
        assert!(!ended.is_empty() && ended.iter().all(|(_, _, f)| *f == fate || *f == Fate::Dropped), "{deadline}");
    }
}

#[test]
fn no_frame_overtakes_another_on_a_way_out_that_varies() {
    let sample = |frame: u64| Sample {
        frame,
        idle: Span::ZERO,
        service: ServiceTime::compute(ms(1.0)).within(ms(if frame.is_multiple_of(3) { 70.0 } else { 3.0 })),
    };
    let trace = Source::Replay(Arc::new(Trace { samples: (0..200).map(sample).collect(), ..Trace::default() }));
    let first = Source::Adjusted(Arc::new(trace), Adjustment { link_first: true, ..Adjustment::default() });
    let ended = run(&LineConfig { schedule: Schedule::Fifo { depth: 8 }, ..config() }, first);
    let started: Vec<(u64, SimTime)> = ended.iter().filter_map(|(_, f, _)| Some((f.id, f.started?))).collect();
    assert!(started.len() > 80 && started.windows(2).all(|w| w[0] < w[1]), "{started:?}");
}

#[test]
fn an_answer_must_be_back_by_the_deadline() {
    for (deadline, fate) in [(60.0, Fate::Applied), (59.999, Fate::Lost)] {
        let config = LineConfig { deadline: Some(ms(deadline)), ..config() };
        let ended = run(&config, always(remote(60.0)));
        assert!(ended.iter().all(|(_, _, f)| *f == fate || *f == Fate::Dropped), "{deadline}");
        for (at, frame, _) in ended.iter().filter(|(_, _, fate)| *fate == Fate::Lost) {
            assert_eq!(Some(*at), frame.started.map(|s| s + ms(deadline)), "at exactly its instant");
        }
    }
}

fn network(loss: f64) -> Network {
    let way = Way { delay: ms(5.0), jitter: ms(3.0), byte_ns: 800.0 };
    Network {
        name: "n".into(),
        label: String::new(),
        source: String::new(),
        out: way,
        back: way,
        loss: Loss { good: loss, bad: 1.0, to_bad: loss, to_good: 0.2, bad_delay: ms(9.0) },
        frame_bytes: 1_500,
        answer_bytes: 100,
    }
}

#[test]
fn a_network_of_nothing_is_no_network() {
    let way = Way { delay: Span::ZERO, jitter: Span::ZERO, byte_ns: 0.0 };
    let quiet = Loss { good: 0.0, bad: 0.0, to_bad: 0.0, to_good: 0.0, bad_delay: Span::ZERO };
    let nothing = Network { out: way, back: way, loss: quiet, ..network(0.0) };
    let with = LineConfig { network: Some(Arc::new(nothing)), ..config() };
    assert_eq!(run(&with, Source::Service(ms(33.0))), run(&config(), Source::Service(ms(33.0))));
}

#[test]
fn losses_on_the_way_are_losses() {
    let config = LineConfig { network: Some(Arc::new(network(0.1))), ..config() };
    for source in [Source::Service(ms(8.0)), Source::Fixed(ms(8.0)), Source::Service(ms(50.0))] {
        let ended = run(&config, source.clone());
        let lost: Vec<&Frame> = ended.iter().filter(|(_, _, f)| *f == Fate::Lost).map(|(_, frame, _)| frame).collect();
        let on_the_way_out = lost.iter().filter(|frame| frame.started.is_none()).count();
        let on_the_way_back = lost.iter().filter(|frame| frame.finished.is_some()).count();
        assert!(on_the_way_out > 5 && on_the_way_back > 1, "{source:?}: {on_the_way_out}, {on_the_way_back}");
        assert_eq!(on_the_way_out + on_the_way_back, lost.len());
        for frame in applied(&ended) {
            let stages = frame.stages(&config).unwrap();
            assert_eq!(stages.iter().fold(Span::ZERO, |sum, (_, span)| sum + *span), frame.latency().unwrap());
            // 1.2 ms of transmission and 5 of delay out, 0.08 and 5 back, the other constants, and what the draws add.
            let least = ms(1.0 + 2.0 + 1.2 + 5.0 + 8.0 + 0.08 + 5.0 + 3.0 + 4.0);
            assert!(frame.latency().unwrap() >= least, "{source:?}: {}", frame.latency().unwrap());
            assert!(stages.iter().all(|(_, span)| *span >= Span::ZERO));
        }
        assert_eq!(ended, run(&config, source), "draws depend on the seed alone");
    }
    let everything = LineConfig { network: Some(Arc::new(network(1.0))), ..config };
    assert_eq!(applied(&run(&everything, Source::Service(ms(8.0)))), []);
}

#[test]
fn a_narrow_link_drops_frames_instead_of_letting_them_grow_old() {
    // 1,500 bytes at 60 ms each: every third frame of a 20 ms period.
    let narrow = Way { byte_ns: 40_000.0, delay: ms(5.0), jitter: Span::ZERO };
    let quiet = Loss { good: 0.0, bad: 0.0, to_bad: 0.0, to_good: 0.0, bad_delay: Span::ZERO };
    let network = Network { out: narrow, loss: quiet, ..network(0.0) };
    let config = LineConfig { network: Some(Arc::new(network)), ..config() };
    let ended = run(&config, Source::Service(ms(8.0)));
    let count = applied(&ended).len();
    assert!((31..=34).contains(&count), "{count}");
    assert!(ended.iter().filter(|(_, _, fate)| *fate == Fate::Dropped).count() > 60);
    let oldest = applied(&ended).iter().filter_map(Frame::latency).max().unwrap();
    assert!(oldest < ms(180.0), "one transmission, and one to wait for: {oldest}");
}
