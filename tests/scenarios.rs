//! The scenarios that ship pass as tests, and go red when an expectation is edited.

use std::sync::Arc;

use episode::Outcome;
use timing::Source;

use crate::support::{deadtime, folder, root, run, setup, text};

#[test]
fn all_that_ship_pass() {
    let (_keep, dir) = folder();
    let junit = dir.join("out.xml");
    let output = deadtime(&["test", "scenarios", "--measure", "--junit", text(&junit)]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // A measured scenario on a busy machine may not be certified (exit 3); none may fail.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    assert!(!said.contains("FAILED") && !said.contains("INVALID"), "{said}");
    let xml = std::fs::read_to_string(&junit).expect("JUnit XML");
    let shipped = std::fs::read_dir(root().join("scenarios")).expect("scenarios").flatten();
    let count = shipped.filter(|entry| entry.path().extension().is_some_and(|e| e == "toml")).count();
    assert_eq!(xml.matches("<testcase").count(), count);
}

#[test]
fn an_edited_expectation_goes_red() {
    let (_keep, dir) = folder();
    let slalom = std::fs::read_to_string(root().join("scenarios/step_out.toml")).expect("step_out");
    std::fs::write(dir.join("edited.toml"), slalom.replace("outcome = \"goal\"", "outcome = \"collision\""))
        .expect("written");
    assert_eq!(deadtime(&["test", text(&dir)]).status.code(), Some(1));
}

#[test]
fn the_warehouse_takes_a_camera() {
    let goals = |camera: bool| {
        let reaches = |seed: &u64| {
            let mut setup = setup("warehouse", *seed);
            setup.pilot = scenario::PilotSpec::Expert;
            if !camera {
                Arc::make_mut(&mut setup.world).camera = None;
            }
            run(setup, Source::ZERO).outcome() == Some(Outcome::Goal)
        };
        (0..50).filter(reaches).count()
    };
    let (with, without) = (goals(true), goals(false));
    assert!(with >= 49, "the expert with the camera reaches {with} of 50 goals");
    assert!(without <= 10, "without it, {without}");
}
