//! Whatever a file holds, the reader says what it is and never panics.

use std::path::Path;

use mcap::records::op;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::fixture::{self, digest, entries};
use crate::reader::decode;
use crate::{RecordError, Recording, read, trace};

fn log(seconds: f64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    fixture::write(&path, &entries(seconds));
    std::fs::read(path).unwrap()
}

fn decoded(bytes: &[u8]) -> Result<Recording, RecordError> {
    decode(bytes, Path::new("run.mcap")).map(|(recording, _)| recording)
}

#[test]
fn a_log_cut_at_every_byte_gives_what_came_before() {
    let bytes = log(0.15);
    let whole = decoded(&bytes).unwrap();
    assert!(whole.complete);
    let mut read = 0;
    for n in 0..bytes.len() {
        match decoded(&bytes[..n]) {
            Ok(recording) => {
                assert!(!recording.complete, "cut at {n}");
                assert!(whole.digests.starts_with(&recording.digests), "cut at {n}");
                assert!(recording.digests.len() >= read, "cut at {n}");
                assert_eq!(recording.header, whole.header);
                read = recording.digests.len();
            }
            Err(RecordError::NotALog { .. }) => assert_eq!(read, 0, "cut at {n}"),
            Err(error) => panic!("cut at {n}: {error}"),
        }
    }
    assert_eq!(read, whole.digests.len());
}

#[test]
fn flipped_bytes_are_noticed() {
    let bytes = log(0.3);
    let whole = decoded(&bytes).unwrap();
    let seed = 20_261_124;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for case in 0..10_000 {
        let mut damaged = bytes.clone();
        let (at, flip) = flip(&mut random, bytes.len());
        damaged[at] ^= flip;
        if let Ok(recording) = decoded(&damaged) {
            assert!(!recording.complete, "case {case}: byte {at} flipped by {flip:#x} went unnoticed");
            assert!(whole.digests.starts_with(&recording.digests), "case {case}: byte {at}");
        }
    }
}

fn flip(random: &mut ChaCha8Rng, len: usize) -> (usize, u8) {
    ((random.next_u64() % len as u64) as usize, (1 + random.next_u32() % 255) as u8)
}

/// A file of a stranger need not carry sums (0 stands for none), so anything can be behind them.
#[test]
fn without_checksums_it_still_never_panics() {
    let mut bytes = log(0.3);
    assert!(clear_sums(&mut bytes) > 6);
    assert!(decoded(&bytes).unwrap().complete);
    let seed = 20_261_125;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut errors, mut readings) = (0, 0);
    for _ in 0..10_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random.next_u32() % 4 {
            let (at, flip) = flip(&mut random, bytes.len());
            damaged[at] ^= flip;
        }
        match decoded(&damaged) {
            Ok(_) => readings += 1,
            Err(error) => errors += usize::from(!error.to_string().is_empty()),
        }
    }
    assert!(errors > 1000 && readings > 1000, "{errors} errors, {readings} readings");
}

/// How many were cleared.
fn clear_sums(bytes: &mut [u8]) -> usize {
    let (mut at, mut cleared) = (mcap::MAGIC.len(), 0);
    loop {
        let len = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap()) as usize;
        let sum = match bytes[at] {
            op::CHUNK => Some(at + 9 + 24),
            op::DATA_END => Some(at + 9),
            _ => None,
        };
        if let Some(sum) = sum {
            bytes[sum..sum + 4].fill(0);
            cleared += 1;
        }
        if bytes[at] == op::DATA_END {
            return cleared;
        }
        at += 9 + len;
    }
}

#[test]
fn random_bytes_are_no_log() {
    let seed = 20_261_126;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..2_000 {
        let mut bytes = mcap::MAGIC.to_vec();
        for _ in 0..random.next_u32() % 40 {
            // An opcode, a length that may fit, a body.
            bytes.push((random.next_u32() % 18) as u8);
            bytes.extend(u64::from(random.next_u32() % 64).to_le_bytes());
            bytes.extend((0..random.next_u32() % 64).map(|_| (random.next_u32() % 8) as u8));
        }
        assert!(matches!(decoded(&bytes), Err(RecordError::NotALog { .. })));
    }
}

#[test]
fn errors_say_what_was_found_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.mcap");
    let error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read(&path).unwrap_err().to_string().replace(&path.display().to_string(), "F")
    };
    let hint = "expected an MCAP file as `deadtime run SCENARIO --log F.mcap` writes it";
    assert_eq!(error(b"hello"), format!("F is no log: found other first bytes than MCAP's; {hint}"));
    let cut = "no header, or it is damaged or was never completely written";
    assert_eq!(error(mcap::MAGIC), format!("F is no log: found {cut}; {hint}"));

    let newer = altered(b"{\"version\":1,", b"{\"version\":9,");
    let text = "F has log format 9, written by deadtime 0.1.0; expected 1 or less: use that version to read it";
    assert_eq!(error(&newer), text);
    let digest = format!("{:016x}", digest(0)).into_bytes();
    let text = error(&altered(&digest, b"0123456789abcdeg"));
    assert!(
        text.starts_with("F holds what no run could have written: expected 16 hexadecimal digits a number"),
        "{text}"
    );
    assert!(text.ends_with("in `deadtime/tick`; record the run again"), "{text}");
    let text = error(&altered(b"\"compute\":2469134", b"\"compute\":-469134"));
    assert!(text.contains("written: a negative duration at 0.0000 s in `deadtime/prediction`"), "{text}");
    let text = error(&altered(b"{\"first\":1", b"{\"first\":7"));
    assert!(text.contains("written: tick 7 after 1 ticks at "), "{text}");

    let text = read(folder.path()).unwrap_err().to_string();
    assert!(text.ends_with("found no regular file; expected one"), "{text}");
    assert!(matches!(trace(folder.path().join("none")), Err(RecordError::Read { .. })));
}

/// A log without sums in which some bytes are others.
fn altered(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = log(0.1);
    clear_sums(&mut bytes);
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the log holds it");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}
