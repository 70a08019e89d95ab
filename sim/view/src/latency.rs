//! The controls of the latency: where the time of an inference comes from, the slider, the deadline.

use bevy_egui::egui::{self, DragValue, RichText, Slider, Ui};
use scenario::Latency;

use crate::desk::LATENCY_MAX;
use crate::panel::{labelled, lines, pick};
use crate::{Action, Choice, Desk, theme};

/// Draws the controls; what a person does there is added to `actions`.
pub(crate) fn latency(ui: &mut Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let now = &desk.settings.latency;
    let ms = desk.latency_ms().unwrap_or(100.0);
    let device: Option<Latency> = desk.choices.devices.first().and_then(|choice| choice.id.parse().ok());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding.x = 2.0;
        let width = (ui.available_width() - 6.0) / 4.0;
        for (word, picked, hint, latency) in [
            (
                "measured",
                *now == Latency::Measured,
                "The network runs here and is timed, inference by inference",
                Latency::Measured,
            ),
            (
                "fixed",
                matches!(now, Latency::Fixed(_) | Latency::Zero),
                "Every command comes exactly so late; no frame waits or is dropped",
                Latency::Fixed(ms),
            ),
            (
                "service",
                matches!(now, Latency::Service(_)),
                "Every inference takes so long, and the device is busy meanwhile: frames wait or are dropped",
                Latency::Service(ms),
            ),
            (
                "device",
                matches!(now, Latency::Profile(_) | Latency::Device(_)),
                "Modelled: a device that is not here, from its published numbers or by a roofline",
                device.clone().unwrap_or_default(),
            ),
        ] {
            let button =
                egui::Button::selectable(picked, RichText::new(word).size(12.5)).min_size(egui::vec2(width, 24.0));
            let absent = device.is_none() && word == "device";
            if ui.add_enabled(!absent, button).on_hover_text(hint).clicked() && !picked {
                actions.push(Action::Latency(latency));
            }
        }
    });
    match now {
        Latency::Zero | Latency::Fixed(_) | Latency::Service(_) => slider(ui, desk, ms, actions),
        Latency::Profile(_) | Latency::Device(_) => devices(ui, &desk.choices.devices, now, actions),
        Latency::Measured => {
            ui.label(theme::small("The network's own time on this machine. L and K set a fixed one instead."));
        }
        Latency::Replay(path) => {
            ui.label(theme::small(format!("recorded: {}", path.display())));
        }
    }
    ui.horizontal(|ui| {
        let mut on = desk.settings.deadline_ms.is_some();
        let mut ms = desk.settings.deadline_ms.unwrap_or(200.0);
        let hint = "An inference that takes longer is lost, and the command before it goes on to hold";
        let toggled = ui.checkbox(&mut on, "deadline").on_hover_text(hint).changed();
        let field = DragValue::new(&mut ms).range(1.0..=2000.0).speed(1.0).suffix(" ms").max_decimals(0);
        if ui.add_enabled(on, field).changed() || toggled {
            actions.push(Action::Deadline(on.then_some(ms)));
        }
    });
    if !desk.choices.links.is_empty() {
        link(ui, desk, actions);
    }
}

/// The modelled network between robot and device.
fn link(ui: &mut Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let own = Choice {
        id: String::new(),
        title: "the scenario's".into(),
        description: "As the scenario says; most have none".into(),
    };
    let choices: Vec<Choice> = std::iter::once(own).chain(desk.choices.links.iter().cloned()).collect();
    labelled(ui, "link", |ui| {
        if let Some(link) = pick(ui, "link", &choices, desk.settings.link.as_deref().unwrap_or_default()) {
            actions.push(Action::Link(Some(link).filter(|link| !link.is_empty())));
        }
    });
}

/// The slider of the lesson.
fn slider(ui: &mut Ui, desk: &Desk, ms: f64, actions: &mut Vec<Action>) {
    let mut wanted = ms;
    ui.scope(|ui| {
        ui.spacing_mut().slider_width = ui.available_width() - 80.0;
        ui.spacing_mut().interact_size.y = 26.0;
        let slider = Slider::new(&mut wanted, 0.0..=LATENCY_MAX).suffix(" ms").fixed_decimals(0).step_by(1.0);
        ui.add(slider.clamping(egui::SliderClamping::Edits)).on_hover_text("L and K: 10 ms more, 10 ms less");
    });
    if wanted != ms {
        let service = matches!(desk.settings.latency, Latency::Service(_));
        actions.push(Action::Latency(if service { Latency::Service(wanted) } else { Latency::Fixed(wanted) }));
    }
}

/// The list of modelled devices.
fn devices(ui: &mut Ui, devices: &[Choice], now: &Latency, actions: &mut Vec<Action>) {
    let now = now.to_string();
    let hint = devices.iter().find(|choice| choice.id == now).map_or("modelled", |choice| choice.description.as_str());
    if let Some(latency) = pick(ui, "device", devices, &now).and_then(|id| id.parse().ok()) {
        actions.push(Action::Latency(latency));
    }
    lines(ui, hint, 3);
}
