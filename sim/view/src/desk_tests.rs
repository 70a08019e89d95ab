use scenario::Latency;

use super::*;

pub(crate) fn settings() -> Settings {
    Settings {
        scenario: "lesson".into(),
        seed: 3,
        model: None,
        runtime: "auto".into(),
        graph: "all".into(),
        latency: Latency::Fixed(100.0),
        link: None,
        schedule: Schedule::Newest,
        cruise: Some(2.0),
        compensation: Compensation::Hold,
        deadline_ms: None,
        speed: 1.0,
    }
}

pub(crate) fn desk() -> Desk {
    let choice = |id: &str| Choice { id: id.into(), title: id.into(), description: String::new() };
    Desk::new(settings(), Choices { scenarios: vec![choice("lesson"), choice("crowd")], ..Choices::default() })
}

#[test]
fn what_would_have_been_is_forked_and_goes_on_though_the_run_is_over() {
    let mut desk = desk();
    desk.over = true;
    desk.act(Action::WhatIfFrom(2.1, Latency::Fixed(80.0)));
    let expected = [
        Order::Pause(true),
        Order::Scrub(SimTime::ZERO + Span::from_secs(2.1)),
        Order::Change(Knob::Latency(Latency::Fixed(80.0))),
        Order::Pause(false),
    ];
    assert_eq!((desk.take_orders(), desk.paused), (expected.into(), false));
}

#[test]
fn a_link_and_a_graph_start_anew() {
    let mut desk = desk();
    desk.act(Action::Link(Some("wifi-busy".into())));
    desk.act(Action::Graph("off".into()));
    let orders = desk.take_orders();
    let Some(Order::Launch(settings)) = orders.last() else { panic!("{orders:?}") };
    assert_eq!((settings.link.as_deref(), settings.graph.as_str()), (Some("wifi-busy"), "off"));
}

#[test]
fn another_network_or_link_takes_over_where_time_stands() {
    let mut desk = desk();
    let equipment = |model: Option<&str>, link: Option<&str>| {
        let [model, link] = [model, link].map(|name| name.map(str::to_owned));
        Order::Equip(Settings { model, link, ..settings() }.into())
    };
    desk.act(Action::Pause);
    desk.act(Action::Model("student".into()));
    desk.act(Action::Link(Some("lte".into())));
    assert_eq!(desk.take_orders(), [Order::Pause(true), equipment(Some("student"), Some("lte"))]);
    desk.act(Action::Undo);
    assert_eq!(desk.take_orders(), [equipment(Some("student"), None)]);
    desk.act(Action::Undo);
    assert_eq!(desk.take_orders(), [equipment(None, None)]);
    // What is over begins anew.
    desk.over = true;
    desk.act(Action::Runtime("rten".into()));
    let orders = desk.take_orders();
    assert!(orders.iter().any(|order| matches!(order, Order::Launch(_))), "{orders:?}");
}

#[test]
fn after_a_change_that_was_refused_the_controls_show_what_holds() {
    let mut desk = desk();
    let mut snapshot = Snapshot { phase: Phase::Live, run: 1, ..Snapshot::empty(settings()) };
    desk.follow(&snapshot);
    desk.act(Action::Pause);
    desk.act(Action::Model("no-such".into()));
    desk.follow(&snapshot);
    assert_eq!(desk.settings.model.as_deref(), Some("no-such"), "it is on its way");
    snapshot.refused += 1;
    desk.follow(&snapshot);
    assert_eq!(desk.settings, settings());
    desk.follow(&snapshot);
    desk.act(Action::Cruise(1.0));
    desk.follow(&snapshot);
    assert_eq!(desk.settings.cruise, Some(1.0), "what comes later is none of that");
}

#[test]
fn a_dragged_slider_leaves_one_order() {
    let mut desk = desk();
    for ms in 0..200 {
        desk.act(Action::Latency(Latency::Fixed(f64::from(ms))));
    }
    assert_eq!(desk.take_orders(), [Order::Change(Knob::Latency(Latency::Fixed(199.0)))]);
    assert_eq!(desk.take_orders(), []);
}

#[test]
fn latency_goes_by_tens_and_stays_in_range() {
    let mut desk = desk();
    desk.act(Action::Nudge(10.0));
    assert_eq!(desk.settings.latency, Latency::Fixed(110.0));
    for _ in 0..50 {
        desk.act(Action::Nudge(-10.0));
    }
    assert_eq!(desk.settings.latency, Latency::Fixed(0.0));
    desk.act(Action::Latency(Latency::Service(495.0)));
    desk.act(Action::Nudge(10.0));
    assert_eq!(desk.settings.latency, Latency::Service(500.0));
    desk.act(Action::Latency(Latency::Measured));
    desk.act(Action::Nudge(10.0));
    assert_eq!(desk.settings.latency, Latency::Fixed(10.0));
}

