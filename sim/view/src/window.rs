//! How the window is divided, for any egui: the panels, the strip, and what floats above the scene.

use bevy_egui::egui::{self, Align2, Frame, Id, LayerId, Margin, Order, Panel, Rect, RichText, Ui, UiBuilder};

use crate::card::Press;
use crate::hud::Callout;
use crate::keys::Group;
use crate::limit::Limit;
use crate::snapshot::{Phase, Snapshot};
use crate::waterfall::waterfall;
use crate::{Action, Desk, Instrument, Kept, card, dropped, hud, keys, lab_panel, lanes, panel, phase_panel};
use crate::{plots, seen, theme, timeline};

/// Width of the panel on the left, points.
const PANEL: f32 = 276.0;

/// Width of the labs on the right, points.
const LABS: f32 = 352.0;

/// What came of a frame of the panels.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// Where the scene shows, points.
    pub scene: Rect,
    /// What was done.
    pub actions: Vec<Action>,
    /// Back to the last settings that worked.
    pub back: bool,
}

/// How much larger than designed everything is drawn, for a window of this size in logical pixels.
pub(crate) fn zoom(width: f32, height: f32) -> f32 {
    (width / 1280.0).min(height / 800.0).clamp(0.86, 1.6)
}

/// Draws everything but the scene.
pub(crate) fn window(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, callouts: &[Callout]) -> Drawn {
    let mut actions = Vec::new();
    if desk.bare && !matches!(snapshot.phase, Phase::Failed(_)) {
        return bare(ui, callouts);
    }
    let paper = Frame::NONE.fill(theme::paper()).inner_margin(Margin::symmetric(10, 8));
    Panel::left("controls").exact_size(PANEL).resizable(false).frame(paper).show(ui, |ui| {
        panel::panel(ui, desk, snapshot, &mut actions);
    });
    let height = (ui.available_height() * 0.26).clamp(140.0, 230.0);
    Panel::bottom("strip").exact_size(height).resizable(false).frame(paper).show(ui, |ui| {
        strip(ui, desk, snapshot, &mut actions);
    });
    let bar = Frame::NONE.fill(theme::paper()).inner_margin(Margin::symmetric(10, 2));
    Panel::bottom("timeline").exact_size(timeline::HEIGHT).resizable(false).frame(bar).show(ui, |ui| {
        timeline::bar(ui, &snapshot.timeline, &mut actions);
    });
    if let (Some(instrument), Some(of)) = (desk.instrument, &snapshot.scene) {
        Panel::right("instrument").exact_size(LABS).resizable(false).frame(paper).show(ui, |ui| match instrument {
            Instrument::Seen => seen::show(ui, of, &mut actions),
            Instrument::Map => phase_panel::show(ui, desk, snapshot, &mut actions),
        });
    } else if desk.labs.open {
        Panel::right("labs").exact_size(LABS).resizable(false).frame(paper).show(ui, |ui| {
            lab_panel::panel(ui, &desk.labs, &snapshot.settling, &mut actions);
        });
    }
    let scene = ui.available_rect_before_wrap();
    let ctx = ui.ctx().clone();
    let painter = ctx.layer_painter(LayerId::new(Order::Background, Id::new("callouts"))).with_clip_rect(scene);
    let card = card::card(snapshot, desk).filter(|_| !desk.card_closed);
    let narrow = scene.width() < hud::NARROW;
    let several = snapshot.lanes.len() > 1;
    if let Some(of) = &snapshot.scene {
        let height = |id: &str| ctx.memory(|memory| memory.area_rect(Id::new(id))).map_or(76.0, |rect| rect.height());
        if !desk.help {
            let shown = [
                ("hud", true),
                ("legend", !(narrow && several)),
                ("lanes", several),
                ("card", card.is_some()),
                ("log", card.is_none() && desk.toast.is_empty() && snapshot.log != Kept::default()),
                ("toast", !desk.toast.is_empty()),
            ];
            let cards: Vec<Rect> = shown
                .iter()
                .filter(|(_, shown)| *shown)
                .filter_map(|(id, _)| ctx.memory(|memory| memory.area_rect(Id::new(*id))))
                .collect();
            hud::callouts(&painter, callouts, scene.shrink(6.0), &cards);
        }
        let mut corner = scene.left_top() + egui::vec2(12.0, 12.0);
        if narrow {
            // Its frame has a margin, too.
            floating(&ctx, "hud", Align2::LEFT_TOP, corner, |ui| hud::lines(ui, of, scene.width() - 50.0));
            corner.y += height("hud") + 8.0;
        } else {
            let corner = scene.right_top() + egui::vec2(-12.0, 12.0);
            floating(&ctx, "hud", Align2::RIGHT_TOP, corner, |ui| hud::hud(ui, of));
        }
        if !(narrow && several) {
            floating(&ctx, "legend", Align2::LEFT_TOP, corner, hud::legend);
            corner.y += height("legend") + 8.0;
        }
        if several {
            floating(&ctx, "lanes", Align2::LEFT_TOP, corner, |ui| {
                lanes::list(ui, snapshot, if narrow { 2 } else { 1 }, &mut actions);
            });
        }
    }
    let mut back = false;
    if let Phase::Loading(what) = &snapshot.phase {
        floating(&ctx, "loading", Align2::CENTER_CENTER, scene.center(), |ui| {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label(RichText::new(what).heading());
            });
        });
    }
    let corner = scene.left_bottom() + egui::vec2(12.0, -12.0);
    if let Some(card) = card {
        // Below the robot, which is in the middle.
        let mut bottom = scene.center_bottom() - egui::vec2(0.0, 16.0);
        if several && !narrow {
            // And beside the list of lanes.
            let list = ctx.memory(|memory| memory.area_rect(Id::new("lanes"))).map_or(0.0, |rect| rect.right());
            bottom.x = bottom.x.max(list + 22.0 + card::WIDTH / 2.0);
        }
        let over = matches!(snapshot.phase, Phase::Over(_));
        let log = if over { snapshot.log.clone() } else { Kept::default() };
        let pressed = floating(&ctx, "card", Align2::CENTER_BOTTOM, bottom, |ui| card::draw(ui, &card, &log));
        match pressed {
            Some(Press::Act(of)) => actions.extend(of),
            Some(Press::Back) => back = true,
            None => {}
        }
    } else if snapshot.log != Kept::default() && desk.toast.is_empty() {
        floating(&ctx, "log", Align2::LEFT_BOTTOM, corner, |ui| hud::log(ui, &snapshot.log));
    }
    if !desk.toast.is_empty() {
        floating(&ctx, "toast", Align2::LEFT_BOTTOM, corner, |ui| ui.label(&desk.toast));
    }
    if desk.hint {
        let top = scene.center_top() + egui::vec2(0.0, 12.0);
        floating(&ctx, "first steps", Align2::CENTER_TOP, top, first_steps);
    }
    if !desk.promise.is_empty() {
        floating(&ctx, "promise", Align2::CENTER_CENTER, scene.center(), |ui| {
            ui.set_max_width(420.0);
            ui.label(RichText::new(&desk.promise).heading());
        });
    }
    if desk.help {
        floating(&ctx, "help", Align2::CENTER_CENTER, scene.center(), |ui| help(ui, desk));
    }
    Drawn { scene, actions, back }
}

