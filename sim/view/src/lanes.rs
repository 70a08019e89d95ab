//! Several robots in one world: their colours and letters, the others beside the one in focus, and the list of lanes.

use bevy::prelude::*;
use bevy_egui::egui::{self, Color32, RichText, Ui};
use scenario::Latency;

use crate::app::Newest;
use crate::desk::outcome_word;
use crate::robot::{self, Paint};
use crate::scene::Prop;
use crate::snapshot::{LaneView, Snapshot};
use crate::work::Work;
use crate::{Action, Choice, Desk, Settings, panel, shapes, theme};

/// The letter of a place.
pub(crate) fn letter(place: usize) -> char {
    char::from(b'A' + u8::try_from(place.min(25)).unwrap_or(0))
}

/// The colour of a place on the screen: dark enough for white letters. The letter says it too.
pub(crate) fn chip(place: usize) -> Color32 {
    const CHIPS: [Color32; 4] = [
        Color32::from_rgb(0x94, 0x67, 0x00),
        Color32::from_rgb(0x6a, 0x45, 0xb5),
        Color32::from_rgb(0x00, 0x72, 0x86),
        Color32::from_rgb(0x4a, 0x55, 0x63),
    ];
    CHIPS[place % CHIPS.len()]
}

/// The colour of its robot.
pub(crate) fn body(place: usize) -> Color32 {
    const BODIES: [Color32; 4] = [
        Color32::from_rgb(0xf2, 0xb7, 0x2b),
        Color32::from_rgb(0x9a, 0x7b, 0xdc),
        Color32::from_rgb(0x4f, 0xbd, 0xd0),
        Color32::from_rgb(0x9a, 0xa5, 0xb3),
    ];
    BODIES[place % BODIES.len()]
}

/// The colour of its path on the floor, which is light or dark.
fn path(place: usize) -> Color32 {
    match theme::mode() {
        theme::Mode::Light => chip(place),
        theme::Mode::Dark => body(place),
    }
}

/// What a lane's settings are called, where they differ from another's.
fn fields(settings: &Settings) -> [(&'static str, String); 9] {
    let unset = || "the scenario's".to_owned();
    [
        ("model", settings.model.clone().unwrap_or_else(unset)),
        ("runtime", settings.runtime.clone()),
        ("graph", settings.graph.clone()),
        ("latency", settings.latency.to_string()),
        ("link", settings.link.clone().unwrap_or_else(unset)),
        ("schedule", settings.schedule.to_string()),
        ("cruise", settings.cruise.map_or_else(unset, |cruise| format!("{cruise} m/s"))),
        ("if late", settings.compensation.to_string()),
        ("deadline", settings.deadline_ms.map_or_else(|| "none".to_owned(), |ms| format!("{ms} ms"))),
    ]
}

/// What sets one of several apart: each field in which not all are alike, with its own value.
pub(crate) fn differences(all: &[&Settings], index: usize) -> Vec<String> {
    let all: Vec<_> = all.iter().map(|settings| fields(settings)).collect();
    let own = &all[index];
    let differs = (0..own.len()).filter(|&i| all.iter().any(|other| other[i].1 != own[i].1));
    differs.map(|i| format!("{} {}", own[i].0, own[i].1)).collect()
}

/// The robot of a lane that is not in focus, by its place.
#[derive(Component)]
pub(crate) struct Beside(usize);

/// Nearer than this, two robots are drawn as one, metres.
const APART: f64 = 0.02;

/// Sets the robots beside the one in focus up.
pub(crate) fn stage(
    commands: &mut Commands,
    newest: &Snapshot,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<StandardMaterial>,
) {
    let Some(scene) = &newest.scene else { return };
    for lane in newest.lanes.iter().enumerate().filter(|(index, _)| *index != newest.focus).map(|(_, lane)| lane) {
        let paint = Paint::beside(materials, body(lane.place));
        let place = shapes::stand(&lane.robot.pose);
        let mut entity = commands.spawn((Prop, Beside(lane.place), place, Visibility::default()));
        robot::build_robot(&mut entity, meshes, &scene.world.robot, &paint);
    }
}

/// Moves them, and draws where all have been.
pub(crate) fn act(
    newest: Res<Newest>,
    mut robots: Query<(&Beside, &mut Transform, &mut Visibility)>,
    mut gizmos: Gizmos,
    work: Res<Work>,
) {
    let _clock = work.clock();
    if newest.lanes.len() < 2 {
        return;
    }
    let Some(scene) = &newest.scene else { return };
    for (beside, mut transform, mut visibility) in &mut robots {
        let Some(lane) = newest.lanes.iter().find(|lane| lane.place == beside.0) else { continue };
        *transform = shapes::stand(&lane.robot.pose);
        let (here, there) = (&lane.robot.pose, &scene.robot.pose);
        let apart = (here.x - there.x).hypot(here.y - there.y) > APART;
        visibility.set_if_neq(if apart { Visibility::Inherited } else { Visibility::Hidden });
    }
    for lane in &newest.lanes {
        let height = 0.03 + 0.004 * lane.place as f32;
        gizmos.linestrip(lane.trail.iter().map(|at| shapes::place(*at, height)), theme::scene(path(lane.place)));
    }
}

/// The letter in its colour.
fn badge(ui: &mut Ui, place: usize) {
    let text = RichText::new(letter(place).to_string()).color(Color32::WHITE).family(theme::strong_family()).size(12.0);
    egui::Frame::NONE.fill(chip(place)).corner_radius(4.0).inner_margin(egui::Margin::symmetric(6, 1)).show(ui, |ui| {
        ui.label(text);
    });
}

/// Width of the list, points.
pub(crate) const WIDTH: f32 = 258.0;

/// The lanes, in so many columns: what sets each apart, how it goes, and since when it goes its own way.
pub(crate) fn list(ui: &mut Ui, snapshot: &Snapshot, columns: usize, actions: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing = egui::vec2(8.0, 3.0);
    egui::Grid::new("lanes").num_columns(columns).min_col_width(WIDTH).max_col_width(WIDTH).show(ui, |ui| {
        for (index, lane) in snapshot.lanes.iter().enumerate() {
            if index > 0 && index % columns == 0 {
                ui.end_row();
            }
            ui.vertical(|ui| row(ui, snapshot, index, lane, actions));
        }
    });
}

fn row(ui: &mut Ui, snapshot: &Snapshot, index: usize, lane: &LaneView, actions: &mut Vec<Action>) {
    ui.set_width(WIDTH);
    let fill = if index == snapshot.focus { theme::well() } else { Color32::TRANSPARENT };
    let frame = egui::Frame::NONE.fill(fill).corner_radius(5.0).inner_margin(egui::Margin::symmetric(4, 3));
    // The row itself lies below what is in it.
    let clickable = egui::UiBuilder::new().id_salt(lane.place).sense(egui::Sense::click());
    let row = ui.scope_builder(clickable, |ui| {
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                badge(ui, lane.place);
                let title = match lane.differs.as_slice() {
                    [] => "no difference yet".to_owned(),
                    differs => differs.join(", "),
                };
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let close = ui.small_button("x").on_hover_text("Close this lane (X closes the one in focus)");
                    if close.clicked() {
                        actions.push(Action::CloseLane(index));
                    }
                    ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| {
                        // Level with the letter.
                        ui.add_space(2.0);
                        let font = egui::FontId::new(12.5, theme::strong_family());
                        panel::lines_in(ui, &title, 3, font, ui.visuals().strong_text_color());
                    });
                });
            });
            ui.label(theme::small(state(lane, snapshot)));
        })
    });
    if row.response.on_hover_text("The controls and the plots are for this lane").clicked() {
        actions.push(Action::Lane(index));
    }
}

