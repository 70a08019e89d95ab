//! Colours, sizes and type: one place, used by the panels and by the scene alike, so that a colour means one thing.
//!
//! The signal colours are Okabe and Ito's, which stay apart for every kind of colour vision. None carries meaning alone:
//! each also has a shape or a word.

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
/// What it needs to stop.
pub(crate) const STOPPING: Color32 = Color32::from_rgb(0x2b, 0x2f, 0x36);
/// Range returns.
pub(crate) const SCAN: Color32 = Color32::from_rgb(0xb0, 0x4a, 0x8a);
/// Things that can be pressed or dragged.
pub(crate) const ACCENT: Color32 = Color32::from_rgb(0x00, 0x72, 0xb2);

/// Text.
pub(crate) const INK: Color32 = Color32::from_rgb(0x14, 0x1a, 0x22);
/// Less important text; still 4.5 : 1 on the panels.
pub(crate) const FAINT: Color32 = Color32::from_rgb(0x4c, 0x56, 0x63);
/// The panels.
pub(crate) const PAPER: Color32 = Color32::from_rgb(0xf7, 0xf8, 0xfa);
/// Wells in the panels: plots, unpressed buttons.
pub(crate) const WELL: Color32 = Color32::from_rgb(0xe8, 0xeb, 0xef);
/// Lines between things.
pub(crate) const RULE: Color32 = Color32::from_rgb(0xd2, 0xd7, 0xde);
/// The sky, the far end of the floor.
pub(crate) const SKY: Color32 = Color32::from_rgb(0xdf, 0xe5, 0xec);

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
        Stage::Queue => Color32::from_rgb(0xb3, 0xba, 0xc3),
        Stage::Pre | Stage::Post => Color32::from_rgb(0xe6, 0x9f, 0x00),
        Stage::HostToDevice | Stage::DeviceToHost => Color32::from_rgb(0xcc, 0x79, 0xa7),
        Stage::Compute => Color32::from_rgb(0xd5, 0x5e, 0x00),
        Stage::ControlWait => Color32::from_rgb(0x8a, 0x93, 0x9e),
        Stage::DeadTime => Color32::from_rgb(0x3a, 0x42, 0x4d),
    }
}

/// The family of words that stand out.
pub(crate) fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Words that stand out.
pub(crate) fn strong(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).family(strong_family()).color(INK)
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
    ctx.set_theme(egui::Theme::Light);
    ctx.all_styles_mut(|style| {
        style.visuals = visuals();
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
}

fn visuals() -> Visuals {
    let mut visuals = Visuals::light();
    visuals.panel_fill = PAPER;
    visuals.window_fill = PAPER;
    visuals.extreme_bg_color = Color32::WHITE;
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
        state.fg_stroke = Stroke::new(1.0, INK);
        state.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, RULE);
    widgets.inactive.bg_fill = Color32::from_rgb(0xc9, 0xd0, 0xd9);
    widgets.inactive.weak_bg_fill = WELL;
    widgets.hovered.weak_bg_fill = Color32::from_rgb(0xdb, 0xe6, 0xf0);
    widgets.hovered.bg_stroke = Stroke::new(1.0, ACCENT);
    widgets.active.weak_bg_fill = Color32::from_rgb(0xc7, 0xdb, 0xeb);
    widgets.open.weak_bg_fill = Color32::from_rgb(0xdb, 0xe6, 0xf0);
    visuals
}

/// The frame of what floats above the scene.
pub(crate) fn floating() -> Frame {
    Frame::NONE
        .fill(Color32::from_rgba_unmultiplied(0xff, 0xff, 0xff, 0xf4))
        .stroke(Stroke::new(1.0, RULE))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(12, 9))
}

/// Small print.
pub(crate) fn small(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).size(SMALL).color(FAINT)
}
