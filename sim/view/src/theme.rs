//! Colours, sizes and type: one place, used by the panels and by the scene alike, so that a colour means one thing.
//!
//! The signal colours are Okabe and Ito's, which stay apart for every kind of colour vision. None carries meaning alone:
//! each also has a shape or a word.

use std::sync::atomic::{AtomicBool, Ordering};

use bevy::color::Color;
use bevy_egui::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Frame, Margin, Shadow, Stroke,
    TextStyle, Visuals,
};
use timing::Stage;

/// What the network saw.
pub(crate) const GHOST: Color32 = Color32::from_rgb(0x0f, 0x7f, 0xcb);
/// Driven blind.
pub(crate) const BLIND: Color32 = Color32::from_rgb(0xd5, 0x5e, 0x00);
/// Where the command in force takes the robot.
pub(crate) const COMMITTED: Color32 = Color32::from_rgb(0x00, 0x9e, 0x73);
/// In time only if nothing is lost.
pub(crate) const LATE: Color32 = Color32::from_rgb(0xa8, 0x6e, 0x00);
/// Range returns.
pub(crate) const SCAN: Color32 = Color32::from_rgb(0xb0, 0x4a, 0x8a);
/// Things that can be pressed or dragged.
pub(crate) const ACCENT: Color32 = Color32::from_rgb(0x00, 0x72, 0xb2);

/// Whether the window is light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Light,
    Dark,
}

/// The colours that change with the mode.
struct Palette {
    /// Text.
    ink: Color32,
    /// Less important text; still 4.5 : 1 on the panels.
    faint: Color32,
    /// The panels.
    paper: Color32,
    /// What floats above the scene.
    card: Color32,
    /// Wells in the panels: plots, unpressed buttons.
    well: Color32,
    /// Fields to type in.
    field: Color32,
    /// Lines between things.
    rule: Color32,
    /// The rail of a slider, a box to tick.
    rail: Color32,
    /// Under the pointer, and pressed.
    hovered: Color32,
    pressed: Color32,
    /// The sky, the far end of the floor.
    sky: Color32,
    /// The floor, and the lines on it every metre and every five.
    floor: [Color32; 3],
    /// What stands in the way, and walls.
    block: [Color32; 2],
    /// What the robot needs to stop.
    stopping: Color32,
    /// A frame waits, waits for the controller, waits for the actuator.
    waits: [Color32; 3],
}

