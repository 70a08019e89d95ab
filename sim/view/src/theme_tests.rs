use super::*;

const SIGNALS: [Color32; 5] = [GHOST, BLIND, COMMITTED, SCAN, ACCENT];

#[test]
fn the_measure_is_the_guidelines() {
    assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-3);
    // Known from their examples: the lightest grey that may be text on white.
    assert!((contrast(rgb(0x76_76_76), Color32::WHITE) - 4.54).abs() < 0.01);
}

#[test]
fn text_is_legible_on_everything_it_stands_on() {
    for (mode, palette) in [("light", &LIGHT), ("dark", &DARK)] {
        for on in [palette.paper, palette.card, palette.well, palette.field, palette.hovered, palette.pressed] {
            assert!(contrast(palette.ink, on) >= LEGIBLE, "{mode}: ink on {on:?}");
        }
        for on in [palette.paper, palette.card, palette.field] {
            assert!(contrast(palette.faint, on) >= LEGIBLE, "{mode}: faint on {on:?}");
        }
        for signal in SIGNALS {
            let words = legible(signal, palette);
            for on in [palette.paper, palette.card] {
                assert!(contrast(words, on) >= LEGIBLE, "{mode}: {signal:?} as {words:?} on {on:?}");
            }
        }
    }
    assert!(contrast(Color32::WHITE, ACCENT) >= LEGIBLE, "what is pressed");
}

#[test]
fn signals_and_what_marks_places_are_seen() {
    // 3 : 1 is what the guidelines ask of graphics.
    for (mode, palette) in [("light", &LIGHT), ("dark", &DARK)] {
        for on in [palette.paper, palette.floor[0], palette.sky] {
            for signal in [GHOST, BLIND, SCAN, palette.stopping] {
                assert!(contrast(signal, on) >= 3.0, "{mode}: {signal:?} on {on:?}: {}", contrast(signal, on));
            }
        }
    }
}

#[test]
fn what_can_be_read_already_is_left_as_it_is() {
    assert_eq!(legible(ACCENT, &LIGHT), ACCENT);
    assert_ne!(legible(COMMITTED, &LIGHT), COMMITTED);
}