/// How a lane goes.
fn state(lane: &LaneView, snapshot: &Snapshot) -> String {
    let goes = match (lane.outcome, lane.age) {
        (Some(outcome), _) => outcome_word(outcome).to_owned(),
        (None, Some(age)) => format!("age {} ms", panel::ms(age.ms())),
        (None, None) => "no command yet".to_owned(),
    };
    let first = snapshot.lanes.first().map_or(0, |first| first.place);
    let same = match lane.equal_until {
        _ if lane.place == first => "the reference of the others".to_owned(),
        None => format!("bit for bit as {} so far", letter(first)),
        Some(at) => format!("bit for bit as {} until {:.3} s", letter(first), at.secs()),
    };
    format!("{goes}; {same}")
}

/// What can be raced against: what is in focus, with one thing other.
pub(crate) fn race_menu(ui: &mut Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let own = &desk.settings;
    let mut entry = |ui: &mut Ui, text: &str, settings: Settings| {
        if settings != *own && ui.button(text).clicked() {
            actions.push(Action::Race(Box::new(settings)));
            ui.close();
        }
    };
    ui.menu_button("another network", |ui| {
        for choice in &desk.choices.models {
            entry(ui, &choice.title, Settings { model: Some(choice.id.clone()), ..own.clone() });
        }
    });
    ui.menu_button("another latency", |ui| {
        entry(ui, "none", Settings { latency: Latency::Zero, ..own.clone() });
        for ms in [50.0, 100.0, 150.0, 200.0, 300.0] {
            entry(ui, &format!("{ms:.0} ms, a pure delay"), Settings { latency: Latency::Fixed(ms), ..own.clone() });
        }
        for ms in [50.0, 100.0, 150.0] {
            let text = format!("{ms:.0} ms that occupy the device");
            entry(ui, &text, Settings { latency: Latency::Service(ms), ..own.clone() });
        }
        entry(ui, "measured here", Settings { latency: Latency::Measured, ..own.clone() });
    });
    if !desk.choices.devices.is_empty() {
        ui.menu_button("another device (modelled)", |ui| {
            egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                for Choice { id, title, .. } in &desk.choices.devices {
                    if let Ok(latency) = id.parse() {
                        entry(ui, title, Settings { latency, ..own.clone() });
                    }
                }
            });
        });
    }
    ui.menu_button("another link (modelled)", |ui| {
        for choice in &desk.choices.links {
            let text = format!("{}: {}", choice.title, choice.description);
            entry(ui, &text, Settings { link: Some(choice.id.clone()), ..own.clone() });
        }
    });
    ui.menu_button("another queue rule", |ui| {
        for (schedule, hint) in panel::schedules() {
            entry(ui, &format!("{schedule}: {hint}"), Settings { schedule, ..own.clone() });
        }
    });
    ui.menu_button("another answer to latency", |ui| {
        for (compensation, hint) in panel::COMPENSATIONS {
            entry(ui, &format!("{compensation}: {hint}"), Settings { compensation, ..own.clone() });
        }
    });
    ui.menu_button("another runtime", |ui| {
        for choice in &desk.choices.runtimes {
            entry(ui, &choice.title, Settings { runtime: choice.id.clone(), ..own.clone() });
        }
    });
    ui.menu_button("another graph optimisation", |ui| {
        for choice in &desk.choices.graphs {
            let text = format!("{}: {}", choice.title, choice.description);
            entry(ui, &text, Settings { graph: choice.id.clone(), ..own.clone() });
        }
    });
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
