//! The panel on the left: which run, how late, how it drives, what it runs on.

use bevy_egui::egui::{self, Align, ComboBox, DragValue, Layout, RichText, Slider, Ui};
use scenario::Compensation;
use timing::Schedule;

use crate::snapshot::{Phase, Snapshot};
use crate::{Action, Choice, Desk, film, latency, theme};

/// Draws the panel; what a person does there is added to `actions`.
pub(crate) fn panel(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(theme::strong("deadtime").size(18.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.small_button("H: help").clicked() {
                actions.push(Action::Help);
            }
            if ui.small_button("G: labs").on_hover_text("Guided experiments").clicked() {
                actions.push(Action::Labs);
            }
            if let Some(seconds) = desk.film.seconds {
                let words = theme::small(format!("\u{25cf} {seconds:.0} s")).color(theme::words(theme::BLIND));
                let hint = format!("A film is taken, of at most {:.0} s. F ends it", film::LONGEST);
                ui.label(words).on_hover_text(hint);
            }
        });
    });
    ui.add_space(2.0);
    egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        // So that all of it is seen in a small window.
        ui.spacing_mut().item_spacing.y = 4.0;
        run(ui, desk, snapshot, actions);
        section(ui, "Latency");
        latency::latency(ui, desk, actions);
        if !snapshot.notice.is_empty() {
            ui.label(theme::small(&snapshot.notice).color(theme::words(theme::BLIND)));
        }
        section(ui, "Driving");
        driving(ui, desk, snapshot, actions);
        section(ui, "Network");
        network(ui, desk, snapshot, actions);
        if let Some(scene) = &snapshot.scene {
            section(ui, "Frames");
            frames(ui, scene.counts);
        }
    });
}

/// What became of the frames so far.
fn frames(ui: &mut Ui, counts: timing::Counts) {
    let timing::Counts { captured, applied, superseded, dropped, lost, in_flight } = counts;
    egui::Grid::new("frames").num_columns(4).min_col_width(30.0).spacing([10.0, 2.0]).show(ui, |ui| {
        let mut cell = |word: &str, count: u64, hint: &str| {
            ui.label(theme::small(word)).on_hover_text(hint);
            ui.label(RichText::new(count.to_string()).monospace().size(12.0));
            if matches!(word, "dropped" | "lost" | "superseded") {
                ui.end_row();
            }
        };
        cell("captured", captured, "The world was sampled");
        cell("dropped", dropped, "Never inferred: a newer frame took its place, or there was no room");
        cell("applied", applied, "Its command came into force");
        cell("superseded", superseded, "Came after a newer one");
        cell("on the way", in_flight, "Not ended yet");
        cell("lost", lost, "Missed the deadline, or failed");
    });
}

fn section(ui: &mut Ui, title: &str) {
    ui.add_space(2.0);
    ui.separator();
    ui.label(theme::strong(title));
}

