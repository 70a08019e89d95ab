//! Where service times come from, pinned: if one of these vectors changes, every recorded seed means something else.
//!
//! The expected numbers were computed by a separate Python program with the reference implementation of XXH3.

use std::sync::Arc;

use timing::{
    BLOCK_LENGTH, Clock, Control, Event, IDLE_BINS, Line, LineConfig, Profile, Rate, Sample, Schedule, ServiceTime,
    SimTime, Source, Span, Stream, Trace, draw, draw_unit,
};

fn ms(ms: f64) -> Span {
    Span::from_ms(ms)
}

/// Ten samples, 100 to 109 ms, for frames 0 to 9. Those of 100, 103, 105 and 108 ms came after longer pauses, each in
/// another bin; nothing was recorded between 100 ms and 1 s but 108.
fn trace() -> Trace {
    let idles = [2_000.0, 0.5, 0.5, 50.0, 0.5, 5.0, 0.5, 0.5, 500.0, 0.5];
    let sample = |(i, &idle): (usize, &f64)| Sample {
        frame: i as u64,
        idle: ms(idle),
        service: ServiceTime { pre: ms(1.0), compute: ms(99.0 + i as f64), ..ServiceTime::default() },
    };
    Trace { samples: idles.iter().enumerate().map(sample).collect(), ..Trace::default() }
}

/// The whole milliseconds that frames of the trace take.
fn served(trace: &Trace, seed: u64, frames: std::ops::Range<u64>, idle: Span) -> Vec<i64> {
    frames.map(|frame| trace.service(seed, frame, idle).unwrap().total().0 / 1_000_000).collect()
}

#[test]
fn what_was_recorded_is_replayed() {
    let trace = trace();
    for (seed, idle) in [(0, Span::ZERO), (7, ms(3.0)), (u64::MAX, Span(i64::MAX))] {
        assert_eq!(served(&trace, seed, 0..10, idle), (100..110).collect::<Vec<_>>());
    }
    assert_eq!(trace.service(7, 3, Span::ZERO), Some(trace.samples[3].service), "all stages, not only their sum");
    // Frames are found by their index, not by their place.
    let gappy = Trace { samples: trace.samples.iter().copied().filter(|s| s.frame % 3 == 0).collect(), ..trace };
    assert_eq!([0, 3, 6, 9].map(|frame| served(&gappy, 7, frame..frame + 1, Span::ZERO)[0]), [100, 103, 106, 109]);
}

#[test]
fn what_was_not_recorded_is_drawn_in_blocks() {
    assert_eq!(BLOCK_LENGTH, 16);
    let trace = trace();
    // Frames 16 to 31 begin at sample 0, frames 32 to 47 at sample 4; both go round, over the samples of other bins.
    let blocks = [
        [101, 101, 102, 104, 104, 106, 106, 107, 109, 109, 101, 101, 102, 104, 104, 106],
        [104, 106, 106, 107, 109, 109, 101, 101, 102, 104, 104, 106, 106, 107, 109, 109],
    ];
    assert_eq!(served(&trace, 7, 16..48, ms(0.2)), blocks.concat());
    let other_seed = [101, 102, 104, 104, 106, 106, 107, 109, 109, 101, 101, 102, 104, 104, 106, 106];
    assert_eq!(served(&trace, 8, 16..32, ms(0.2)), other_seed);
    // In any order, and as often as one likes.
    assert_eq!(served(&trace, 7, 20..21, ms(0.2)), [104]);
    // Frames 10 to 15 belong to a block of which only the beginning was recorded; it begins at sample 8.
    assert_eq!(served(&trace, 7, 10..16, ms(0.2)), [109, 109, 101, 101, 102, 104]);
}

#[test]
fn a_start_after_a_pause_draws_from_such_starts() {
    assert_eq!(IDLE_BINS.map(Span::ms), [1.0, 10.0, 100.0, 1_000.0]);
    let trace = trace();
    // A border belongs to the bin above it.
    for (idle, expected) in [
        (ms(1.0), vec![105; 4]),
        (ms(1.0) - Span(1), vec![101, 101, 102, 104]),
        (ms(10.0), vec![103; 4]),
        (ms(10.0) - Span(1), vec![105; 4]),
        (ms(999.0), vec![108; 4]),
        (ms(1_000.0), vec![100; 4]),
        (Span(i64::MAX), vec![100; 4]),
    ] {
        assert_eq!(served(&trace, 7, 16..20, idle), expected, "idle for {idle}");
    }
    // Where no such start was recorded, another must do: the block as it is.
    let busy = Trace { samples: trace.samples.iter().copied().filter(|s| s.idle < ms(1.0)).collect(), ..trace };
    assert_eq!(served(&busy, 7, 16..22, ms(500.0)), served(&busy, 7, 16..22, Span::ZERO));
    assert_eq!(Trace::default().service(7, 0, Span::ZERO), None);
}