/// The scene alone, with its labels: for pictures.
fn bare(ui: &mut Ui, callouts: &[Callout]) -> Drawn {
    let scene = ui.available_rect_before_wrap();
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Background, Id::new("callouts"))).with_clip_rect(scene);
    hud::callouts(&painter, callouts, scene.shrink(6.0), &[]);
    Drawn { scene, actions: Vec::new(), back: false }
}

fn floating<R>(ctx: &egui::Context, id: &str, pivot: Align2, at: egui::Pos2, add: impl FnOnce(&mut Ui) -> R) -> R {
    let area = egui::Area::new(Id::new(id)).order(Order::Middle).fixed_pos(at).pivot(pivot).constrain(false);
    area.show(ctx, |ui| theme::floating().show(ui, add).inner).inner
}

/// The age on the left, the waterfall on the right.
fn strip(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let Some(scene) = &snapshot.scene else { return };
    let whole = ui.available_rect_before_wrap();
    let middle = whole.left() + whole.width() * 0.42;
    let left = Rect::from_min_max(whole.min, egui::pos2(middle - 9.0, whole.bottom()));
    let right = Rect::from_min_max(egui::pos2(middle + 9.0, whole.top()), whole.max);
    let limit = Limit::of(snapshot);
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| plots::age_strip(ui, &scene.ages, limit));
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
        waterfall(ui, &scene.lives, scene.now, desk.stretch, limit, actions);
    });
    ui.allocate_rect(whole, egui::Sense::hover());
}

/// All that can be done, by what it is for.
fn help(ui: &mut Ui, desk: &Desk) {
    let digits = desk.choices.scenarios.len().min(9);
    let digits = (digits > 0).then(|| (format!("1 .. {digits}"), "scenario".to_owned()));
    let other = |group: Group| -> Vec<(String, String)> {
        let rows: &[(&str, &str)] = match group {
            Group::Look => &[("drag, wheel", "turn, bring nearer"), ("Tab", "to the next control")],
            Group::Change => &[("drop a file", dropped::KINDS)],
            Group::Play | Group::Share => &[],
        };
        rows.iter().map(|(cap, help)| ((*cap).to_owned(), (*help).to_owned())).collect()
    };
    ui.set_max_width(620.0);
    ui.horizontal_top(|ui| {
        for column in [[Group::Play, Group::Look], [Group::Change, Group::Share]] {
            ui.vertical(|ui| {
                ui.set_width(300.0);
                for group in column {
                    ui.label(RichText::new(group.label()).heading());
                    let keys = keys::KEYS.iter().filter(|key| key.group == group && !key.help.is_empty());
                    let keys = keys.map(|key| (key.cap.to_owned(), key.help.to_owned()));
                    let digits = digits.clone().filter(|_| group == Group::Play);
                    for (cap, help) in keys.chain(digits).chain(other(group)) {
                        ui.horizontal_top(|ui| {
                            ui.allocate_ui(egui::vec2(CAP, 16.0), |ui| {
                                ui.set_min_width(CAP);
                                ui.label(RichText::new(cap).monospace().strong());
                            });
                            ui.add(egui::Label::new(help).wrap());
                        });
                    }
                    ui.add_space(6.0);
                }
            });
        }
    });
}

/// Width of the names of keys, points.
const CAP: f32 = 96.0;

/// The first steps, for whoever sees the window for the first time.
fn first_steps(ui: &mut Ui) {
    ui.set_max_width(470.0);
    ui.label(RichText::new("A neural network drives this robot.").heading());
    ui.label("What it decides comes late. Pick \"fixed\" on the left, drag the latency, and see what lateness does.");
    ui.label(theme::small("Space: pause.  R: run again.  G: guided experiments.  H: all keys.  Esc: close this."));
}

#[cfg(test)]
#[path = "window_tests.rs"]
pub(crate) mod tests;
