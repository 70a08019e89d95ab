//! One scale of shades, for depths and for the phase map.

use bevy_egui::egui::Color32;

/// ColorBrewer's sequential `Blues`. It rises in lightness alone, so that every eye can read it, and a printer.
const BLUES: [[u8; 3]; 9] = [
    [0xf7, 0xfb, 0xff],
    [0xde, 0xeb, 0xf7],
    [0xc6, 0xdb, 0xef],
    [0x9e, 0xca, 0xe1],
    [0x6b, 0xae, 0xd6],
    [0x42, 0x92, 0xc6],
    [0x21, 0x71, 0xb5],
    [0x08, 0x51, 0x9c],
    [0x08, 0x30, 0x6b],
];

/// From light at 0 to dark at 1.
pub(crate) fn shade(share: f64) -> Color32 {
    let at = share.clamp(0.0, 1.0) * (BLUES.len() - 1) as f64;
    let i = (at as usize).min(BLUES.len() - 2);
    let part = at - i as f64;
    let mix = |c: usize| (f64::from(BLUES[i][c]) * (1.0 - part) + f64::from(BLUES[i + 1][c]) * part).round() as u8;
    Color32::from_rgb(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_run_from_light_to_dark() {
        let light = |share: f64| {
            let [r, g, b, _] = shade(share).to_array().map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let all: Vec<f64> = (0..=40).map(|i| light(f64::from(i) / 40.0)).collect();
        assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
        assert_eq!(shade(2.0), shade(1.0));
    }
}
