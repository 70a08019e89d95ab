//! Expectations of many runs, as a job of continuous integration asks them.

use std::path::PathBuf;

use crate::support::{deadtime, folder, root, text};

/// Writes `braking` with these words in place of others, and with more expectations.
fn braking(dir: &std::path::Path, from: &str, to: &str, expect: &str) -> PathBuf {
    let shipped = std::fs::read_to_string(root().join("scenarios/braking.toml")).expect("braking");
    let path = dir.join("limit.toml");
    let changed = shipped.replace(from, to);
    assert!(from == to || changed != shipped, "{from} is not there");
    let own = changed.lines().filter(|line| !line.starts_with("critical_latency_ms"));
    let changed = own.collect::<Vec<_>>().join("\n");
    std::fs::write(&path, format!("{}\n{expect}\n", changed.trim_end())).expect("written");
    path
}

fn test(path: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let output = deadtime(&[&["test", text(path)], more].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[test]
fn a_critical_latency_holds_up_to_the_formula_s_and_not_beyond() {
    let (_keep, dir) = folder();
    // R_max is 150 ms, of which waiting for the next capture takes up to 20 ms: every phase stops up to 130 ms.
    for (bounds, code) in [
        ("{ min = 130, max = 130 }", 0),
        ("{ min = 131, phases = 20 }", 1),
        ("{ max = 129, step_ms = 43 }", 0),
        ("{ max = 100 }", 1),
    ] {
        let path = braking(&dir, "", "", &format!("critical_latency_ms = {bounds}"));
        let (found, said) = test(&path, &[]);
        assert_eq!(found, Some(code), "{bounds}: {said}");
        assert!(said.contains("critical_latency_ms: found 1"), "{bounds}: {said}");
    }
}

#[test]
fn a_latency_that_nothing_breaks_is_told_as_unknown() {
    let (_keep, dir) = folder();
    // Nobody stands in the way.
    let path = braking(&dir, "x = 3.805", "x = 50", "critical_latency_ms = { min = 20, phases = 2 }");
    let free = std::fs::read_to_string(&path).expect("read");
    let free =
        free.replace("at_rest = true", "at_rest = false").replace("clearance_m = { min = 0.05, max = 0.11 }", "");
    std::fs::write(&path, free).expect("written");
    let (code, said) = test(&path, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the limit is not known"), "{said}");
}

#[test]
fn a_success_rate_and_its_lower_bound_reach_the_report() {
    let (_keep, dir) = folder();
    let junit = dir.join("out.xml");
    let rates = "success_rate = { min = 1, seeds = 40 }\nsuccess_rate_lower = { min = 0.9, seeds = 40 }";
    let (code, said) = test(&braking(&dir, "", "", rates), &["--junit", text(&junit)]);
    assert_eq!(code, Some(0), "{said}");
    // n / (n + z^2)
    assert!(said.contains("success_rate_lower: found 0.9124"), "{said}");
    let xml = std::fs::read_to_string(&junit).expect("JUnit XML");
    assert!(xml.contains("40 of 40 seeds") && xml.contains("failures=\"0\""), "{xml}");
    // At 140 ms the ten phases stop that wait for 10 ms or less.
    let rates = "success_rate = { min = 0.95, seeds = 20 }\nsuccess_rate_lower = { max = 0.9, seeds = 20 }";
    let path = braking(&dir, "source = \"fixed:100\"", "source = \"fixed:140\"", rates);
    let (code, said) = test(&path, &["--junit", text(&junit)]);
    assert_eq!(code, Some(1), "{said}");
    let xml = std::fs::read_to_string(&junit).expect("JUnit XML");
    assert!(xml.contains("failures=\"1\"") && xml.contains("of 20 seeds"), "{xml}");
    assert!(said.contains("success_rate: found 0.5000 (10 of 20 seeds"), "{said}");
}

#[test]
fn measured_latency_is_refused_with_a_remedy_unless_asked_for() {
    let (_keep, dir) = folder();
    let lesson = std::fs::read_to_string(root().join("scenarios/lesson.toml")).expect("lesson");
    let path = dir.join("lesson.toml");
    for (more, asked) in [("", "goal after"), ("success_rate = { min = 0.5, seeds = 4 }\n", "of 4 seeds")] {
        std::fs::write(&path, format!("{lesson}\n{more}")).expect("written");
        let (code, said) = test(&path, &[]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("not run: its latency is measured") && said.contains("--measure"), "{said}");
        let (code, said) = test(&path, &["--measure"]);
        // Beside other tests the measurement may not be certified; the robot arrives even so.
        assert!(matches!(code, Some(0 | 3)) && said.contains(asked), "{said}");
    }
}
