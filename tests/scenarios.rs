//! The scenarios that ship pass as tests, and go red when an expectation is edited.

use crate::support::{deadtime, folder, root, text};

#[test]
fn all_that_ship_pass() {
    let (_keep, dir) = folder();
    let junit = dir.join("out.xml");
    let output = deadtime(&["test", "scenarios", "--junit", text(&junit)]);
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