#[test]
fn the_line_tells_how_long_the_device_was_idle() {
    // Back to back 5 ms, after some milliseconds of pause 7 ms, at the very beginning 9 ms. None of the frames of this
    // run was recorded, so all of them draw.
    let sample =
        |(i, (idle, took))| Sample { frame: 1_000 + i, idle: ms(idle), service: ServiceTime::compute(ms(took)) };
    let samples = (0_u64..).zip([(0.0, 5.0), (15.0, 7.0), (5_000.0, 9.0)]).map(sample).collect();
    let trace = Arc::new(Trace { samples, ..Trace::default() });
    for (period, expected) in [(20.0, [9, 7, 7, 7]), (4.0, [9, 5, 5, 5])] {
        let config = LineConfig {
            capture: Clock::from_start(Rate::from_hz(1e3 / period).unwrap()),
            control: Control::Event,
            schedule: Schedule::Newest,
            sensing: Span::ZERO,
            link_out: Span::ZERO,
            link_back: Span::ZERO,
            dead_time: Span::ZERO,
            deadline: None,
            network: None,
            seed: 1,
        };
        let mut line = Line::new(config, Source::Replay(trace.clone()));
        let mut took = vec![];
        while line.peek() < SimTime(80_000_000) {
            if let Some(Event::Started { service, .. }) = line.pop(line.peek()) {
                took.push(service.unwrap().total().0 / 1_000_000);
            }
        }
        assert_eq!(took[..4], expected, "a capture each {period} ms");
    }
}

#[test]
fn a_resampled_burst_stays_a_burst() {
    // Every hundredth to hundred-and-eighth sample is slow. Drawn one by one, a slow one would follow a slow one as
    // rarely as a fast one does.
    let slow = |i: u64| i % 100 < 8;
    let sample = |frame| Sample {
        frame,
        idle: Span::ZERO,
        service: ServiceTime::compute(ms(if slow(frame) { 60.0 } else { 20.0 })),
    };
    let trace = Trace { samples: (0..2_000).map(sample).collect(), ..Trace::default() };
    let drawn = served(&trace, 11, 10_000..210_000, Span::ZERO);
    let all = drawn.iter().filter(|&&s| s == 60).count() as f64 / drawn.len() as f64;
    let (mut after, mut both) = (0.0, 0.0);
    for pair in drawn.windows(2).filter(|pair| pair[0] == 60) {
        after += 1.0;
        both += f64::from(pair[1] == 60);
    }
    assert!((all - 0.08).abs() < 0.005, "{all}");
    // 7 of 8 in the trace; a little less where blocks meet.
    assert!((both / after - 0.82).abs() < 0.03, "{}", both / after);
}

/// What is published of a device: minimum, p50, p90, p99, p99.9, maximum.
fn profile(quantiles: [f64; 6]) -> Profile {
    let quantiles = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0].into_iter().zip(quantiles.map(ms)).collect();
    Profile { name: "test".into(), label: String::new(), source: String::new(), quantiles }
}

/// AGX Orin MAXN, AGX Orin MaxQ and Xavier NX with ResNet-50, Orin NX with BERT-Large.
const PUBLISHED: [[f64; 6]; 4] = [
    [0.623, 0.636, 0.640, 0.644, 0.650, 1.08],
    [0.849, 1.309, 1.636, 1.999, 2.019, 122.1],
    [2.380, 2.434, 2.461, 2.590, 6.733, 38.3],
    [5.71, 8.76, 14.49, 16.81, 16.85, 16.89],
];

const DRAWS: usize = 200_000;

fn sorted_draws(profile: &Profile, seed: u64) -> Vec<Span> {
    let mut draws: Vec<Span> = (0..DRAWS as u64).map(|frame| profile.service(seed, frame).unwrap().total()).collect();
    draws.sort_unstable();
    draws
}

