//! Which key does what: one table, for the keyboard, the help and scripts.

use bevy::input::keyboard::{Key as Written, KeyCode};

use crate::{Action, Instrument};

/// What a key is for; the help shows them by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Play,
    Change,
    Look,
    Share,
}

impl Group {
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Play, Self::Change, Self::Look, Self::Share];

    /// As a heading.
    pub fn label(self) -> &'static str {
        match self {
            Self::Play => "Play",
            Self::Change => "Change",
            Self::Look => "Look",
            Self::Share => "Share, learn",
        }
    }
}

/// A key, what is written on it, and what it does.
pub(crate) struct Key {
    code: KeyCode,
    /// As shown and as written in scripts, with what must be held before it, such as `Ctrl+Shift+Z`.
    pub cap: &'static str,
    pub group: Group,
    /// For the help.
    pub help: &'static str,
    action: fn() -> Action,
}

macro_rules! keys {
    ($($code:ident $cap:literal $group:ident $help:literal $action:expr;)*) => {
        &[$(Key { code: KeyCode::$code, cap: $cap, group: Group::$group, help: $help, action: || $action }),*]
    };
}

/// All keys but the digits.
pub(crate) const KEYS: &[Key] = keys! {
    Space "Space" Play "pause, go on" Action::Pause;
    Period "." Play "one tick" Action::Step;
    BracketLeft "[" Play "slower" Action::Slower;
    BracketRight "]" Play "faster" Action::Faster;
    ArrowLeft "Left" Play "a tenth of a second back" Action::Look(-0.1);
    ArrowRight "Right" Play "and forward" Action::Look(0.1);
    Home "Home" Play "to the start of the run" Action::Scrub(0.0);
    End "End" Play "to its end" Action::Scrub(f64::INFINITY);
    KeyR "R" Play "run again" Action::Reset;
    KeyL "L" Change "latency + 10 ms" Action::Nudge(10.0);
    KeyK "K" Change "latency - 10 ms" Action::Nudge(-10.0);
    KeyT "T" Change "use the calibrated times" Action::Calibration;
    KeyN "N" Change "fork time here: a second future" Action::Fork;
    KeyJ "J" Change "the next lane" Action::NextLane;
    KeyX "X" Change "close this lane" Action::CloseFocus;
    KeyZ "Ctrl+Z" Change "take the last change back" Action::Undo;
    KeyZ "Ctrl+Shift+Z" Change "make it again" Action::Redo;
    KeyY "Ctrl+Y" Change "" Action::Redo;
    KeyC "C" Look "camera: follow, from above" Action::Camera;
    KeyP "P" Look "panels: hide, show" Action::Bare;
    KeyD "D" Look "dark, light" Action::Dark;
    KeyV "V" Look "what the network saw" Action::Instrument(Instrument::Seen);
    KeyM "M" Look "map of speed and latency" Action::Instrument(Instrument::Map);
    Equal "+" Look "inferences: zoom in" Action::Zoom(0.5);
    Minus "-" Look "inferences: zoom out" Action::Zoom(2.0);
    Digit0 "0" Look "inferences: the last ones" Action::Stretch(None);
    Escape "Esc" Look "close, quit" Action::Escape;
    KeyB "B" Share "whose fault was the collision?" Action::Blame;
    KeyG "G" Share "labs: guided experiments" Action::Labs;
    KeyS "S" Share "screenshot" Action::Shot;
    KeyF "F" Share "film: begin, end (a GIF)" Action::Film;
    KeyH "H" Share "this help" Action::Help;
    F1 "F1" Share "" Action::Help;
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

/// Keys that are held with another: control, or the command key of a Mac.
pub(crate) const CONTROL: [KeyCode; 4] =
    [KeyCode::ControlLeft, KeyCode::ControlRight, KeyCode::SuperLeft, KeyCode::SuperRight];
/// Keys that mean something to a control that has the focus.
pub(crate) const MOVES: [KeyCode; 6] =
    [KeyCode::Space, KeyCode::Escape, KeyCode::ArrowLeft, KeyCode::ArrowRight, KeyCode::Home, KeyCode::End];
/// Shift.
pub(crate) const SHIFT: [KeyCode; 2] = [KeyCode::ShiftLeft, KeyCode::ShiftRight];

impl Key {
    /// What must be held: control, shift.
    fn held(&self) -> (bool, bool) {
        (self.cap.starts_with("Ctrl+"), self.cap.contains("Shift+"))
    }

    /// Its letter, if it is one.
    fn letter(&self) -> Option<char> {
        letter(self.cap.rsplit('+').next()?)
    }
}

fn letter(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next().filter(char::is_ascii_alphabetic)?;
    chars.next().is_none().then(|| first.to_ascii_uppercase())
}

/// A key that was pressed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Press {
    /// Where it is.
    pub code: KeyCode,
    /// What the keyboard's layout makes of it.
    pub written: Written,
    /// Control, or the command key of a Mac, is held.
    pub ctrl: bool,
    /// Shift is held.
    pub shift: bool,
}

