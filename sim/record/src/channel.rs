//! The channels of a log, and the MCAP writer below them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use foxglove::Encode;
use foxglove::messages::{FrameTransforms, LaserScan, Log, SceneUpdate};
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{McapError, WriteOptions};
use timing::SimTime;

use crate::Header;
use crate::edit::EditMessage;
use crate::life::{FrameMessage, TickMessage};
use crate::message::{FailureMessage, Message, PredictionMessage};
use crate::schema::schema;

/// Robot and ghost.
pub(crate) const TF: &str = "/tf";
/// What never moves.
pub(crate) const COURSE: &str = "/course";
/// What moves.
pub(crate) const SCENE: &str = "/scene";
/// Range scans.
pub(crate) const SCAN: &str = "/scan";
/// Events in words.
pub(crate) const LOG: &str = "/log";

/// Messages on channels, in chunks that reach the sink whole.
pub(crate) struct Channels<W: Write> {
    mcap: mcap::Writer<NoSeek<W>>,
    ids: BTreeMap<&'static str, u16>,
    sequence: u32,
    buffer: Vec<u8>,
}

impl<W: Write> Channels<W> {
    /// A new file with all its channels.
    pub fn create(sink: W) -> io::Result<Self> {
        let options = WriteOptions::new()
            .profile("")
            .library(concat!("deadtime ", env!("CARGO_PKG_VERSION")))
            // A chunk is gathered in memory: a killed run never leaves the beginning of one under a wrong length.
            .disable_seeking(true)
            // Whoever writes says when a chunk ends.
            .chunk_size(None);
        let mcap = options.create(NoSeek::new(sink)).map_err(into_io)?;
        let mut channels = Self { mcap, ids: BTreeMap::new(), sequence: 0, buffer: Vec::new() };
        channels.add_foxglove::<FrameTransforms>(TF)?;
        channels.add_foxglove::<SceneUpdate>(COURSE)?;
        channels.add_foxglove::<SceneUpdate>(SCENE)?;
        channels.add_foxglove::<LaserScan>(SCAN)?;
        channels.add_foxglove::<Log>(LOG)?;
        channels.add_json::<Header>()?;
        channels.add_json::<PredictionMessage>()?;
        channels.add_json::<FailureMessage>()?;
        channels.add_json::<EditMessage>()?;
        channels.add_json::<FrameMessage>()?;
        channels.add_json::<TickMessage<'_>>()?;
        channels.add_json::<episode::Summary>()?;
        Ok(channels)
    }

    fn add_foxglove<E: Encode>(&mut self, topic: &'static str) -> io::Result<()> {
        let schema = E::get_schema().ok_or_else(|| io::Error::other("a message without a schema"))?;
        self.add(topic, &schema.name, &schema.encoding, &schema.data, &E::get_message_encoding())
    }

    fn add_json<M: Message>(&mut self) -> io::Result<()> {
        let text = schema(M::SCHEMA, M::FIELDS).to_string();
        self.add(M::TOPIC, M::SCHEMA, "jsonschema", text.as_bytes(), "json")
    }

    fn add(
        &mut self,
        topic: &'static str,
        name: &str,
        encoding: &str,
        schema: &[u8],
        messages: &str,
    ) -> io::Result<()> {
        let schema = self.mcap.add_schema(name, encoding, schema).map_err(into_io)?;
        let id = self.mcap.add_channel(schema, topic, messages, &BTreeMap::new()).map_err(into_io)?;
        self.ids.insert(topic, id);
        Ok(())
    }

    /// A metadata record; ends the chunk.
    pub fn metadata(&mut self, name: &str, metadata: BTreeMap<String, String>) -> io::Result<()> {
        self.mcap.write_metadata(&Metadata { name: name.to_owned(), metadata }).map_err(into_io)
    }

    /// A message of ours.
    pub fn put<M: Message>(&mut self, at: SimTime, message: &M) -> io::Result<()> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, message)?;
        self.write(M::TOPIC, at)
    }

    /// A message for viewers.
    pub fn show<E: Encode>(&mut self, topic: &'static str, at: SimTime, message: &E) -> io::Result<()> {
        self.buffer.clear();
        message.encode(&mut self.buffer).map_err(|error| io::Error::other(error.to_string()))?;
        self.write(topic, at)
    }

    fn write(&mut self, topic: &str, at: SimTime) -> io::Result<()> {
        let channel_id = *self.ids.get(topic).ok_or_else(|| io::Error::other(format!("no channel {topic}")))?;
        let log_time = at.0.max(0).unsigned_abs();
        self.sequence = self.sequence.wrapping_add(1);
        let header = MessageHeader { channel_id, sequence: self.sequence, log_time, publish_time: log_time };
        self.mcap.write_to_known_channel(&header, &self.buffer).map_err(into_io)
    }

    /// Ends the chunk and hands it to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.mcap.flush().map_err(into_io)
    }

    /// Writes the index. Nothing may follow.
    pub fn finish(&mut self) -> io::Result<()> {
        self.mcap.finish().map_err(into_io).map(drop)
    }
}

fn into_io(error: McapError) -> io::Error {
    match error {
        McapError::Io(error) => error,
        other => io::Error::other(other),
    }
}
