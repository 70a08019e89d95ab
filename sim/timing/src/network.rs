//! A modelled network between robot and device: delay, jitter, bandwidth, and losses that come in bursts.

use serde::{Deserialize, Serialize};

use crate::hash::{Stream, draw_unit};
use crate::{SimTime, Span};

/// One direction of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// Propagation: the least delay of any frame. Occupies nothing.
    pub delay: Span,
    /// Mean of what comes on top, drawn from an exponential distribution and cut at [`JITTER_CUT`] means.
    pub jitter: Span,
    /// How long one byte occupies this direction, nanoseconds: 8,000 over the bandwidth in Mbit/s.
    pub byte_ns: f64,
}

/// Losses after Gilbert (1960) and Elliott (1963): the channel is good or bad, a frame finds it in one of the two states, and
/// states last for many frames, so losses come in bursts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Share of frames lost in each direction while the channel is good.
    pub good: f64,
    /// And while it is bad.
    pub bad: f64,
    /// Probability, from one frame to the next, that a good channel turns bad.
    pub to_bad: f64,
    /// That a bad one turns good.
    pub to_good: f64,
    /// What a bad channel adds to the delay of each direction: repeats below the level that is modelled.
    pub bad_delay: Span,
}

/// A network: modelled, never measured, and always labelled so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// As typed after `--network`.
    pub name: String,
    /// What it stands for, in words.
    pub label: String,
    /// Where the numbers come from.
    pub source: String,
    /// Robot to device.
    pub out: Way,
    /// Device to robot.
    pub back: Way,
    /// What gets lost.
    pub loss: Loss,
    /// Size of a frame on its way out.
    pub frame_bytes: u64,
    /// Size of an answer.
    pub answer_bytes: u64,
}

/// Jitter is cut at so many means: beyond, a frame counts as lost in practice, and losses are modelled apart.
pub const JITTER_CUT: f64 = 8.0;

impl Network {
    /// So many times as slow, losses unchanged; for experiments.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let way = |way: Way| Way {
            delay: way.delay.times(factor),
            jitter: way.jitter.times(factor),
            byte_ns: way.byte_ns * factor,
        };
        let loss = Loss { bad_delay: self.loss.bad_delay.times(factor), ..self.loss };
        Self { out: way(self.out), back: way(self.back), loss, ..self.clone() }
    }

    /// Mean delay of a frame and its answer together, where neither waits for the link and the channel is good: propagation, mean jitter and
    /// transmission.
    pub fn mean_delay(&self) -> Span {
        // Of an exponential distribution of mean 1 whose values beyond the cut are the cut.
        self.delay_at(1.0 - libm::exp(-JITTER_CUT))
    }

    /// The longest that both can take together, likewise.
    pub fn longest_delay(&self) -> Span {
        self.delay_at(JITTER_CUT)
    }

    fn delay_at(&self, jitter: f64) -> Span {
        let (frame, answer) = self.transmission();
        self.out.delay + self.back.delay + frame + answer + (self.out.jitter + self.back.jitter).times(jitter)
    }

    /// Whether every frame takes the same and none gets lost.
    pub fn steady(&self) -> bool {
        let Loss { good, to_bad, .. } = self.loss;
        self.out.jitter + self.back.jitter == Span::ZERO && good == 0.0 && to_bad == 0.0
    }

    /// How long a frame, and an answer, occupies its direction.
    pub fn transmission(&self) -> (Span, Span) {
        let span = |bytes: u64, way: Way| Span((bytes as f64 * way.byte_ns).round_ties_even() as i64);
        (span(self.frame_bytes, self.out), span(self.answer_bytes, self.back))
    }

    /// The delay of frame `id` in one direction, and whether it gets lost: a function of the seed, the frame and the state.
    fn draw(&self, seed: u64, stream: Stream, id: u64, bad: bool) -> (Span, bool) {
        let way = if stream == Stream::LinkOut { self.out } else { self.back };
        let jitter = (-libm::log(draw_unit(seed, stream, 2 * id))).min(JITTER_CUT);
        let (share, more) = if bad { (self.loss.bad, self.loss.bad_delay) } else { (self.loss.good, Span::ZERO) };
        let lost = draw_unit(seed, stream, 2 * id + 1) < share;
        (way.delay + way.jitter.times(jitter) + more, lost)
    }
}

/// What becomes of something sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When it is there, or gets lost.
    pub at: SimTime,
    pub lost: bool,
}

/// The state of the network: whether it is bad, and when each direction is free.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Channel {
    bad: bool,
    out: Pipe,
    back: Pipe,
}

/// One direction: frames go through it one after the other, and none overtakes another.
#[derive(Clone, Copy, Debug, Default)]
struct Pipe {
    free: SimTime,
    last: SimTime,
}

impl Pipe {
    fn send(&mut self, now: SimTime, transmission: Span, delay: Span) -> SimTime {
        self.free = self.free.max(now) + transmission;
        self.last = self.last.max(self.free + delay);
        self.last
    }
}