#[test]
fn a_reset_launches_what_the_controls_show() {
    let mut desk = desk();
    desk.act(Action::Latency(Latency::Fixed(40.0)));
    desk.act(Action::Pause);
    let _ = desk.take_orders();
    desk.act(Action::Cruise(1.5));
    desk.act(Action::Reset);
    let wanted = Settings { latency: Latency::Fixed(40.0), cruise: Some(1.5), ..settings() };
    assert_eq!(desk.take_orders(), [Order::Pause(false), Order::Launch(wanted.into())]);
}

#[test]
fn the_speed_is_played_and_bounded() {
    let mut desk = desk();
    for _ in 0..9 {
        desk.act(Action::Faster);
    }
    assert_eq!(desk.take_orders(), [Order::Speed(8.0)]);
    for _ in 0..20 {
        desk.act(Action::Slower);
    }
    assert_eq!(desk.settings.speed, 0.1);
}

#[test]
fn a_step_pauses_first() {
    let mut desk = desk();
    desk.act(Action::Step);
    assert_eq!(desk.take_orders(), [Order::Pause(true), Order::Step]);
    desk.act(Action::Step);
    assert_eq!(desk.take_orders(), [Order::Step]);
}

#[test]
fn the_controls_follow_a_new_run() {
    let mut desk = desk();
    desk.act(Action::Scenario(1));
    assert_eq!(desk.take_orders(), [Order::Open("crowd".into())]);
    desk.act(Action::Scenario(7));
    assert_eq!(desk.take_orders(), [], "there is no eighth scenario");
    let own = Settings { scenario: "crowd".into(), latency: Latency::Measured, ..settings() };
    let mut snapshot = Snapshot { run: 1, phase: Phase::Live, ..Snapshot::empty(own.clone()) };
    desk.follow(&snapshot);
    assert_eq!((&desk.settings, desk.worked()), (&own, Some(&own)));
    // Later snapshots of the same run leave alone what a person has set since.
    desk.act(Action::Latency(Latency::Zero));
    snapshot.settings.seed = 99;
    desk.follow(&snapshot);
    assert_eq!((desk.settings.latency.clone(), desk.settings.seed), (Latency::Zero, 3));
}

#[test]
fn escape_closes_what_is_in_front() {
    let mut desk = desk();
    desk.act(Action::Help);
    desk.act(Action::Escape);
    assert!(!desk.help && !desk.quit);
    let failed = Snapshot { run: 1, phase: Phase::Failed("no".into()), ..Snapshot::empty(settings()) };
    desk.follow(&failed);
    desk.act(Action::Escape);
    assert!(desk.card_closed && !desk.quit);
    desk.act(Action::Escape);
    assert!(desk.quit);
}

#[test]
fn the_panels_come_back_before_anything_is_closed() {
    let mut desk = desk();
    desk.act(Action::Bare);
    desk.act(Action::Escape);
    assert!(!desk.bare && !desk.quit);
}

#[test]
fn an_instrument_stands_in_front_of_the_labs_and_only_a_shown_map_is_refined() {
    let mut desk = desk();
    desk.act(Action::Labs);
    desk.act(Action::Instrument(Instrument::Map));
    assert_eq!((desk.instrument, desk.take_orders()), (Some(Instrument::Map), vec![Order::Map(true)]));
    desk.act(Action::Instrument(Instrument::Seen));
    assert_eq!((desk.instrument, desk.take_orders()), (Some(Instrument::Seen), vec![Order::Map(false)]));
    desk.act(Action::Labs);
    assert!(desk.labs.open && desk.instrument.is_none(), "the labs come back");
    desk.act(Action::Instrument(Instrument::Map));
    desk.act(Action::Instrument(Instrument::Map));
    assert_eq!((desk.instrument, desk.take_orders()), (None, vec![Order::Map(false)]));
    desk.act(Action::Instrument(Instrument::Seen));
    desk.act(Action::Escape);
    assert!(desk.instrument.is_none() && desk.labs.open);
    desk.act(Action::Escape);
    assert!(!desk.labs.open && !desk.quit);
}

#[test]
fn the_waterfall_is_zoomed_by_keys() {
    let mut desk = desk();
    desk.act(Action::Zoom(0.5));
    assert_eq!(desk.stretch, Some(Stretch { span: 250.0, back: 0.0 }));
    desk.act(Action::Stretch(Some(Stretch { span: 100.0, back: 60.0 })));
    desk.act(Action::Zoom(2.0));
    assert_eq!(desk.stretch, Some(Stretch { span: 200.0, back: 60.0 }));
    desk.act(Action::Stretch(None));
    assert_eq!(desk.stretch, None);
}