/// Scenario, seed, and the buttons of a player.
fn run(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let current = desk.choices.scenarios.iter().find(|choice| choice.id == desk.settings.scenario);
    let title = current.map_or_else(|| named(&desk.settings.scenario), |choice| choice.title.clone());
    ComboBox::from_id_salt("scenario")
        .width(ui.available_width())
        .truncate()
        .selected_text(title)
        .height(320.0)
        .show_ui(ui, |ui| {
            for (index, choice) in desk.choices.scenarios.iter().enumerate() {
                let key = if index < 9 { format!("{}  ", index + 1) } else { "    ".into() };
                let picked = choice.id == desk.settings.scenario;
                let row = ui.selectable_label(picked, format!("{key}{}", choice.title));
                if row.on_hover_text(&choice.description).clicked() {
                    actions.push(Action::Scenario(index));
                }
            }
        });
    if let Some(choice) = current {
        lines(ui, &choice.description, 2);
    }
    labelled(ui, "seed", |ui| {
        let mut seed = desk.settings.seed;
        // Not while it is dragged: every new seed starts anew.
        let field = ui.add(DragValue::new(&mut seed).speed(0.1).update_while_editing(false));
        if field.changed() {
            actions.push(Action::Seed(seed));
        }
        if ui.button("next").on_hover_text("The same course with other numbers").clicked() {
            actions.push(Action::Seed(desk.settings.seed + 1));
        }
    });
    let live = snapshot.phase == Phase::Live;
    ui.horizontal(|ui| {
        let words = if live && !desk.paused { "Pause" } else { "Run" };
        if ui.add_sized([84.0, 26.0], egui::Button::new(theme::strong(words))).on_hover_text("Space").clicked() {
            actions.push(Action::Pause);
        }
        if ui.add_sized([78.0, 26.0], egui::Button::new("Reset")).on_hover_text("R").clicked() {
            actions.push(Action::Reset);
        }
        if ui.add_sized([78.0, 26.0], egui::Button::new("Step")).on_hover_text("One tick: the key .").clicked() {
            actions.push(Action::Step);
        }
    });
    ui.horizontal(|ui| {
        let fork = ui.add_sized([84.0, 22.0], egui::Button::new("Fork here"));
        let hint = "N: a second future from this moment on, to be changed; both play on side by side";
        if fork.on_hover_text(hint).clicked() {
            actions.push(Action::Fork);
        }
        ui.menu_button("Race against ...", |ui| crate::lanes::race_menu(ui, desk, actions))
            .response
            .on_hover_text("A second robot on the same course, with one thing other; both from the start");
    });
    labelled(ui, "played at", |ui| {
        let mut key = |ui: &mut Ui, text: &str, hint: &str, action: Action| {
            if ui.add_sized([24.0, 22.0], egui::Button::new(text)).on_hover_text(hint).clicked() {
                actions.push(action);
            }
        };
        key(ui, "-", "Slower: the key [. The outcome stays the same", Action::Slower);
        ui.add_sized([44.0, 22.0], egui::Label::new(RichText::new(speed(desk.settings.speed)).monospace()));
        key(ui, "+", "Faster: the key ]. The outcome stays the same", Action::Faster);
    });
}

/// What a scenario is called that is not in the list: a file, the log of a run, the run of a lab.
fn named(scenario: &str) -> String {
    let (kind, rest) = scenario.split_once(':').unwrap_or(("", scenario));
    let stem = std::path::Path::new(rest).file_stem().map_or(rest.into(), |stem| stem.to_string_lossy());
    format!("{kind} {stem}").trim_start().to_owned()
}

/// A playing speed.
pub(crate) fn speed(speed: f64) -> String {
    if speed < 0.995 { format!("{speed:.2}x") } else { format!("{speed:.0}x") }
}

/// Milliseconds with two digits that count.
pub(crate) fn ms(ms: f64) -> String {
    match ms {
        ms if ms < 0.995 => format!("{ms:.2}"),
        ms if ms < 9.95 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

/// Small print in a space of so many lines, whole on hover.
pub(crate) fn lines(ui: &mut Ui, text: &str, most: usize) {
    lines_in(ui, text, most, egui::FontId::proportional(theme::SMALL), theme::faint());
}

/// The same in a font and a colour.
pub(crate) fn lines_in(ui: &mut Ui, text: &str, most: usize, font: egui::FontId, color: egui::Color32) {
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, color, ui.available_width());
    job.wrap.max_rows = most;
    ui.label(job).on_hover_text(text);
}

/// A list to choose from; gives what was picked.
pub(crate) fn pick(ui: &mut Ui, salt: &str, choices: &[Choice], now: &str) -> Option<String> {
    let title = choices.iter().find(|choice| choice.id == now).map_or(now, |choice| choice.title.as_str());
    let mut picked = None;
    ComboBox::from_id_salt(salt).width(ui.available_width()).truncate().selected_text(title).show_ui(ui, |ui| {
        for choice in choices {
            let row = ui.selectable_label(choice.id == now, &choice.title).on_hover_text(&choice.description);
            if row.clicked() && choice.id != now {
                picked = Some(choice.id.clone());
            }
        }
    });
    picked
}

/// The width of the words before a control.
const WORD: f32 = 62.0;

pub(crate) fn labelled<R>(ui: &mut Ui, word: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let left = Layout::left_to_right(Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(WORD, 22.0), left, |ui| {
            ui.set_min_width(WORD);
            ui.label(word);
        });
        add(ui)
    })
    .inner
}

