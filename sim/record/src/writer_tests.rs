//! What is written comes back; a disk that fails leaves nothing half-written under the final name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use episode::{Answer, Entry};
use foxglove::messages::{FrameTransforms, LaserScan, SceneUpdate};
use serde_json::Value;
use timing::Span;

use crate::file::Draft;
use crate::fixture::{self, AWKWARD, digest, edits, entries, header, service, summary};
use crate::message::Message;
use crate::{RecordError, Writer, read};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn everything_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(1.0));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "only the log is left");

    let recording = read(&path).unwrap();
    assert!(recording.complete);
    assert_eq!(recording.header, crate::Header { schedule: "batch:4:50".into(), ..header() });
    assert_eq!(recording.digests, (0..240).map(digest).collect::<Vec<_>>());
    assert_eq!(recording.edits, edits());
    assert_eq!(recording.summary.unwrap(), serde_json::to_value(summary()).unwrap());
    assert_eq!(recording.answers.keys().copied().collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
    for (id, answer) in recording.answers {
        match answer {
            Answer::Predicted(prediction) => {
                assert_ne!(id % 5, 4);
                assert_eq!(prediction.service, service(id));
                assert_eq!(bits(&prediction.output[..8]), bits(&AWKWARD));
                assert_eq!(prediction.output[8], id as f32);
            }
            Answer::Failed(failure) => {
                assert_eq!((id % 5, failure.id, failure.after), (4, id, Span(5_000_000)));
                assert_eq!(failure.why, "the worker died");
            }
        }
    }
}

/// A disk that takes some writes, then none.
struct FullDisk {
    file: File,
    left: usize,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.file.write(bytes)
            }
            None => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Runs a whole log against a disk with room for `writes`, going on after an error as a careless caller would.
fn on_full_disk(path: &Path, writes: usize, entries: &[Entry]) -> Result<(), RecordError> {
    let draft = Draft::of(path);
    let sink = FullDisk { file: draft.create()?, left: writes };
    let mut writer = Writer::over(draft, Box::new(sink), &header())?;
    let mut problems = entries.iter().filter_map(|entry| writer.push(entry).err()).collect::<Vec<_>>().into_iter();
    let last = writer.finish(&summary());
    problems.next().map_or(last, Err)
}

#[test]
fn a_full_disk_leaves_no_log_under_the_final_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    let entries = entries(12.0);
    let ticks = (0..12 * 240).map(digest).collect::<Vec<_>>();
    let mut longest = 0;
    for writes in 0..200 {
        let error = on_full_disk(&path, writes, &entries).unwrap_err();
        assert!(matches!(error, RecordError::Write { .. }), "{error}");
        assert!(error.to_string().contains("make room or choose another place"), "{error}");
        assert!(!path.exists(), "a log after {writes} writes");
        if let Ok(recording) = read(folder.path().join("run.mcap.partial")) {
            assert!(!recording.complete);
            assert!(ticks.starts_with(&recording.digests));
            longest = longest.max(recording.digests.len());
        }
    }
    assert!(longest > 1000, "what fitted can be read: {longest} ticks");
    on_full_disk(&path, usize::MAX, &entries).unwrap();
    assert!(read(&path).unwrap().complete);
}

#[test]
fn an_old_log_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(0.2));
    let old = std::fs::read(&path).unwrap();
    on_full_disk(&path, 20, &entries(5.0)).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), old);
}

#[test]
fn a_killed_run_loses_at_most_50_ms() {
    let folder = tempfile::tempdir().unwrap();
    let (path, partial) = (folder.path().join("run.mcap"), folder.path().join("run.mcap.partial"));
    let mut writer = Writer::create(&path, &header()).unwrap();
    assert!(read(&partial).unwrap().digests.is_empty(), "a header from the first moment on");
    let mut pushed: usize = 0;
    for entry in entries(1.0) {
        writer.push(&entry).unwrap();
        pushed += usize::from(matches!(entry, Entry::Tick(_)));
        let recording = read(&partial).unwrap();
        assert!(!recording.complete);
        // 12 ticks of 240 are 50 ms.
        assert!(recording.digests.len() + 12 >= pushed, "{} of {pushed}", recording.digests.len());
    }
    writer.flush().unwrap();
    assert_eq!(read(&partial).unwrap().digests.len(), 240);
    drop(writer);
    assert!(!path.exists());
    assert!(!read(&partial).unwrap().complete);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let Err(error) = Writer::create("/nowhere/at/all.mcap", &header()) else { panic!("it was created") };
    assert!(error.to_string().starts_with("cannot write /nowhere/at/all.mcap: No such file or directory"), "{error}");
}

