//! Whose fault a collision was.

use crate::support::{deadtime, folder, json, text};

#[test]
fn too_late_a_brake_is_latency_and_its_limit_is_the_formula_s() {
    let output = deadtime(&["blame", "braking", "--latency", "fixed:200", "--replicas", "4", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let blame = json(&output);
    // R_max is 150 ms; the sensor's phase takes between nothing and a period of 20 ms of it.
    let critical = blame["critical_latency_ms"].as_f64().expect("a number");
    assert!((129.0..=151.0).contains(&critical), "{critical}");
    assert!((blame["margin_ms"].as_f64().expect("a number") - (critical - 200.0)).abs() < 1e-9);
    assert_eq!(blame["shares"]["compute"], 1.0);
    assert_eq!(blame["intervals"].as_array().map(Vec::len), Some(2), "a pure delay is monotone");
}

#[test]
fn what_the_window_leads_a_first_run_on_to_is_the_fault_of_latency() {
    // The card of the lesson's first run offers 250 ms, the card of its crash to ask whose fault that was.
    let blame = json(&deadtime(&["blame", "lesson", "--latency", "fixed:250", "--json"]));
    assert_eq!((&blame["verdict"], &blame["split"]["latency"]), (&"latency".into(), &16.into()), "{blame}");
    let less = -blame["margin_ms"].as_f64().unwrap();
    assert!((40.0..90.0).contains(&less), "{less} ms less would have avoided it");
}

#[test]
fn jobs_make_no_difference_and_a_log_says_what_its_scenario_says() {
    let (_keep, dir) = folder();
    let log = dir.join("run.mcap");
    let options = ["--model", "expert", "--latency", "fixed:260"];
    deadtime(&[&["run", "lesson", "--log", text(&log)], &options[..]].concat());
    let replicas = ["--replicas", "3", "--json"];
    let one = deadtime(&[&["blame", "lesson", "--jobs", "1"], &options[..], &replicas].concat());
    let two = deadtime(&[&["blame", "lesson", "--jobs", "2"], &options[..], &replicas].concat());
    let logged = deadtime(&[&["blame", text(&log)], &replicas[..]].concat());
    assert_eq!(json(&one), json(&two));
    assert_eq!(json(&one), json(&logged));
    // The expert's own decisions, late: nothing but latency can be to blame.
    assert_eq!(json(&one)["verdict"], "latency");
}

#[test]
fn who_sees_nothing_is_a_model_s_fault() {
    let blame =
        json(&deadtime(&["blame", "slalom", "--model", "straight", "--latency", "zero", "--replicas", "3", "--json"]));
    assert_eq!(blame["verdict"], "model", "{blame}");
    assert!(blame["shares"].is_null() && blame["critical_latency_ms"].is_null());
}

#[test]
fn without_a_collision_there_is_nothing_to_blame() {
    assert_eq!(deadtime(&["blame", "braking", "--latency", "fixed:100"]).status.code(), Some(4));
    // Nobody is asked, so there is nothing to measure.
    assert_eq!(deadtime(&["blame", "braking", "--latency", "measured"]).status.code(), Some(2));
    assert_eq!(deadtime(&["blame", "braking", "--window", "0"]).status.code(), Some(2));
}

#[test]
fn a_measured_scenario_is_run_once_and_then_looked_into() {
    let (_keep, dir) = folder();
    let path = dir.join("measured.toml");
    // Nobody stops from 2 m/s within 30 cm.
    let wall = "[[box]]\nname = \"wall\"\nx = 1.0\ny = 0\nlength = 0.5\nwidth = 4\n[controller]\npilot = \"network\"\nmodel = \"pilot\"";
    std::fs::write(&path, scenario("speed = 2.0\ncruise = 2.0", wall)).expect("written");
    let ask = |more: &[&str]| {
        let args = ["blame", text(&path), "--latency", "measured", "--runtime", "rten", "--replicas", "2", "--json"];
        deadtime(&[&args[..], more].concat())
    };
    // Beside other tests a measurement may not be certified; then only who insists is answered.
    let (careful, insistent) = (ask(&[]), ask(&["--uncertified"]));
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    match careful.status.code() {
        Some(0) => assert_eq!(json(&careful)["verdict"], "unavoidable"),
        Some(3) => assert!(said(&careful).contains("say --uncertified") && careful.stdout.is_empty(), "{careful:?}"),
        _ => panic!("{}", said(&careful)),
    }
    let blame = json(&insistent);
    assert_eq!(blame["verdict"], "unavoidable", "{blame}");
    assert!(blame["latency_ms"].as_f64() > Some(0.0), "{blame}");
    let doubtful = said(&insistent).contains("not certified: ");
    assert_eq!(insistent.status.code(), Some(if doubtful { 3 } else { 0 }), "{}", said(&insistent));
}

/// A corridor as wide as the robot's turn allows nothing but braking in.
fn scenario(robot: &str, rest: &str) -> String {
    format!(
        "title = \"planted\"\nduration_s = 8\n[robot]\n{robot}\n[[wall]]\npath = [[-2, -0.5], [12, -0.5]]\n[[wall]]\npath = [[-2, 0.5], [12, 0.5]]\n{rest}\n"
    )
}

fn planted(text_of: &str, more: &[&str]) -> serde_json::Value {
    let (_keep, dir) = folder();
    let path = dir.join("planted.toml");
    std::fs::write(&path, text_of).expect("written");
    json(&deadtime(&[&["blame", text(&path), "--replicas", "3", "--json"], more].concat()))
}

#[test]
fn what_nobody_could_avoid_is_nobody_s_fault() {
    // Braking from 2 m/s takes 1 m; there is half of it.
    let robot = "cruise = 2.0\nspeed = 2.0\ngoal = { x = 10, y = 0, radius = 0.5 }";
    let wall = "[[box]]\nname = \"crate\"\nx = 1.25\ny = 0\nlength = 1.0\nwidth = 0.9\n\
                [controller]\npilot = \"expert\"\n[latency]\nsource = \"fixed:50\"";
    let blame = planted(&scenario(robot, wall), &[]);
    assert_eq!(blame["verdict"], "unavoidable", "{blame}");
    assert!(blame["last_avoidable_s"].is_null());
}

#[test]
fn who_walks_into_a_standing_robot_has_the_fault() {
    let robot = "cruise = 0.01\ngoal = { x = 10, y = 0, radius = 0.5 }";
    let walker = "[[actor]]\nname = \"walker\"\npath = [[4, 0], [-1, 0]]\nspeed = 1.0\ntrigger = { at_s = 0 }\n\
                  [controller]\npilot = \"straight\"\n[latency]\nsource = \"fixed:50\"";
    let blame = planted(&scenario(robot, walker), &[]);
    assert_eq!(blame["verdict"], "actor", "{blame}");
    assert_eq!(blame["story"]["hit"], "walker");
}

#[test]
fn the_stages_share_what_latency_brought() {
    let braking = std::fs::read_to_string(crate::support::root().join("scenarios/braking.toml")).expect("braking");
    let staged = braking.replace("[latency]", "[latency]\nsensing_ms = 60\ndead_time_ms = 60");
    assert_ne!(staged, braking);
    let blame = planted(&staged, &["--latency", "fixed:60"]);
    let share = |part: &str| blame["shares"][part].as_f64().unwrap_or_else(|| panic!("{part}: {blame}"));
    // A pure delay is a pure delay, whichever stage it is in.
    for part in ["sensing", "compute", "actuation"] {
        assert!((share(part) - 1.0 / 3.0).abs() < 0.02, "{part}: {blame}");
    }
    assert_eq!(blame["shares"].as_object().map(serde_json::Map::len), Some(3));
}

#[test]
fn a_latency_that_a_person_set_on_the_way_is_held_in_the_forks() {
    use episode::{Change, Edit};
    use study::{Accused, Inquiry, blame};
    use timing::{SimTime, Source, Span};
    // Without latency until half a second, then 200 ms; the forks begin before that.
    let later = Change::Source(Source::Fixed(Span::from_ms(200.0)));
    let accused = Accused {
        setup: crate::support::setup("braking", 0),
        source: Source::ZERO,
        edits: vec![Edit { at: SimTime(500_000_000), change: later }],
        networks: std::collections::BTreeMap::new(),
    };
    let inquiry = Inquiry { window: Span::from_secs(1.5), replicas: 2, jobs: 1 };
    let none = |_: &str| Err("there is no network".to_owned());
    let blame = blame(&accused, &inquiry, &none, &()).expect("a run").expect("a collision");
    // Each of them is as late as the run was: what does not touch the latency still hits, and less of it does not.
    assert!(blame.intervals.len() == 2 && blame.intervals[0].safe && !blame.intervals[1].safe, "{:?}", blame.intervals);
}

#[test]
fn a_latency_changed_after_the_obstacle_was_seen_is_told_as_a_scale() {
    use episode::{Change, Edit};
    use study::{Accused, Inquiry, blame};
    use timing::{SimTime, Source, Span};
    // The scanner has the wall in sight from the first frame on; the contact comes at about 1.65 s.
    let none = |_: &str| Err("there is no network".to_owned());
    let inquiry = Inquiry { window: Span::from_secs(1.5), replicas: 2, jobs: 1 };
    let told = |ms: f64| {
        let change = Change::Source(Source::Fixed(Span::from_ms(201.0)));
        let accused = Accused {
            setup: crate::support::setup("braking", 0),
            source: Source::Fixed(Span::from_ms(200.0)),
            edits: vec![Edit { at: SimTime((ms * 1e6) as i64), change }],
            networks: std::collections::BTreeMap::new(),
        };
        blame(&accused, &inquiry, &none, &()).expect("a run").expect("a collision")
    };
    let (before, after) = (told(0.0), told(1300.0));
    assert!(!before.latency_changed && before.critical_latency_ms.is_some() && before.margin_ms.is_some());
    assert!(after.latency_changed && after.critical_latency_ms.is_none() && after.margin_ms.is_none());
    assert!(after.critical_scale.is_some_and(|scale| (0.6..0.8).contains(&scale)), "{:?}", after.critical_scale);
    assert!(after.intervals.iter().all(|interval| interval.from_ms.is_none()), "{:?}", after.intervals);
    assert!(after.text().contains("times the durations"), "{}", after.text());
}

#[test]
fn who_took_over_on_the_way_is_to_blame_and_not_who_drove_before() {
    use episode::{Change, Edit, NewPilot};
    use scenario::PilotSpec;
    use study::{Accused, Inquiry, Verdict, blame};
    use timing::{SimTime, Source, Span};
    let took_over = |first, second, ms: f64| {
        let new = NewPilot { pilot: second, runtime: String::new(), graph: String::new() };
        let accused = Accused {
            setup: scenario::Setup { pilot: first, ..crate::support::setup("braking", 0) },
            source: Source::Fixed(Span::from_ms(ms)),
            edits: vec![Edit { at: SimTime(900_000_000), change: Change::Pilot(new) }],
            networks: std::collections::BTreeMap::new(),
        };
        // Time is forked before the edit, and after the wall came into sight.
        let inquiry = Inquiry { window: Span::from_secs(1.5), replicas: 2, jobs: 1 };
        blame(&accused, &inquiry, &|_| Err("there is no network".to_owned()), &()).expect("a run")
    };
    let blind = took_over(PilotSpec::Expert, PilotSpec::Straight, 20.0).expect("a collision");
    assert_eq!(blind.verdict, Verdict::Model, "{:?}", blind.split);
    assert_eq!(took_over(PilotSpec::Straight, PilotSpec::Expert, 20.0), None, "it stops in time");
    // Too late for the expert: less latency would have helped, and so would the expert from the fork on.
    let late = took_over(PilotSpec::Straight, PilotSpec::Expert, 400.0).expect("a collision");
    assert_eq!((late.verdict, late.latency_changed), (Verdict::Joint, true), "{:?}", late.split);
}

#[test]
fn a_log_that_ended_well_has_nobody_to_blame() {
    let (_keep, dir) = folder();
    let log = dir.join("run.mcap");
    deadtime(&["run", "braking", "--log", text(&log)]);
    assert_eq!(deadtime(&["blame", text(&log)]).status.code(), Some(4));
}
