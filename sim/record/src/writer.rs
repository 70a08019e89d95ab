//! From log entries to an MCAP file.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use episode::{Entry, Failure, Summary, TickEntry};
use foxglove::messages::log::Level;
use timing::{NANOS_PER_SEC, SimTime, Span};

use crate::channel::{COURSE, Channels, LOG, SCAN, SCENE, TF};
use crate::edit::EditMessage;
use crate::file::Draft;
use crate::life::{FrameMessage, TickMessage};
use crate::message::{FailureMessage, PredictionMessage};
use crate::scene::{Scene, event};
use crate::{Header, RecordError};

/// Drawn at most this often, a simulated second: transforms and plots, moving things, scans.
const TICK_HZ: i64 = 60;
const SCENE_HZ: i64 = 20;
const SCAN_HZ: i64 = 10;

/// A killed run loses no more of what was pushed. Half of what may be lost: its driver holds some too.
const FLUSH: Span = Span(50_000_000);

/// Writes a run's log while it goes on.
///
/// The file is `NAME.partial` until [`Writer::finish`]; a writer that is dropped, killed or out of room leaves that, and
/// [`crate::read`] reads it up to the cut. Whole chunks reach the system, one for each 50 ms of run or less.
pub struct Writer {
    draft: Draft,
    log: Log<Box<dyn Write + Send>>,
    failed: bool,
}

impl Writer {
    /// Begins a log that is to become `path`, whose folder must exist.
    pub fn create(path: impl AsRef<Path>, header: &Header) -> Result<Self, RecordError> {
        let draft = Draft::of(path.as_ref());
        let sink = Box::new(draft.create()?);
        Self::over(draft, sink, header)
    }

    /// A writer over any sink.
    pub(crate) fn over(draft: Draft, sink: Box<dyn Write + Send>, header: &Header) -> Result<Self, RecordError> {
        let log = Log::begin(sink, header).map_err(|source| draft.failed(source))?;
        Ok(Self { draft, log, failed: false })
    }

    /// Adds what happened next.
    pub fn push(&mut self, entry: &Entry) -> Result<(), RecordError> {
        self.attempt(|log| log.push(entry))
    }

    /// Hands all that was pushed to the system, so that a killed program loses none of it. Happens by itself after each
    /// 50 ms of run.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.attempt(Log::flush)
    }

    /// Ends the log and gives it its final name.
    pub fn finish(mut self, summary: &Summary) -> Result<(), RecordError> {
        self.attempt(|log| log.finish(summary))?;
        drop(self.log);
        self.draft.publish()
    }

    /// Ends the log of a run that was broken off and gives it its final name. [`crate::read`] says that it is not complete.
    pub fn leave(mut self) -> Result<(), RecordError> {
        self.attempt(Log::leave)?;
        drop(self.log);
        self.draft.publish()
    }

    /// Takes the file away again.
    pub fn discard(self) -> Result<(), RecordError> {
        drop(self.log);
        self.draft.discard()
    }

    /// After an error nothing more is written: what follows a gap is worth nothing.
    fn attempt(
        &mut self,
        work: impl FnOnce(&mut Log<Box<dyn Write + Send>>) -> io::Result<()>,
    ) -> Result<(), RecordError> {
        let result = if self.failed { Err(io::Error::other("an earlier write failed")) } else { work(&mut self.log) };
        self.failed |= result.is_err();
        result.map_err(|source| self.draft.failed(source))
    }
}

/// The log itself, whatever it is written to.
struct Log<W: Write> {
    channels: Channels<BufWriter<W>>,
    setup: Option<Arc<scenario::Setup>>,
    scene: Option<Scene>,
    /// The newest instant that an entry told.
    now: SimTime,
    flushed: SimTime,
    ticks: u64,
    /// Of the ticks since the last message, and the last of them.
    digests: Vec<u64>,
    last: Option<TickEntry>,
    tick_pace: Pace,
    scene_pace: Pace,
    scan_pace: Pace,
}

impl<W: Write> Log<W> {
    fn begin(sink: W, header: &Header) -> io::Result<Self> {
        let setup = header.setup();
        let mut header = header.clone();
        if header.schedule.is_empty() {
            header.schedule = header.find_schedule(setup.as_deref());
        }
        let mut log = Self {
            channels: Channels::create(BufWriter::new(sink))?,
            scene: setup.as_ref().map(|setup| Scene::new(setup.world.clone())),
            setup,
            now: SimTime::ZERO,
            flushed: SimTime::ZERO,
            ticks: 0,
            digests: Vec::new(),
            last: None,
            tick_pace: Pace::new(TICK_HZ),
            scene_pace: Pace::new(SCENE_HZ),
            scan_pace: Pace::new(SCAN_HZ),
        };
        log.channels.put(SimTime::ZERO, &header)?;
        if let Some(scene) = &log.scene {
            log.channels.show(COURSE, SimTime::ZERO, &scene.course())?;
            log.channels.show(TF, SimTime::ZERO, &scene.transforms(SimTime::ZERO, scene.start()))?;
        }
        log.channels.metadata("deadtime", header.metadata())?;
        log.channels.flush()?;
        Ok(log)
    }