#[test]
fn viewers_find_the_standard_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(1.0));
    let bytes = std::fs::read(&path).unwrap();

    let index = mcap::Summary::read(&bytes).unwrap().unwrap();
    let schemas: BTreeMap<&str, &str> = index
        .channels
        .values()
        .map(|channel| (channel.topic.as_str(), channel.schema.as_ref().unwrap().name.as_str()))
        .collect();
    let expected = [
        ("/course", "foxglove.SceneUpdate"),
        ("/log", "foxglove.Log"),
        ("/scan", "foxglove.LaserScan"),
        ("/scene", "foxglove.SceneUpdate"),
        ("/tf", "foxglove.FrameTransforms"),
        ("deadtime/edit", "deadtime.Edit"),
        ("deadtime/failure", "deadtime.Failure"),
        ("deadtime/frame", "deadtime.Frame"),
        ("deadtime/header", "deadtime.Header"),
        ("deadtime/prediction", "deadtime.Prediction"),
        ("deadtime/summary", "deadtime.Summary"),
        ("deadtime/tick", "deadtime.Tick"),
    ];
    assert_eq!(schemas, expected.into());
    let metadata = mcap::read::metadata(&bytes, &index.metadata_indexes[0]).unwrap();
    assert_eq!((metadata.name.as_str(), metadata.metadata["model"].as_str()), ("deadtime", "pilot"));

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        assert!(message.log_time <= 1_000_000_000);
        *counts.entry(message.channel.topic.clone()).or_default() += 1;
        let encoding = message.channel.message_encoding.as_str();
        assert_eq!(encoding, if message.channel.topic.starts_with('/') { "protobuf" } else { "json" });
    }
    // Drawn now and then, and once more at each of the 20 flushes; everything else is kept.
    assert!((60..=81).contains(&counts["/tf"]), "{counts:?}");
    assert!(counts["/scene"] <= 21 && counts["/scan"] <= 11, "{counts:?}");
    assert_eq!((counts["/course"], counts["deadtime/frame"], counts["deadtime/prediction"]), (1, 40, 32));
}

fn first<M: foxglove::Decode + Default>(bytes: &[u8], topic: &str) -> M {
    let messages = crate::mcap_file::content(bytes).unwrap().messages;
    let last = messages.iter().rfind(|message| message.topic == topic).unwrap();
    M::decode(last.data).ok().unwrap()
}

#[test]
fn the_ghost_is_where_the_network_saw_the_robot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(1.0));
    let bytes = std::fs::read(&path).unwrap();

    let tf: FrameTransforms = first(&bytes, "/tf");
    let x = |i: usize| (tf.transforms[i].child_frame_id.as_str(), tf.transforms[i].translation.unwrap().x);
    assert_eq!(x(0), ("base", 2.0));
    // The newest frame that was applied is number 38, captured at 0.95 s.
    assert_eq!(x(1), ("ghost", 1.9));

    let course: SceneUpdate = first(&bytes, "/course");
    let ids: Vec<&str> = course.entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["obstacles", "goal", "robot", "ghost of the robot"]);
    assert_eq!(course.entities[0].cubes.len(), 1);
    let scene: SceneUpdate = first(&bytes, "/scene");
    let ids: Vec<&str> = scene.entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["actors", "actors as seen", "driven blind"]);
    assert_eq!((scene.entities[0].cylinders.len(), scene.entities[1].cylinders.len()), (1, 1));
    let scan: LaserScan = first(&bytes, "/scan");
    assert_eq!((scan.ranges[0], scan.ranges.len()), (f64::INFINITY, 360));
}

#[test]
fn json_messages_keep_to_their_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(1.0));
    let bytes = std::fs::read(&path).unwrap();
    let mut met: BTreeSet<String> = BTreeSet::new();
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        if message.channel.message_encoding != "json" {
            continue;
        }
        let schema = message.channel.schema.as_ref().unwrap();
        let properties = serde_json::from_slice::<Value>(&schema.data).unwrap()["properties"].clone();
        let value: Value = serde_json::from_slice(&message.data).unwrap();
        for (key, value) in value.as_object().unwrap() {
            let fits = match properties[key]["type"].as_str() {
                Some("integer") => value.is_i64() || value.is_u64(),
                Some("number") => value.is_number(),
                Some("string") => value.is_string(),
                Some("boolean") => value.is_boolean(),
                Some("array") => value.is_array(),
                Some("object") => {
                    value.as_object().unwrap().keys().all(|k| properties[key]["properties"][k].is_object())
                }
                // The summary and the header tell more than viewers plot.
                _ => [crate::Header::TOPIC, <episode::Summary as Message>::TOPIC]
                    .contains(&message.channel.topic.as_str()),
            };
            assert!(fits, "{key} = {value} on {}", message.channel.topic);
            met.insert(format!("{}.{key}", schema.name));
        }
    }
    for field in
        ["Tick.digests", "Frame.stages_ms", "Edit.bits", "Failure.why", "Prediction.output_bits", "Summary.digest"]
    {
        assert!(met.contains(&format!("deadtime.{field}")), "no {field}");
    }
}