/// What can be done where commands come late.
pub(crate) const COMPENSATIONS: [(Compensation, &str); 4] = [
    (Compensation::Hold, "Nothing is done: the last command holds"),
    (Compensation::Watchdog { stale_ms: 150.0 }, "Stop while the command in force is older than that"),
    (Compensation::Predict, "The robot's own motion over the latency is predicted"),
    (Compensation::Governor, "Drive no faster than the latency allows"),
];

/// Queue rules of the device.
pub(crate) fn schedules() -> [(Schedule, &'static str); 6] {
    let batch = Schedule::Batch { n: 4, timeout: timing::Span::from_ms(50.0) };
    [
        (Schedule::Newest, "One frame waits; a newer one replaces it"),
        (Schedule::Skip, "A frame that finds the device busy is dropped"),
        (Schedule::Fifo { depth: 1 }, "One frame waits its turn"),
        (Schedule::Fifo { depth: 4 }, "Four frames wait their turn"),
        (batch, "Four frames at once"),
        (Schedule::Pipeline, "Three stations, no buffers"),
    ]
}

/// Speed, and what is done about latency.
fn driving(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    let top = snapshot.scene.as_ref().map_or(Some(2.0), |scene| match &scene.world.robot {
        plant::Robot::Rover(rover) => Some(rover.max_speed),
        // It stands: there is nothing to cruise at.
        plant::Robot::Balancer(_) => None,
    });
    if let Some(top) = top {
        labelled(ui, "cruise", |ui| {
            let now = desk.settings.cruise.unwrap_or(top);
            let mut wanted = now;
            ui.spacing_mut().slider_width = ui.available_width() - 80.0;
            let slider = Slider::new(&mut wanted, 0.2..=top).suffix(" m/s").fixed_decimals(1).step_by(0.1);
            ui.add(slider).on_hover_text("The speed wanted on a free course");
            if wanted != now {
                actions.push(Action::Cruise(wanted));
            }
        });
    }
    labelled(ui, "if late", |ui| {
        let now = desk.settings.compensation;
        ComboBox::from_id_salt("compensation").width(ui.available_width()).selected_text(now.to_string()).show_ui(
            ui,
            |ui| {
                for (compensation, hint) in COMPENSATIONS {
                    let row = ui.selectable_label(compensation == now, compensation.to_string()).on_hover_text(hint);
                    if row.clicked() && compensation != now {
                        actions.push(Action::Compensation(compensation));
                    }
                }
            },
        );
    });
}

/// Model, runtime, schedule.
fn network(ui: &mut Ui, desk: &Desk, snapshot: &Snapshot, actions: &mut Vec<Action>) {
    labelled(ui, "model", |ui| {
        let now = desk.settings.model.as_deref().unwrap_or("the scenario's");
        ui.scope(|ui| {
            if let Some(model) = pick(ui, "model", &desk.choices.models, now) {
                actions.push(Action::Model(model));
            }
        })
        .response
        .on_hover_text("Where time stands another one takes over in a fork; while it runs the run begins anew");
    });
    labelled(ui, "runtime", |ui| {
        let half = (ui.available_width() - ui.spacing().item_spacing.x) / 2.0;
        ui.allocate_ui(egui::vec2(half, 22.0), |ui| {
            if let Some(runtime) = pick(ui, "runtime", &desk.choices.runtimes, &desk.settings.runtime) {
                actions.push(Action::Runtime(runtime));
            }
        });
        let hint =
            "How far the runtime rewrites the network's graph before it runs it; what it computes stays the same";
        ui.scope(|ui| {
            if let Some(graph) = pick(ui, "graph", &desk.choices.graphs, &desk.settings.graph) {
                actions.push(Action::Graph(graph));
            }
        })
        .response
        .on_hover_text(hint);
    });
    labelled(ui, "schedule", |ui| {
        let now = desk.settings.schedule;
        ComboBox::from_id_salt("schedule").width(ui.available_width()).selected_text(now.to_string()).show_ui(
            ui,
            |ui| {
                for (schedule, hint) in schedules() {
                    let row = ui.selectable_label(schedule == now, schedule.to_string()).on_hover_text(hint);
                    if row.clicked() && schedule != now {
                        actions.push(Action::Schedule(schedule));
                    }
                }
            },
        );
    });
    for (line, most) in [(&snapshot.runtime_line, 3), (&snapshot.model_line, 3)] {
        if !line.is_empty() {
            lines(ui, line, most);
        }
    }
}