/// What a pressed key does. Letters go by what is written on them, other keys by their place: where Z and Y have changed
/// places, taking back is still Ctrl+Z, and `[` needs no third hand.
pub(crate) fn action(press: &Press) -> Option<Action> {
    let written = match &press.written {
        Written::Character(text) => letter(text),
        _ => None,
    };
    let digit = DIGITS.iter().position(|&digit| digit == press.code).filter(|_| !press.ctrl).map(Action::Scenario);
    let fits = |key: &&Key| {
        let (ctrl, shift) = key.held();
        let same = written.map_or(key.code == press.code, |letter| key.letter() == Some(letter));
        same && ctrl == press.ctrl && (shift == press.shift || !ctrl)
    };
    digit.or_else(|| KEYS.iter().find(fits).map(|key| (key.action)()))
}

/// What the key with this cap does.
pub(crate) fn named(cap: &str) -> Option<Action> {
    let digit = cap.parse::<usize>().ok().filter(|n| (1..=9).contains(n)).map(|n| Action::Scenario(n - 1));
    digit.or_else(|| KEYS.iter().find(|key| key.cap.eq_ignore_ascii_case(cap)).map(|key| (key.action)()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, written: &str, ctrl: bool, shift: bool) -> Option<Action> {
        action(&Press { code, written: Written::Character(written.into()), ctrl, shift })
    }

    #[test]
    fn every_key_does_what_its_cap_says() {
        for key in KEYS {
            let (ctrl, shift) = key.held();
            let written =
                key.letter().map_or(Written::Unidentified(bevy::input::keyboard::NativeKey::Unidentified), |l| {
                    Written::Character(l.to_string().into())
                });
            let pressed = action(&Press { code: key.code, written, ctrl, shift });
            assert_eq!(pressed, Some((key.action)()), "{}", key.cap);
            assert_eq!(named(key.cap), pressed, "{}", key.cap);
        }
        assert_eq!(named("3"), Some(Action::Scenario(2)));
        assert_eq!((named("ä"), named("Q")), (None, None));
    }

    #[test]
    fn letters_go_by_what_is_written_and_the_rest_by_place() {
        // A German keyboard, where Z is at the place of Y.
        assert_eq!(press(KeyCode::KeyY, "z", true, false), Some(Action::Undo));
        assert_eq!(press(KeyCode::KeyY, "Z", true, true), Some(Action::Redo));
        assert_eq!(press(KeyCode::BracketLeft, "ü", false, false), Some(Action::Slower));
        assert_eq!(press(KeyCode::Digit2, "é", false, false), Some(Action::Scenario(1)), "a French one");
    }

    #[test]
    fn a_letter_with_control_is_not_the_letter() {
        assert_eq!(press(KeyCode::KeyR, "r", true, false), None);
        assert_eq!(press(KeyCode::KeyZ, "z", false, false), None);
        assert_eq!(press(KeyCode::Digit2, "2", true, false), None);
        assert_eq!(press(KeyCode::KeyR, "R", false, true), Some(Action::Reset), "shift alone makes no difference");
    }
}
