//! See what it saw: the scan and the depth image behind the command in force, beside those of now, the difference shaded.

use bevy_egui::egui::{
    self, Align2, Color32, ColorImage, FontId, Mesh, Painter, Pos2, Rect, RichText, Sense, Shape, Stroke,
    TextureHandle, TextureOptions, Ui, Vec2,
};
use plant::{DepthImage, Observation, World};

use crate::instrument::Instrument;
use crate::shade::shade;
use crate::snapshot::Scene;
use crate::{Action, panel, theme};

/// Further away than this is drawn at the rim, metres.
const REACH: f32 = 4.0;

/// What is set against what.
struct Sight<'a> {
    world: &'a World,
    /// What the network got.
    then: &'a Observation,
    /// What is there.
    now: &'a Observation,
}

impl<'a> Sight<'a> {
    fn of(scene: &'a Scene) -> Option<Self> {
        Some(Self { world: &scene.world, then: scene.behind.as_deref()?, now: scene.instruments.truth.as_deref()? })
    }

    /// Smaller differences of a range are noise, metres.
    fn noise(&self) -> f32 {
        (4.0 * self.world.lidar.noise as f32).max(0.03)
    }

    /// By how much each beam is nearer now than the network was told, metres; negative is farther.
    fn nearer(&self) -> impl Iterator<Item = f32> + '_ {
        self.then.scan.iter().zip(self.now.scan.iter()).map(|(then, now)| then - now)
    }

    /// The greatest approach within 60 degrees to either side of straight ahead: metres and bearing in degrees, left is positive.
    fn greatest(&self) -> Option<(f32, f32)> {
        let count = self.now.scan.len();
        let ahead = self.nearer().enumerate().map(|(i, nearer)| (nearer, bearing(i, count).to_degrees()));
        let near = |(i, (_, bearing)): &(usize, (f32, f32))| bearing.abs() <= 60.0 && self.now.scan[*i] < REACH;
        let greatest = ahead.enumerate().filter(near).map(|(_, found)| found).max_by(|a, b| a.0.total_cmp(&b.0));
        greatest.filter(|(nearer, _)| *nearer > self.noise())
    }

    /// In words.
    fn words(&self) -> String {
        let Some((nearer, bearing)) = self.greatest() else {
            return "Ahead nothing is nearer than it was told.".to_owned();
        };
        let side = match bearing {
            b if b.abs() < 3.0 => "straight ahead".to_owned(),
            b if b > 0.0 => format!("{b:.0} degrees to the left"),
            b => format!("{:.0} degrees to the right", -b),
        };
        format!("\u{25b2} {nearer:.2} m nearer than it was told, {side}.")
    }
}

/// Of a beam, radians, positive to the left.
fn bearing(beam: usize, count: usize) -> f32 {
    -std::f32::consts::PI + std::f32::consts::TAU * (beam as f32 + 0.5) / count.max(1) as f32
}

/// Draws the panel; what a person does there is added to `actions`.
pub(crate) fn show(ui: &mut Ui, scene: &Scene, actions: &mut Vec<Action>) {
    title(ui, "What the network saw", Instrument::Seen, actions);
    let Some(sight) = Sight::of(scene) else {
        ui.label("No command of a network is in force yet: the initial one holds.");
        return;
    };
    let age = (scene.now - sight.then.at).ms();
    ui.label(format!("It decided the command in force on what was {} ms ago.", panel::ms(age)));
    ui.label(theme::strong(sight.words()));
    let height = ui.available_height();
    egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        let width = ui.available_width();
        let depths = sight.then.depth.as_ref().zip(sight.now.depth.as_ref());
        // The plots take what the words and the images leave, the difference the most of it.
        let images_height = depths.map_or(0.0, |(then, _)| image_size(width, then).y + 44.0);
        let room = height - images_height - 84.0;
        let column = (width - 8.0) / 2.0;
        let half = (room * 0.42).clamp(90.0, column);
        let whole = (room - half).clamp(110.0, width);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            for (word, then, now) in [("then: what it got", true, false), ("now: what is there", false, true)] {
                ui.vertical(|ui| {
                    ui.set_width(column);
                    let colour = if then { theme::GHOST } else { theme::SCAN };
                    ui.label(RichText::new(word).size(theme::SMALL).color(theme::words(colour)));
                    polar(ui, half, &sight, then, now);
                });
            }
        });
        ui.label(theme::small("the difference, in the robot's own frame"));
        ui.vertical_centered(|ui| polar(ui, whole, &sight, true, true));
        key(ui);
        if let Some((then, now)) = depths {
            ui.add_space(4.0);
            images(ui, then, now, sight.world.camera.map_or(0.0, |camera| camera.noise as f32));
        }
    });
}

