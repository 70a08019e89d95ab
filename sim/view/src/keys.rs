//! Which key does what: one table, for the keyboard, the help and scripts.

use bevy::input::keyboard::KeyCode;

use crate::{Action, Instrument};

/// A key, what is written on it, and what it does.
pub(crate) struct Key {
    code: KeyCode,
    /// As shown and as written in scripts.
    pub cap: &'static str,
    /// For the help.
    pub help: &'static str,
    action: fn() -> Action,
}

macro_rules! keys {
    ($($code:ident $cap:literal $help:literal $action:expr;)*) => {
        &[$(Key { code: KeyCode::$code, cap: $cap, help: $help, action: || $action }),*]
    };
}

/// All keys but the digits.
pub(crate) const KEYS: &[Key] = keys! {
    Space "Space" "pause, go on" Action::Pause;
    Period "." "one tick" Action::Step;
    BracketLeft "[" "slower" Action::Slower;
    BracketRight "]" "faster" Action::Faster;
    KeyR "R" "run again" Action::Reset;
    KeyL "L" "latency + 10 ms" Action::Nudge(10.0);
    KeyK "K" "latency - 10 ms" Action::Nudge(-10.0);
    KeyT "T" "use the calibrated times" Action::Calibration;
    KeyC "C" "camera: follow, from above" Action::Camera;
    KeyP "P" "panels: hide, show" Action::Bare;
    KeyV "V" "what the network saw" Action::Instrument(Instrument::Seen);
    KeyM "M" "map of speed and latency" Action::Instrument(Instrument::Map);
    Equal "+" "inferences: zoom in" Action::Zoom(0.5);
    Minus "-" "inferences: zoom out" Action::Zoom(2.0);
    Digit0 "0" "inferences: the last ones" Action::Stretch(None);
    KeyG "G" "labs: guided experiments" Action::Labs;
    KeyN "N" "fork time here: a second future" Action::Fork;
    KeyJ "J" "the next lane" Action::NextLane;
    KeyX "X" "close this lane" Action::CloseFocus;
    KeyB "B" "whose fault was the collision?" Action::Blame;
    ArrowLeft "Left" "a tenth of a second back" Action::Look(-0.1);
    ArrowRight "Right" "and forward" Action::Look(0.1);
    Home "Home" "to the start of the run" Action::Scrub(0.0);
    End "End" "to its end" Action::Scrub(f64::INFINITY);
    KeyS "S" "screenshot" Action::Shot;
    KeyH "H" "this help" Action::Help;
    F1 "F1" "" Action::Help;
    Escape "Esc" "close, quit" Action::Escape;
};

const DIGITS: [KeyCode; 9] = [
    KeyCode::Digit1,
    KeyCode::Digit2,
    KeyCode::Digit3,
    KeyCode::Digit4,
    KeyCode::Digit5,
    KeyCode::Digit6,
    KeyCode::Digit7,
    KeyCode::Digit8,
    KeyCode::Digit9,
];

/// What a pressed key does.
pub(crate) fn action(code: KeyCode) -> Option<Action> {
    let digit = DIGITS.iter().position(|&digit| digit == code).map(Action::Scenario);
    digit.or_else(|| KEYS.iter().find(|key| key.code == code).map(|key| (key.action)()))
}

/// The key with this cap.
pub(crate) fn code(cap: &str) -> Option<KeyCode> {
    let digit = cap.parse::<usize>().ok().and_then(|n| DIGITS.get(n.wrapping_sub(1)).copied());
    digit.or_else(|| KEYS.iter().find(|key| key.cap.eq_ignore_ascii_case(cap)).map(|key| key.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cap_leads_to_its_action() {
        for key in KEYS {
            assert_eq!(action(code(key.cap).unwrap()), Some((key.action)()), "{}", key.cap);
        }
        assert_eq!(action(code("3").unwrap()), Some(Action::Scenario(2)));
        assert_eq!(code("ä"), None);
        assert_eq!(code("Q"), None);
    }
}
