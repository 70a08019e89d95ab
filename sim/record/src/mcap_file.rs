//! The messages of an MCAP file (<https://mcap.dev/spec>), as far as its checksums hold.
//!
//! Written for files of strangers: every length is checked against the bytes that are there, nothing is copied, and a
//! chunk counts whole or not at all.

use std::collections::BTreeMap;

use mcap::MAGIC;
use mcap::records::op;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Raw<'a> {
    pub topic: &'a str,
    pub at: u64,
    pub data: &'a [u8],
}

/// What could be read.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    /// In the order of the file.
    pub messages: Vec<Raw<'a>>,
    /// Whether the file goes on undamaged to its end.
    pub whole: bool,
    /// The compression of the first chunk that has one; reading ended there.
    pub compression: Option<String>,
}

/// `None` when the file does not begin as MCAP does.
pub(crate) fn content(file: &[u8]) -> Option<Content<'_>> {
    let mut rest = Cursor(file.strip_prefix(MAGIC)?);
    let mut content = Content { messages: Vec::new(), whole: false, compression: None };
    let mut channels = BTreeMap::new();
    loop {
        let before = file.len() - rest.0.len();
        let Some((opcode, body)) = rest.record() else { break };
        let understood = match opcode {
            op::CHUNK => match chunk(body) {
                Some(Chunk::Records(records)) => take_records(records, &mut channels, &mut content.messages),
                Some(Chunk::Compressed(name)) => {
                    content.compression = Some(name.to_owned());
                    None
                }
                None => None,
            },
            op::CHANNEL | op::MESSAGE => take_record(opcode, body, &mut channels, &mut content.messages),
            op::DATA_END => {
                let saved = Cursor(body).u32();
                content.whole = saved.is_some_and(|saved| is_sum_of(saved, &file[..before])) && is_summary(rest.0);
                break;
            }
            _ => Some(()),
        };
        if understood.is_none() {
            break;
        }
    }
    Some(content)
}

/// All records of a chunk. What comes before an impossible one stays.
fn take_records<'a>(
    records: &'a [u8],
    channels: &mut BTreeMap<u16, &'a str>,
    messages: &mut Vec<Raw<'a>>,
) -> Option<()> {
    let mut records = Cursor(records);
    while !records.0.is_empty() {
        let (opcode, body) = records.record()?;
        take_record(opcode, body, channels, messages)?;
    }
    Some(())
}

fn take_record<'a>(
    opcode: u8,
    body: &'a [u8],
    channels: &mut BTreeMap<u16, &'a str>,
    messages: &mut Vec<Raw<'a>>,
) -> Option<()> {
    let mut body = Cursor(body);
    match opcode {
        op::CHANNEL => {
            let (id, _schema) = (body.u16()?, body.u16()?);
            channels.insert(id, body.text()?);
        }
        op::MESSAGE => {
            let (id, _sequence, at, _published) = (body.u16()?, body.u32()?, body.u64()?, body.u64()?);
            messages.push(Raw { topic: channels.get(&id)?, at, data: body.0 });
        }
        _ => {}
    }
    Some(())
}

enum Chunk<'a> {
    Records(&'a [u8]),
    Compressed(&'a str),
}

/// The records of a chunk; `None` when it is damaged.
fn chunk(body: &[u8]) -> Option<Chunk<'_>> {
    let mut body = Cursor(body);
    let (_start, _end, _size, sum) = (body.u64()?, body.u64()?, body.u64()?, body.u32()?);
    let compression = body.text()?;
    let size = body.u64()?;
    let records = body.bytes(usize::try_from(size).ok()?)?;
    if !compression.is_empty() {
        return Some(Chunk::Compressed(compression));
    }
    is_sum_of(sum, records).then_some(Chunk::Records(records))
}

/// Whether everything from here to the file's end is an undamaged summary.
fn is_summary(section: &[u8]) -> bool {
    let mut rest = Cursor(section);
    while let Some((opcode, body)) = rest.record() {
        if opcode == op::FOOTER {
            // The sum covers all before itself, it is the footer's last field, and only the magic follows.
            let summed = section.len() - rest.0.len() - size_of::<u32>();
            let saved = Cursor(&section[summed..]).u32();
            return body.len() == 20
                && rest.0 == MAGIC
                && saved.is_some_and(|saved| is_sum_of(saved, &section[..summed]));
        }
    }
    false
}

/// Zero stands for no sum.
fn is_sum_of(saved: u32, bytes: &[u8]) -> bool {
    saved == 0 || saved == crc32fast::hash(bytes)
}

/// Little-endian parts of what is left; `None` when less is left than asked for.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let n = self.u32()?;
        str::from_utf8(self.bytes(usize::try_from(n).ok()?)?).ok()
    }

    /// Opcode and body.
    fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let [opcode] = self.array()?;
        let n = self.u64()?;
        Some((opcode, self.bytes(usize::try_from(n).ok()?)?))
    }
}