const fn rgb(rgb: u32) -> Color32 {
    let [_, r, g, b] = rgb.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

const LIGHT: Palette = Palette {
    ink: rgb(0x14_1a_22),
    faint: rgb(0x4c_56_63),
    paper: rgb(0xf7_f8_fa),
    card: rgb(0xff_ff_ff),
    well: rgb(0xe8_eb_ef),
    field: rgb(0xff_ff_ff),
    rule: rgb(0xd2_d7_de),
    rail: rgb(0xc9_d0_d9),
    hovered: rgb(0xdb_e6_f0),
    pressed: rgb(0xc7_db_eb),
    sky: rgb(0xdf_e5_ec),
    floor: [rgb(0xe3_e6_ea), rgb(0xcc_d0_d5), rgb(0xb4_b8_bd)],
    block: [rgb(0x93_a1_b3), rgb(0xb4_bd_c8)],
    stopping: rgb(0x2b_2f_36),
    waits: [rgb(0xb3_ba_c3), rgb(0x8a_93_9e), rgb(0x3a_42_4d)],
};

const DARK: Palette = Palette {
    ink: rgb(0xe6_ea_ef),
    faint: rgb(0xa3_ae_bb),
    paper: rgb(0x17_1b_21),
    card: rgb(0x1d_22_29),
    well: rgb(0x28_2e_37),
    field: rgb(0x0f_12_17),
    rule: rgb(0x38_40_4b),
    rail: rgb(0x46_50_5d),
    hovered: rgb(0x2b_3a_49),
    pressed: rgb(0x28_4b_66),
    sky: rgb(0x1a_20_28),
    floor: [rgb(0x1f_24_2b), rgb(0x2e_35_3e), rgb(0x43_4c_58)],
    block: [rgb(0x5f_6d_7e), rgb(0x4c_57_65)],
    stopping: rgb(0xe9_ed_f2),
    waits: [rgb(0x5c_65_71), rgb(0x84_8e_9b), rgb(0xc8_d0_da)],
};

/// The mode of the window: there is one window.
static IS_DARK: AtomicBool = AtomicBool::new(false);

/// The mode that everything is drawn in.
pub(crate) fn mode() -> Mode {
    if IS_DARK.load(Ordering::Relaxed) { Mode::Dark } else { Mode::Light }
}

/// From now on everything is drawn in this mode.
pub(crate) fn turn(mode: Mode) {
    IS_DARK.store(mode == Mode::Dark, Ordering::Relaxed);
}

impl Mode {
    /// Its colours.
    fn palette(self) -> &'static Palette {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }
}

/// Text.
pub(crate) fn ink() -> Color32 {
    mode().palette().ink
}

/// Less important text.
pub(crate) fn faint() -> Color32 {
    mode().palette().faint
}

/// The panels.
pub(crate) fn paper() -> Color32 {
    mode().palette().paper
}

/// Wells in the panels.
pub(crate) fn well() -> Color32 {
    mode().palette().well
}

/// Lines between things.
pub(crate) fn rule() -> Color32 {
    mode().palette().rule
}

/// The sky, the far end of the floor.
pub(crate) fn sky() -> Color32 {
    mode().palette().sky
}

/// The floor, and the lines on it every metre and every five.
pub(crate) fn floor() -> [Color32; 3] {
    mode().palette().floor
}

/// What stands in the way, and walls.
pub(crate) fn block() -> [Color32; 2] {
    mode().palette().block
}

/// What the robot needs to stop.
pub(crate) fn stopping() -> Color32 {
    mode().palette().stopping
}

/// A signal colour as text: as much darker or lighter as it must be to be read on the panels.
pub(crate) fn words(signal: Color32) -> Color32 {
    legible(signal, mode().palette())
}

/// What text needs to be read with ease, by the Web Content Accessibility Guidelines.
const LEGIBLE: f32 = 4.5;

fn legible(signal: Color32, on: &Palette) -> Color32 {
    let mixed = |share: u8| signal.lerp_to_gamma(on.ink, f32::from(share) / 20.0);
    let good = |colour: &Color32| contrast(*colour, on.paper).min(contrast(*colour, on.card)) >= LEGIBLE;
    (0..20).map(mixed).find(good).unwrap_or(on.ink)
}

/// How much brighter one colour is than the other, from 1 to 21, by the same guidelines.
fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |colour: Color32| {
        let [r, g, b, _] = egui::Rgba::from(colour).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Small print.
pub(crate) const SMALL: f32 = 12.0;

/// A colour of the theme for the scene.
pub(crate) fn scene(colour: Color32) -> Color {
    Color::srgb_u8(colour.r(), colour.g(), colour.b())
}

/// A colour of the theme for the scene, translucent.
pub(crate) fn sheer(colour: Color32, alpha: f32) -> Color {
    use bevy::color::Alpha;
    scene(colour).with_alpha(alpha)
}

/// The colour of a stage in the waterfall: waiting is grey, transport is blue and purple, the processor is yellow, the
/// network is vermilion.
pub(crate) fn stage(stage: Stage) -> Color32 {
    match stage {
        Stage::Sensing => Color32::from_rgb(0x00, 0x9e, 0x73),
        Stage::LinkOut | Stage::LinkBack => Color32::from_rgb(0x56, 0xb4, 0xe9),
        Stage::Queue => mode().palette().waits[0],
        Stage::Pre | Stage::Post => Color32::from_rgb(0xe6, 0x9f, 0x00),
        Stage::HostToDevice | Stage::DeviceToHost => Color32::from_rgb(0xcc, 0x79, 0xa7),
        Stage::Compute => Color32::from_rgb(0xd5, 0x5e, 0x00),
        Stage::ControlWait => mode().palette().waits[1],
        Stage::DeadTime => mode().palette().waits[2],
    }
}

/// The family of words that stand out.
pub(crate) fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Words that stand out.
pub(crate) fn strong(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).family(strong_family()).color(ink())
}

/// Dresses egui, once, when the context is new. The fonts are there from the next frame on.
pub(crate) fn dress(ctx: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    // egui's own proportional font is too light to be read easily on white.
    for (name, family, bytes) in [
        ("inter", FontFamily::Proportional, &include_bytes!("../fonts/Inter-Regular.otf")[..]),
        ("inter-strong", strong_family(), &include_bytes!("../fonts/Inter-SemiBold.otf")[..]),
    ] {
        fonts.font_data.insert(name.into(), FontData::from_static(bytes).into());
        // What it lacks comes from the fonts that egui brings.
        let mut names = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
        names.retain(|other| other != "inter");
        names.insert(0, name.into());
        fonts.families.insert(family, names);
    }
    ctx.set_fonts(fonts);
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(6.0, 5.0);
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
        style.spacing.interact_size.y = 22.0;
        style.spacing.slider_rail_height = 5.0;
        style.interaction.selectable_labels = false;
        style.animation_time = 0.0;
        style.text_styles = [
            (TextStyle::Heading, FontId::new(16.5, strong_family())),
            (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Small, FontId::new(SMALL, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
    });
    ctx.set_visuals_of(egui::Theme::Light, visuals(Visuals::light(), &LIGHT));
    ctx.set_visuals_of(egui::Theme::Dark, visuals(Visuals::dark(), &DARK));
    follow(ctx);
}

/// What surrounds the window, in its mode.
pub(crate) fn frame() -> bevy::window::WindowTheme {
    match mode() {
        Mode::Light => bevy::window::WindowTheme::Light,
        Mode::Dark => bevy::window::WindowTheme::Dark,
    }
}

/// Shows egui in the mode of the window.
pub(crate) fn follow(ctx: &egui::Context) {
    let theme = match mode() {
        Mode::Light => egui::Theme::Light,
        Mode::Dark => egui::Theme::Dark,
    };
    if ctx.theme() != theme || ctx.options(|options| options.theme_preference != theme.into()) {
        ctx.set_theme(theme);
    }
}

fn visuals(mut visuals: Visuals, palette: &Palette) -> Visuals {
    visuals.panel_fill = palette.paper;
    visuals.window_fill = palette.card;
    visuals.extreme_bg_color = palette.field;
    visuals.hyperlink_color = legible(ACCENT, palette);
    visuals.override_text_color = None;
    visuals.selection.bg_fill = ACCENT;
    visuals.selection.stroke = Stroke::new(1.0, Color32::WHITE);
    visuals.slider_trailing_fill = true;
    visuals.window_shadow = Shadow { offset: [0, 3], blur: 14, spread: 0, color: Color32::from_black_alpha(50) };
    visuals.popup_shadow = Shadow { offset: [0, 2], blur: 8, spread: 0, color: Color32::from_black_alpha(40) };
    let radius = CornerRadius::same(5);
    let widgets = &mut visuals.widgets;
    for state in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        state.corner_radius = radius;
        state.fg_stroke = Stroke::new(1.0, palette.ink);
        state.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.rule);
    widgets.inactive.bg_fill = palette.rail;
    widgets.inactive.weak_bg_fill = palette.well;
    widgets.hovered.weak_bg_fill = palette.hovered;
    widgets.hovered.bg_stroke = Stroke::new(1.0, ACCENT);
    widgets.active.weak_bg_fill = palette.pressed;
    widgets.open.weak_bg_fill = palette.hovered;
    visuals
}

/// The frame of what floats above the scene.
pub(crate) fn floating() -> Frame {
    Frame::NONE
        .fill(mode().palette().card.gamma_multiply_u8(0xf4))
        .stroke(Stroke::new(1.0, rule()))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(12, 9))
}

/// Small print.
pub(crate) fn small(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).size(SMALL).color(faint())
}

#[cfg(test)]
#[path = "theme_tests.rs"]
mod tests;