/// The head of an instrument's panel.
pub(crate) fn title(ui: &mut Ui, words: &str, instrument: Instrument, actions: &mut Vec<Action>) {
    let cap = match instrument {
        Instrument::Seen => "V",
        Instrument::Map => "M",
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(words).heading());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.small_button(format!("{cap}: close")).clicked() {
                actions.push(Action::Instrument(instrument));
            }
        });
    });
    ui.separator();
}

fn key(ui: &mut Ui) {
    ui.horizontal_wrapped(|ui| {
        for (colour, word) in [(nearer_paint(), "nearer now"), (farther_paint(), "farther now")] {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(14.0, 9.0), Sense::hover());
            ui.painter().rect_filled(rect, 1.0, colour);
            ui.label(theme::small(word));
            ui.add_space(8.0);
        }
        ui.label(theme::small(format!("rim: {REACH:.0} m or more")));
    });
}

fn nearer_paint() -> Color32 {
    theme::paper().lerp_to_gamma(theme::BLIND, 0.6)
}

fn farther_paint() -> Color32 {
    theme::paper().lerp_to_gamma(theme::faint(), 0.3)
}

/// A polar plot, straight ahead upwards: the scan of then, that of now, and between both the difference.
fn polar(ui: &mut Ui, size: f32, sight: &Sight, then: bool, now: bool) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), Sense::hover());
    let painter = ui.painter_at(rect);
    let centre = rect.center();
    let scale = (size / 2.0 - 3.0) / REACH;
    let place = |bearing: f32, range: f32| {
        let (sin, cos) = bearing.sin_cos();
        centre - range.min(REACH) * scale * egui::vec2(sin, cos)
    };
    painter.circle_filled(centre, REACH * scale, theme::well());
    let count = sight.now.scan.len();
    let wedge = |mesh: &mut Mesh, beam: usize, from: f32, to: f32, colour: Color32| {
        let half = std::f32::consts::PI / count.max(1) as f32;
        let at = bearing(beam, count);
        quad(
            mesh,
            [(at - half, from), (at + half, from), (at + half, to), (at - half, to)].map(|(b, r)| place(b, r)),
            colour,
        );
    };
    let mut fill = Mesh::default();
    if then && now {
        for (beam, (&then, &now)) in sight.then.scan.iter().zip(sight.now.scan.iter()).enumerate() {
            let (near, far) = (then.min(now).min(REACH), then.max(now).min(REACH));
            wedge(&mut fill, beam, 0.0, near, theme::field());
            if (then - now).abs() > sight.noise() {
                wedge(&mut fill, beam, near, far, if now < then { nearer_paint() } else { farther_paint() });
            }
        }
    } else {
        let scan = if then { &sight.then.scan } else { &sight.now.scan };
        for (beam, &range) in scan.iter().enumerate() {
            wedge(&mut fill, beam, 0.0, range.min(REACH), theme::field());
        }
    }
    painter.add(Shape::mesh(fill));
    rings(&painter, centre, scale);
    for (shown, scan, colour) in [(then, &sight.then.scan, theme::GHOST), (now, &sight.now.scan, theme::SCAN)] {
        if shown {
            let mut dots = Mesh::default();
            for (beam, &range) in scan.iter().enumerate().filter(|(_, range)| **range < REACH) {
                let dot = Rect::from_center_size(place(bearing(beam, count), range), Vec2::splat(2.4));
                quad(&mut dots, [dot.left_top(), dot.right_top(), dot.right_bottom(), dot.left_bottom()], colour);
            }
            painter.add(Shape::mesh(dots));
        }
    }
    robot(&painter, centre, scale, sight.world);
}