impl Channel {
    /// Frame `id`, ready to be sent at `now`. One frame may wait for the link; `None`: it is dropped, since one waits already.
    pub fn out(&mut self, network: Option<&Network>, seed: u64, id: u64, now: SimTime) -> Option<Sent> {
        let Some(network) = network else { return Some(Sent { at: now, lost: false }) };
        let turn = if self.bad { network.loss.to_good } else { network.loss.to_bad };
        self.bad ^= draw_unit(seed, Stream::Channel, id) < turn;
        let (transmission, _) = network.transmission();
        if self.out.free > now + transmission {
            return None;
        }
        let (delay, lost) = network.draw(seed, Stream::LinkOut, id, self.bad);
        Some(Sent { at: self.out.send(now, transmission, delay), lost })
    }

    /// The answer to frame `id`, ready at `now`; it finds the channel as the newest capture left it.
    pub fn back(&mut self, network: Option<&Network>, seed: u64, id: u64, now: SimTime) -> Sent {
        let Some(network) = network else { return Sent { at: now, lost: false } };
        let (delay, lost) = network.draw(seed, Stream::LinkBack, id, self.bad);
        Sent { at: self.back.send(now, network.transmission().1, delay), lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        let way = |delay| Way { delay: Span(delay), jitter: Span(2_000_000), byte_ns: 5_000.0 };
        Network {
            name: "n".into(),
            label: String::new(),
            source: String::new(),
            out: way(10_000_000),
            back: way(20_000_000),
            loss: Loss { good: 0.01, bad: 0.6, to_bad: 0.02, to_good: 0.2, bad_delay: Span(7_000_000) },
            frame_bytes: 1_000,
            answer_bytes: 1_000,
        }
    }

    /// Where every frame of a run arrives, in a period of 50 ms.
    fn run(network: &Network, seed: u64, frames: u64) -> Vec<Option<Sent>> {
        let mut channel = Channel::default();
        (0..frames).map(|id| channel.out(Some(network), seed, id, SimTime(id as i64 * 50_000_000))).collect()
    }

    #[test]
    fn draws_depend_on_seed_and_frame_alone() {
        // Part of the replay format.
        let first = run(&network(), 7, 3);
        let at: Vec<i64> = first.iter().flatten().map(|sent| sent.at.0).collect();
        assert_eq!(at, VECTORS);
        assert_eq!(first, run(&network(), 7, 3));
        assert_ne!(first, run(&network(), 8, 3));
    }

    const VECTORS: [i64; 3] = [16_888_235, 65_940_570, 118_590_860];

    #[test]
    fn losses_have_the_share_and_the_bursts_of_the_chain() {
        let network = network();
        let lost: Vec<bool> = run(&network, 3, 200_000).into_iter().flatten().map(|sent| sent.lost).collect();
        let share = lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64;
        // In the long run the channel is bad for to_bad / (to_bad + to_good) of the time.
        let bad = 0.02 / 0.22;
        let expected = bad * 0.6 + (1.0 - bad) * 0.01;
        assert!((share / expected - 1.0).abs() < 0.05, "{share} against {expected}");
        let after = lost.windows(2).filter(|pair| pair[0]).map(|pair| f64::from(u8::from(pair[1])));
        let again = after.clone().sum::<f64>() / after.count() as f64;
        assert!(again > 5.0 * share, "a loss is followed by a loss in {again}, not in {share}");
    }

    #[test]
    fn bandwidth_occupies_and_delay_does_not() {
        let quiet = Loss { good: 0.0, bad: 0.0, to_bad: 0.0, to_good: 1.0, bad_delay: Span::ZERO };
        let way = Way { delay: Span(100), jitter: Span::ZERO, byte_ns: 0.01 };
        let network = Network { out: way, back: way, loss: quiet, ..network() };
        let mut channel = Channel::default();
        let mut out = |id, now| channel.out(Some(&network), 0, id, SimTime(now)).map(|sent| sent.at.0);
        assert_eq!(out(0, 0), Some(110));
        assert_eq!(out(1, 1), Some(120), "waits for the link, not for the other's arrival");
        assert_eq!(out(2, 2), None, "one waits already");
        assert_eq!(out(3, 12), Some(130));
        let twice = network.scaled(2.0);
        assert_eq!((twice.out.delay, twice.transmission().1), (Span(200), Span(20)));
    }

    #[test]
    fn the_mean_delay_is_that_of_the_draws() {
        let network = network();
        // 10 + 20 ms of propagation, 2 + 2 of jitter less its cut, 5 ms each way for a kilobyte.
        let expected = 40.0 + 4.0 * (1.0 - (-8f64).exp());
        assert!((network.mean_delay().ms() - expected).abs() < 1e-5, "{}", network.mean_delay().ms());
        let drawn = |stream| (0..100_000).map(|id| network.draw(5, stream, id, false).0.ms()).sum::<f64>() / 1e5;
        let mean = drawn(Stream::LinkOut) + drawn(Stream::LinkBack) + 10.0;
        assert!((mean - expected).abs() < 0.05, "{mean} against {expected}");
        assert_eq!(network.longest_delay(), Span(72_000_000));
        assert!(!network.steady());
    }

    #[test]
    fn none_overtakes_another() {
        let mut last = SimTime::ZERO;
        for sent in run(&network(), 11, 5_000).into_iter().flatten() {
            assert!(sent.at >= last);
            last = sent.at;
        }
    }
}