#[test]
fn a_profile_reproduces_its_quantiles() {
    for published in PUBLISHED {
        let draws = sorted_draws(&profile(published), 3);
        for (q, expected) in [0.5, 0.9, 0.99, 0.999].into_iter().zip(&published[1..]) {
            // Where the tail is steep, 200,000 draws do not settle a value to 1 %; how many lie beyond it they do tell.
            let beyond = draws.iter().filter(|draw| draw.ms() > *expected).count() as f64;
            let (mean, deviation) = (DRAWS as f64 * (1.0 - q), (DRAWS as f64 * q * (1.0 - q)).sqrt());
            assert!((beyond - mean).abs() < 4.0 * deviation, "{beyond} draws beyond p{}, not {mean}", 100.0 * q);
            let found = draws[(q * DRAWS as f64) as usize].ms();
            assert!(q > 0.9 || (found / expected - 1.0).abs() < 0.01, "q = {q}: {found} ms, not {expected}");
        }
        assert!(draws[0].ms() >= published[0] && draws[0].ms() < published[0] * 1.01, "{}", draws[0]);
        assert!(draws[DRAWS - 1].ms() <= published[5], "{}", draws[DRAWS - 1]);
    }
}

#[test]
fn the_maximum_lies_in_the_extreme_tail() {
    for published in PUBLISHED.into_iter().filter(|p| p[5] > 2.0 * p[4]) {
        let draws = sorted_draws(&profile(published), 3);
        // Exponential in -ln(1 - q): one half of the logarithmic way from p99.9 to the maximum is at 1 - 10^-4.5, which
        // some 6 of 200,000 draws exceed; the last tenth of the way is for 1 in 500,000.
        let beyond = |way: f64| {
            let border = published[4] * (published[5] / published[4]).powf(way);
            draws.iter().filter(|draw| draw.ms() > border).count()
        };
        assert!((1..=18).contains(&beyond(0.5)), "{} of 6 halfway to the maximum", beyond(0.5));
        assert!(beyond(0.9) <= 3, "{} draws near the maximum", beyond(0.9));
    }
}

#[test]
fn draws_depend_on_seed_and_frame_alone() {
    let profile = profile(PUBLISHED[1]);
    let forward: Vec<_> = (0..100).map(|frame| profile.service(3, frame)).collect();
    let backward: Vec<_> = (0..100).rev().map(|frame| profile.service(3, frame)).collect();
    assert!(forward.iter().eq(backward.iter().rev()));
    let other: Vec<_> = (0..100).map(|frame| profile.service(4, frame)).collect();
    assert!(forward.iter().zip(&other).filter(|(a, b)| a == b).count() < 3);
    assert_eq!(profile.service(3, 0).unwrap().total(), Span(974_404));
    assert_eq!(profile.service(3, 4).unwrap().total(), Span(2_003_326));
}

#[test]
fn units_are_pinned() {
    let units = [0.136_309_464_301_254_73, 0.575_954_383_550_557_2, 0.240_714_053_463_354_45, 0.524_378_399_386_216_1];
    assert_eq!([0, 1, 2, 3].map(|k| draw_unit(3, Stream::Service, k)), units);
    let streams = [Stream::Service, Stream::Scenario, Stream::Sensor, Stream::Input];
    let mut draws: Vec<u64> = streams.iter().flat_map(|&s| (0..100).map(move |k| draw(3, s, k))).collect();
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), 400, "streams do not share draws");
}

#[test]
fn a_source_says_whether_it_occupies_and_what_it_knows() {
    let service = ServiceTime::compute(ms(5.0));
    let trace = Arc::new(Trace { samples: vec![Sample { frame: 0, idle: Span::ZERO, service }], ..Trace::default() });
    let profile = Arc::new(profile([5.0; 6]));
    for (source, occupies, known) in [
        (Source::Measured, true, None),
        (Source::Replay(trace), true, Some(service)),
        (Source::Profile(profile), true, Some(service)),
        (Source::Service(ms(5.0)), true, Some(service)),
        (Source::Fixed(ms(5.0)), false, Some(service)),
        (Source::ZERO, false, Some(ServiceTime::default())),
        (Source::Recorded { occupies: true }, true, None),
        (Source::Recorded { occupies: false }, false, None),
    ] {
        assert_eq!((source.occupies(), source.service(1, 9, Span::ZERO)), (occupies, known), "{source:?}");
        assert_eq!(source.modelled(), matches!(source, Source::Profile(_)));
    }
}
