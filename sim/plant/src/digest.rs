//! The bytes of a state, in the order that `Plant::digest` promises.

use xxhash_rust::xxh3::Xxh3;

use crate::actors::ActorState;
use crate::state::RobotState;

pub(crate) fn digest(
    hasher: &mut Xxh3,
    tick: u64,
    robot: &RobotState,
    fallen: bool,
    actors: &[ActorState],
    touched: &[bool],
) {
    let mut head = [0; 81];
    head[..8].copy_from_slice(&tick.to_le_bytes());
    let RobotState { pose, linear, lateral, angular, pitch, pitch_rate, odometer } = robot;
    let floats = [pose.x, pose.y, pose.yaw, *linear, *lateral, *angular, *pitch, *pitch_rate, *odometer];
    for (place, float) in head[8..80].chunks_exact_mut(8).zip(floats) {
        place.copy_from_slice(&float.to_bits().to_le_bytes());
    }
    head[80] = u8::from(fallen);
    hasher.update(&head);
    for actor in actors {
        hasher.update(&actor.started.map_or(-1, |started| started.0).to_le_bytes());
    }
    for part in touched.chunks(64) {
        let mut bytes = [0; 64];
        for (byte, &touched) in bytes.iter_mut().zip(part) {
            *byte = u8::from(touched);
        }
        hasher.update(&bytes[..part.len()]);
    }
}