    fn push(&mut self, entry: &Entry) -> io::Result<()> {
        self.now = self.now.max(instant(entry).unwrap_or_default());
        let now = self.now;
        match entry {
            Entry::Tick(tick) => self.tick(tick)?,
            Entry::Observed(observation) => {
                if let Some(scene) = &mut self.scene {
                    scene.observe(observation);
                    if self.scan_pace.due(observation.at) {
                        self.channels.show(SCAN, observation.at, &scene.scan(observation))?;
                    }
                }
            }
            Entry::Predicted(prediction) => self.channels.put(now, &PredictionMessage::from(prediction))?,
            Entry::Failed(failure) => {
                self.channels.put(now, &FailureMessage::from(failure))?;
                self.say(Level::Warning, told(failure))?;
            }
            Entry::Ended { at, frame, fate, command, safe } => {
                let line = self.setup.as_ref().map(|setup| &setup.line);
                let message = FrameMessage::new(*at, frame, *fate, *command, *safe, line);
                self.channels.put(now, &message)?;
                if *safe {
                    self.say(Level::Warning, format!("frame {}: the safe command stands in for its output", frame.id))?;
                }
                if let Some(scene) = &mut self.scene {
                    scene.end(frame.id, *fate);
                }
            }
            Entry::Stale { age, .. } => {
                self.say(Level::Warning, format!("the watchdog stops the robot: the command in force is {age} old"))?;
            }
            Entry::Contact(contact) => {
                self.say(Level::Error, format!("hit the {} at {:.2} m/s", contact.with, contact.impact_speed))?;
            }
            Entry::Edited(edit) => {
                let message = EditMessage::from(edit);
                self.channels.put(now, &message)?;
                self.say(Level::Info, message.sentence())?;
            }
            Entry::Over { outcome, .. } => self.say(Level::Info, format!("the episode ends: {outcome}"))?,
        }
        if now - self.flushed >= FLUSH { self.flush() } else { Ok(()) }
    }

    fn tick(&mut self, tick: &TickEntry) -> io::Result<()> {
        self.digests.push(tick.digest);
        self.last = Some(tick.clone());
        if self.tick_pace.due(tick.at) {
            self.put_ticks()?;
        }
        if let Some(scene) = &mut self.scene
            && self.scene_pace.due(tick.at)
        {
            self.channels.show(SCENE, tick.at, &scene.moving(tick.at, tick.robot, &tick.actors))?;
        }
        Ok(())
    }

    /// The ticks that no message has told yet.
    fn put_ticks(&mut self) -> io::Result<()> {
        let Some(last) = self.last.take() else { return Ok(()) };
        self.channels.put(last.at, &TickMessage::new(self.ticks, &self.digests, &last))?;
        self.ticks += self.digests.len() as u64;
        self.digests.clear();
        match &self.scene {
            Some(scene) => self.channels.show(TF, last.at, &scene.transforms(last.at, last.robot)),
            None => Ok(()),
        }
    }

    fn say(&mut self, level: Level, message: String) -> io::Result<()> {
        self.channels.show(LOG, self.now, &event(self.now, level, message))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put_ticks()?;
        self.flushed = self.now;
        self.channels.flush()
    }

    fn leave(&mut self) -> io::Result<()> {
        self.put_ticks()?;
        self.channels.finish()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.put_ticks()?;
        self.channels.put(self.now, summary)?;
        self.channels.finish()
    }
}

/// When it happened, where the entry says so.
fn instant(entry: &Entry) -> Option<SimTime> {
    match entry {
        Entry::Tick(tick) => Some(tick.at),
        Entry::Observed(observation) => Some(observation.at),
        Entry::Predicted(_) | Entry::Failed(_) => None,
        Entry::Ended { at, .. } | Entry::Stale { at, .. } | Entry::Over { at, .. } => Some(*at),
        Entry::Contact(contact) => Some(contact.at),
        Entry::Edited(edit) => Some(edit.at),
    }
}

fn told(Failure { id, after, why }: &Failure) -> String {
    match why.as_str() {
        "" => format!("frame {id}: not finished at its deadline, {after} after its start"),
        why => format!("frame {id}: failed {after} after its start: {why}"),
    }
}

/// Lets one through in each period.
struct Pace {
    hz: i64,
    last: Option<i128>,
}

impl Pace {
    fn new(hz: i64) -> Self {
        Self { hz, last: None }
    }

    fn due(&mut self, at: SimTime) -> bool {
        let period = i128::from(at.0) * i128::from(self.hz) / i128::from(NANOS_PER_SEC);
        self.last.replace(period) != Some(period)
    }
}
