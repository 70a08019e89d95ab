//! Traces of ROS 2 bags: how much later than its header's stamp a message was received.

use std::path::Path;

use mcap::{Message, MessageStream};
use timing::{Sample, ServiceTime, Span, Trace};

use crate::{RecordError, file};

/// A stamp and a receipt, nanoseconds.
type Times = (i64, i64);

/// A trace of one topic of a bag in MCAP: receipt less the stamp of the message's header, which by custom is the instant at which
/// the sensor sampled the world. All that lies between counts as the device's.
///
/// The messages must begin with a `std_msgs/Header`, in CDR, uncompressed. The trace is not trusted and says why.
pub fn import_bag(path: impl AsRef<Path>, topic: &str) -> Result<Trace, RecordError> {
    let path = path.as_ref();
    let bytes = file::read(path)?;
    let wrong = |found: String| RecordError::NotABag { path: path.to_owned(), found };
    let mut topics = Vec::new();
    let mut times = Vec::new();
    for message in MessageStream::new(&bytes).map_err(|error| wrong(error.to_string()))? {
        let message = message.map_err(|error| wrong(format!("{error} (of a compressed bag: convert it without)")))?;
        if message.channel.topic == topic {
            times.push(stamps(&message).map_err(wrong)?);
        } else if !topics.contains(&message.channel.topic) {
            topics.push(message.channel.topic.clone());
        }
    }
    if times.is_empty() {
        topics.sort();
        return Err(wrong(format!("no message on `{topic}`, but on {}", topics.join(", "))));
    }
    times.sort_unstable();
    let complaints = vec![format!("imported from {topic} of a bag: not measured by this program")];
    let runtime = "elsewhere".to_owned();
    Ok(Trace { batch: 1, trusted: false, complaints, samples: samples(&times), runtime, ..Trace::default() })
}

/// In the order of the stamps. Before the first the device had been idle for ever.
fn samples(times: &[Times]) -> Vec<Sample> {
    let mut free: Option<i64> = None;
    let of = |(frame, (stamp, received)): (u64, &Times)| {
        let idle = free.map_or(Span(i64::MAX), |free| Span((stamp - free).max(0)));
        free = free.max(Some(*received));
        Sample { frame, idle, service: ServiceTime::compute(Span(received - stamp)) }
    };
    (0..).zip(times).map(of).collect()
}

/// Four bytes say how the message is encoded, then come seconds and nanoseconds of the header's stamp.
fn stamps(message: &Message) -> Result<Times, String> {
    let topic = &message.channel.topic;
    let text = message.channel.schema.as_ref().map(|schema| String::from_utf8_lossy(&schema.data).into_owned());
    let mut fields = text.as_deref().unwrap_or_default().lines().map(str::trim);
    let first = fields.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let header = first.split_whitespace().next().is_some_and(|kind| kind.ends_with("Header"));
    if message.channel.message_encoding != "cdr" || !header {
        let encoding = &message.channel.message_encoding;
        return Err(format!("messages on `{topic}` in {encoding} that begin with `{first}`, not with a header in CDR"));
    }
    let Some((head, _)) = message.data.split_first_chunk::<12>() else {
        return Err(format!("a message of {} bytes on `{topic}`", message.data.len()));
    };
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        if head[1] & 1 == 1 { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    let stamp = i64::from(number(4).cast_signed()) * 1_000_000_000 + i64::from(number(8));
    let received = message.log_time.min(i64::MAX as u64).cast_signed();
    if received < stamp || stamp <= 0 {
        return Err(format!(
            "a message on `{topic}` stamped {stamp} ns and received at {received} ns: not by one clock"
        ));
    }
    Ok((stamp, received))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use super::*;

    /// A bag with one topic; each message is stamped and received, nanoseconds.
    fn bag(schema: &str, times: &[(u32, u32, u64)]) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let options = mcap::WriteOptions::new().compression(None);
        let mut writer = options.create(&mut out).unwrap();
        let schema = writer.add_schema("vision_msgs/msg/Detection2DArray", "ros2msg", schema.as_bytes()).unwrap();
        let channel = writer.add_channel(schema, "/detections", "cdr", &BTreeMap::new()).unwrap();
        for (i, (secs, nanos, received)) in times.iter().enumerate() {
            let header = mcap::records::MessageHeader {
                channel_id: channel,
                sequence: i as u32,
                log_time: *received,
                publish_time: *received,
            };
            let data = [&[0, 1, 0, 0][..], &secs.to_le_bytes(), &nanos.to_le_bytes(), b"frame"].concat();
            writer.write_to_known_channel(&header, &data).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        out.into_inner()
    }

    fn import(bytes: &[u8], topic: &str) -> Result<Trace, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bag.mcap");
        std::fs::write(&path, bytes).unwrap();
        import_bag(&path, topic).map_err(|error| error.to_string())
    }

    const SCHEMA: &str = "# Detections\n\nstd_msgs/Header header\nDetection2D[] detections\n";

    #[test]
    fn receipt_less_stamp_is_the_latency() {
        let times = [(10, 0, 10_030_000_000), (10, 100_000_000, 10_125_000_000), (10, 120_000_000, 10_170_000_000)];
        let trace = import(&bag(SCHEMA, &times), "/detections").unwrap();
        let took: Vec<i64> = trace.samples.iter().map(|s| s.service.total().0 / 1_000_000).collect();
        assert_eq!(took, [30, 25, 50]);
        let idle: Vec<Span> = trace.samples.iter().map(|s| s.idle).collect();
        assert_eq!(idle, [Span(i64::MAX), Span(70_000_000), Span::ZERO]);
        assert!(!trace.trusted);
    }

    #[test]
    fn what_is_no_such_bag_is_told() {
        let good = bag(SCHEMA, &[(10, 0, 10_030_000_000)]);
        assert!(import(&good, "/scan").unwrap_err().contains("no message on `/scan`, but on /detections"));
        let early = bag(SCHEMA, &[(10, 0, 9_000_000_000)]);
        assert!(import(&early, "/detections").unwrap_err().contains("not by one clock"));
        let other = bag("float32 x\n", &[(10, 0, 10_030_000_000)]);
        assert!(import(&other, "/detections").unwrap_err().contains("begin with `float32 x`"));
        assert!(import(b"frame,ms\n", "/detections").unwrap_err().contains("found"));
        for cut in 0..good.len() {
            let _ = import(&good[..cut], "/detections");
        }
    }
}
