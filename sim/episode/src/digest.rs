//! The rolling digest: equal digests mean equal runs.

use std::collections::{BTreeMap, VecDeque};

use plant::{Command, Plant};
use timing::{Line, SimTime};
use xxhash_rust::xxh3::Xxh3;

use crate::mind::Thought;

/// XXH3-64 at the end of a tick, of, in this order:
///
/// 1. the digest before;
/// 2. the index of the next tick, and the plant's state ([`Plant::digest`]);
/// 3. (id, c, s) of each started and unfinished inference;
/// 4. (id, c, a) of each finished one whose command is on its way, and of the one in force;
/// 5. the decoded commands of those on their way, and the command in force.
///
/// Integers little-endian, an instant that is not known as -1, floats by their bits (so -0 is not 0). Nothing in it depends on
/// when a result was delivered.
pub(crate) fn digest(
    before: u64,
    plant: &Plant,
    line: &Line,
    thoughts: &BTreeMap<u64, Thought>,
    in_force: Command,
) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&before.to_le_bytes());
    hash.update(&plant.tick().to_le_bytes());
    plant.digest(&mut hash);
    for serving in line.serving() {
        instants(&mut hash, serving.frame.id, serving.frame.captured, serving.frame.started);
    }
    for frame in line.returning().iter().chain(line.in_force()) {
        instants(&mut hash, frame.id, frame.captured, frame.applied);
    }
    let returning = line.returning().iter().filter_map(|frame| thoughts.get(&frame.id));
    for command in returning.flat_map(|thought| thought.commands.iter()).chain([&in_force]) {
        take(&mut hash, *command);
    }
    hash.digest()
}

/// The same, in ticks at whose end a chunk is followed or asked for, of the digest above and, in this order:
///
/// 1. the instant and command of each step that is left;
/// 2. for each frame that has not ended its id and the commands of its frozen prefix.
pub(crate) fn digest_chunks(
    before: u64,
    steps: &VecDeque<(SimTime, Command)>,
    frozen: &BTreeMap<u64, Vec<Command>>,
) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&before.to_le_bytes());
    for (at, command) in steps {
        hash.update(&at.0.to_le_bytes());
        take(&mut hash, *command);
    }
    for (id, commands) in frozen {
        hash.update(&id.to_le_bytes());
        for command in commands {
            take(&mut hash, *command);
        }
    }
    hash.digest()
}

fn take(hash: &mut Xxh3, command: Command) {
    let (kind, a, b) = match command {
        Command::Twist { linear, angular } => (0, linear, angular),
        Command::Acceleration { base } => (1, base, 0.0),
    };
    hash.update(&[kind]);
    hash.update(&a.to_bits().to_le_bytes());
    hash.update(&b.to_bits().to_le_bytes());
}

fn instants(hash: &mut Xxh3, id: u64, captured: SimTime, other: Option<SimTime>) {
    hash.update(&id.to_le_bytes());
    hash.update(&captured.0.to_le_bytes());
    hash.update(&other.map_or(-1, |t| t.0).to_le_bytes());
}
