//! From a log to what a replay needs.

use std::collections::BTreeMap;
use std::path::Path;

use episode::{Answer, Edit};
use serde::de::DeserializeOwned;
use serde_json::Value;
use timing::{SimTime, Span};

use crate::edit::EditMessage;
use crate::life::{Digests, FrameMessage, TickMessage};
use crate::mcap_file::{Raw, content};
use crate::message::{FailureMessage, Message, PredictionMessage};
use crate::{FORMAT, Header, RecordError, file};

/// What a log holds of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What the run was.
    pub header: Header,
    /// What came of each inference, by frame: the run's prediction stream.
    pub answers: BTreeMap<u64, Answer>,
    /// What a person changed, in the order of time. A source that took its times from a clock, a trace or a profile
    /// comes back as [`timing::Source::Recorded`].
    pub edits: Vec<Edit>,
    /// The rolling digest after each tick, from the first on.
    pub digests: Vec<u64>,
    /// The run's summary as JSON; `None` when it did not come to its end.
    pub summary: Option<Value>,
    /// Whether the run came to its end and the file is whole. Otherwise this is what came before the cut or the damage.
    pub complete: bool,
}

/// Reads a log, or what a killed run left of one under `NAME.partial`.
///
/// An error means that the file is no log, or one that no run could have written; damage found by checksums is no error,
/// see [`Recording::complete`]. Never panics, whatever the file holds.
pub fn read(path: impl AsRef<Path>) -> Result<Recording, RecordError> {
    let path = path.as_ref();
    decode(&file::read(path)?, path).map(|(recording, _)| recording)
}

/// When an inference had the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Service {
    /// `s`.
    pub started: SimTime,
    /// `f`, or its loss.
    pub ended: SimTime,
}

/// The recording, and when each inference whose frame has ended had the device.
pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<(Recording, BTreeMap<u64, Service>), RecordError> {
    let not_a_log = |found: &str| RecordError::NotALog { path: path.to_owned(), found: found.to_owned() };
    let content = content(bytes).ok_or_else(|| not_a_log("other first bytes than MCAP's"))?;
    if let Some(compression) = content.compression {
        let found = format!("chunks compressed by `{compression}` (undo it with `mcap compress --compression none`)");
        return Err(not_a_log(&found));
    }
    let mut messages = content.messages.into_iter();
    let header = messages.find(|message| message.topic == Header::TOPIC);
    let header = header.ok_or_else(|| not_a_log("no header, or it is damaged or was never completely written"))?;
    let decoder = Decoder { path };
    let mut recording = Recording {
        header: decoder.header(header)?,
        answers: BTreeMap::new(),
        edits: Vec::new(),
        digests: Vec::new(),
        summary: None,
        complete: false,
    };
    let mut services = BTreeMap::new();
    for message in messages {
        decoder.take(message, &mut recording, &mut services)?;
    }
    recording.complete = content.whole && recording.summary.is_some();
    Ok((recording, services))
}

struct Decoder<'a> {
    path: &'a Path,
}

impl Decoder<'_> {
    fn header(&self, raw: Raw<'_>) -> Result<Header, RecordError> {
        /// All that is asked of a log of a later version.
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
            #[serde(default)]
            deadtime: String,
        }
        let Version { version, deadtime } = self.json(raw)?;
        if version > FORMAT {
            return Err(RecordError::Version { path: self.path.to_owned(), found: version, by: deadtime });
        }
        self.json(raw)
    }

    fn take(
        &self,
        raw: Raw<'_>,
        recording: &mut Recording,
        services: &mut BTreeMap<u64, Service>,
    ) -> Result<(), RecordError> {
        match raw.topic {
            PredictionMessage::TOPIC => {
                let prediction = self.json::<PredictionMessage>(raw)?.prediction();
                let prediction = prediction.ok_or_else(|| self.content(raw, "a negative duration"))?;
                // The first answer is the one that the run used.
                recording.answers.entry(prediction.id).or_insert(Answer::Predicted(prediction));
            }
            FailureMessage::TOPIC => {
                let failure = self.json::<FailureMessage>(raw)?.failure();
                let failure = failure.ok_or_else(|| self.content(raw, "a negative duration"))?;
                recording.answers.entry(failure.id).or_insert(Answer::Failed(failure));
            }
            EditMessage::TOPIC => {
                let edit = self.json::<EditMessage>(raw)?.edit();
                let edit = edit.ok_or_else(|| self.content(raw, "a change without its value"))?;
                if edit.at < recording.edits.last().map_or(SimTime::ZERO, |last| last.at) {
                    return Err(self.content(raw, "an edit before the one before it"));
                }
                recording.edits.push(edit);
            }
            <TickMessage<'_>>::TOPIC => {
                let Digests { first, digests } = self.json(raw)?;
                if first != recording.digests.len() as u64 {
                    let found = format!("tick {first} after {} ticks", recording.digests.len());
                    return Err(self.content(raw, &found));
                }
                recording.digests.extend(digests);
            }
            FrameMessage::TOPIC => {
                let frame: FrameMessage = self.json(raw)?;
                if let Some(started) = frame.started {
                    services.insert(frame.frame, Service { started, ended: frame.finished.unwrap_or(frame.at) });
                }
            }
            <episode::Summary as Message>::TOPIC => recording.summary = Some(self.json(raw)?),
            _ => {}
        }
        Ok(())
    }

    fn json<T: DeserializeOwned>(&self, raw: Raw<'_>) -> Result<T, RecordError> {
        serde_json::from_slice(raw.data).map_err(|error| self.content(raw, &error.to_string()))
    }

    fn content(&self, raw: Raw<'_>, found: &str) -> RecordError {
        let found = format!("{found} at {}", SimTime::ZERO + Span(i64::try_from(raw.at).unwrap_or(i64::MAX)));
        RecordError::Content { path: self.path.to_owned(), topic: raw.topic.to_owned(), found }
    }
}
