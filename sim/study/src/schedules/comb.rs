//! The comb: on a busy device more latency can be safe again. Which service times collide, period by period.

use std::sync::Arc;

use plant::{Piece, Plant, Robot};
use scenario::{Outcome, PilotSpec, Setup};
use serde::Serialize;
use timing::{Clock, Rate, Schedule, SimTime, Source, Span, max_reaction};

use crate::drive::ride;
use crate::pool::{self, Load, Progress};
use crate::{Course, StudyError};

/// The comb of a scenario in which somebody brakes on sight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comb {
    /// The obstacle is moved so that it comes into sight this long after the start, ms; captures are at phase 0.
    pub sight_ms: f64,
    /// The longest reaction that stops in time, `D/v - v/(2b)`, ms.
    pub reaction_ms: f64,
    /// One a period of capture.
    pub rows: Vec<CombRow>,
}

/// One period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CombRow {
    /// T, ms.
    pub period_ms: f64,
    /// The first service time that was run, ms; the others follow each by a millisecond.
    pub from_ms: u32,
    /// Whether it collides, by service time.
    pub collides: Vec<bool>,
    /// The last service time before each change, ms.
    pub switches_ms: Vec<u32>,
    /// In how many the episode and the arithmetic of the single slot say the same.
    pub as_computed: usize,
}

/// Service times of a row, ms.
const SERVICES: std::ops::RangeInclusive<u32> = 10..=170;
/// Periods, ms. Where one divides the instant of sight, as 20 does, the comb is that of the device's own train of inferences.
const PERIODS: [u32; 6] = [8, 16, 20, 40, 64, 80];
/// When the obstacle comes into sight.
const SIGHT: Span = Span(500_000_000);

/// Runs all of them; `None` where nobody brakes on sight of something straight ahead.
pub(crate) fn comb(
    course: &Course,
    jobs: usize,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Option<Comb>, StudyError> {
    let Some((setup, reaction)) = prepare(course)? else { return Ok(None) };
    let tasks: Vec<(u32, u32)> = PERIODS.iter().flat_map(|&t| SERVICES.map(move |s| (t, s))).collect();
    progress.begin("the comb", tasks.len(), false);
    let hits = pool::run(&tasks, jobs, load, progress, async |seat, &(period, service)| {
        let mut setup = setup.clone();
        let rate = Rate::from_hz(1e3 / f64::from(period)).ok_or(StudyError::Lost)?;
        setup.line.capture = Clock::from_start(rate);
        let source = Source::Service(Span::from_ms(f64::from(service)));
        let (episode, _) = ride(seat, setup, None, source, false).await?;
        Ok(episode.outcome() == Some(Outcome::Collision))
    })?;
    progress.end();
    let rows = PERIODS.iter().zip(hits.chunks(SERVICES.count()));
    let rows = rows.map(|(&period, hits)| row(period, hits, reaction)).collect();
    Ok(Some(Comb { sight_ms: SIGHT.ms(), reaction_ms: reaction * 1e3, rows }))
}

/// The setup with its obstacles moved, and the longest reaction in seconds.
fn prepare(course: &Course) -> Result<Option<(Setup, f64)>, StudyError> {
    let mut setup = course.setup(course.scenario.seed)?;
    let (PilotSpec::BrakeOnSight { sight }, Robot::Rover(rover)) = (&setup.pilot, &setup.world.robot) else {
        return Ok(None);
    };
    let speed = setup.world.start_speed;
    let reaction = max_reaction(*sight, speed, rover.braking);
    let plant = Plant::new(setup.world.clone()).map_err(episode::EpisodeError::from)?;
    let start = [Piece { from: SimTime::ZERO, command: setup.initial_command }];
    let gap = plant.observe(&start, SimTime::ZERO, 0).gap;
    if !(gap.is_finite() && speed > 0.0 && setup.world.actors.is_empty()) {
        return Ok(None);
    }
    let shift = sight + speed * SIGHT.secs() - gap;
    let (sin, cos) = setup.world.start.yaw.sin_cos();
    let world = Arc::make_mut(&mut setup.world);
    for obstacle in &mut world.obstacles {
        obstacle.pose.x += shift * cos;
        obstacle.pose.y += shift * sin;
    }
    if let Some(goal) = &mut world.goal {
        goal.x += shift * cos;
        goal.y += shift * sin;
    }
    setup.line.schedule = Schedule::Newest;
    Ok(Some((setup, reaction)))
}

fn row(period: u32, hits: &[bool], reaction: f64) -> CombRow {
    let services = || SERVICES.zip(hits.iter().copied());
    let computed = |s: u32| {
        let latest = Span::from_secs(reaction) + Span(1);
        reaction_by_hand(Span::from_ms(f64::from(period)), Span::from_ms(f64::from(s))) > latest
    };
    CombRow {
        period_ms: f64::from(period),
        from_ms: *SERVICES.start(),
        collides: hits.to_vec(),
        switches_ms: services().zip(hits.iter().skip(1)).filter(|((_, a), b)| a != *b).map(|((s, _), _)| s).collect(),
        as_computed: services().filter(|(s, hit)| computed(*s) == *hit).count(),
    }
}

/// From first sight to the brakes, for a device that takes `service` a frame and always takes the newest capture of phase 0:
/// worked out without the delay line.
fn reaction_by_hand(period: Span, service: Span) -> Span {
    let (period, service) = (period.0, service.0);
    let mut start = 0;
    loop {
        let captured = start / period * period;
        let finish = start + service;
        if captured >= SIGHT.0 {
            return Span(finish - SIGHT.0);
        }
        // It waits for a newer frame if it has seen the newest.
        start = if finish / period * period > captured { finish } else { captured + period };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_the_last_before_a_change() {
        let hits: Vec<bool> = SERVICES.map(|s| (20..30).contains(&s) || s >= 100).collect();
        assert_eq!(row(20, &hits, 0.150).switches_ms, [19, 29, 99]);
    }

    #[test]
    fn the_arithmetic_knows_the_comb_of_the_contract() {
        let late = |ms: u32| reaction_by_hand(Span::from_ms(20.0), Span::from_ms(f64::from(ms))) > Span::from_ms(150.0);
        let switches: Vec<u32> = (10..170).filter(|&ms| late(ms) != late(ms + 1)).collect();
        assert_eq!(switches, [81, 83, 92, 99, 108, 124, 130]);
    }
}