fn quad(mesh: &mut Mesh, corners: [Pos2; 4], colour: Color32) {
    let first = mesh.vertices.len() as u32;
    for corner in corners {
        mesh.colored_vertex(corner, colour);
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first, first + 2, first + 3);
}

fn rings(painter: &Painter, centre: Pos2, scale: f32) {
    for metres in 1..=REACH as i32 {
        let radius = metres as f32 * scale;
        painter.circle_stroke(centre, radius, Stroke::new(1.0, theme::rule()));
        if metres % 2 == 1 && scale > 22.0 {
            let at = centre + egui::vec2(radius * 0.707, radius * 0.707) - egui::vec2(1.0, 1.0);
            painter.text(at, Align2::RIGHT_BOTTOM, format!("{metres} m"), FontId::proportional(9.5), theme::faint());
        }
    }
}

/// The footprint, its front marked.
fn robot(painter: &Painter, centre: Pos2, scale: f32, world: &World) {
    let (length, width) = match &world.robot {
        plant::Robot::Rover(rover) => (rover.length, rover.width),
        plant::Robot::Balancer(balancer) => (balancer.length, balancer.width),
    };
    let body = Rect::from_center_size(centre, egui::vec2(width as f32, length as f32) * scale);
    painter.rect_filled(body, 1.0, theme::stopping());
    let nose = egui::vec2(0.0, -body.height() / 2.0);
    painter.line_segment([centre + nose, centre + nose * 2.2], Stroke::new(1.5, theme::stopping()));
}

/// Of one of three images beside each other in a width.
fn image_size(width: f32, image: &DepthImage) -> Vec2 {
    let width = (width - 12.0) / 3.0;
    egui::vec2(width, width * image.height as f32 / image.width.max(1) as f32)
}

/// The depth images: then, now, the difference.
fn images(ui: &mut Ui, then: &DepthImage, now: &DepthImage, noise: f32) {
    if (then.width, then.height) != (now.width, now.height) || then.width * then.height == 0 {
        return;
    }
    let size = image_size(ui.available_width(), then);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (word, pixels) in [
            ("depth then", then.depth.iter().map(|depth| depth_paint(*depth, then.max_range)).collect()),
            ("depth now", now.depth.iter().map(|depth| depth_paint(*depth, now.max_range)).collect()),
            ("difference", then.depth.iter().zip(now.depth.iter()).map(|(a, b)| change_paint(*a, *b, noise)).collect()),
        ] {
            ui.vertical(|ui| {
                ui.set_width(size.x);
                ui.label(theme::small(word));
                image(ui, word, ColorImage::new([then.width, then.height], pixels), size);
            });
        }
    });
    ui.label(theme::small(format!("depth: dark is near, light is {:.0} m or more", then.max_range)));
}

/// A texture that lives as long as the window does, under this name.
fn image(ui: &mut Ui, name: &str, pixels: ColorImage, size: Vec2) {
    let id = egui::Id::new(("seen", name));
    let kept: Option<TextureHandle> = ui.data(|data| data.get_temp(id));
    let texture = if let Some(mut texture) = kept.filter(|texture| texture.size() == pixels.size) {
        // Into the texture that there is: bevy_egui shows a new one a frame late, so one that is new in every frame never.
        texture.set_partial([0, 0], pixels, TextureOptions::NEAREST);
        texture
    } else {
        let texture = ui.ctx().load_texture(name, pixels, TextureOptions::NEAREST);
        ui.data_mut(|data| data.insert_temp(id, texture.clone()));
        texture
    };
    ui.add(egui::Image::new((texture.id(), size)).corner_radius(2.0));
}

fn depth_paint(depth: f32, max: f32) -> Color32 {
    shade(1.0 - f64::from((depth / max).clamp(0.0, 1.0).sqrt()))
}

/// The same colours as in the polar plot; the noise grows with the square of the depth.
fn change_paint(then: f32, now: f32, noise: f32) -> Color32 {
    let least = (4.0 * noise * then.min(now).powi(2)).max(0.05);
    match now - then {
        change if change < -least => theme::BLIND,
        change if change > least => Color32::from_gray(0xb0),
        _ => Color32::WHITE,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
