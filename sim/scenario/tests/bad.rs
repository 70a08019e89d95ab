//! Broken scenarios: each is refused at once, with the place, what was found and a remedy.

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use scenario::{find_scenarios, load};
use support::timed;

/// File, line and column of the caret, message, how the help line begins.
#[rustfmt::skip]
const CASES: &[(&str, usize, usize, &str, &str)] = &[
    ("bounds_of_nothing", 8, 15, "these bounds allow anything", "give `min`, `max` or both"),
    ("bounds_the_wrong_way", 8, 5, "`min` is greater than `max`", "exchange the two"),
    ("bounds_with_a_typo", 8, 16, "unknown key `mux`", "did you mean `max`? keys here: min, max"),
    ("brake_without_sight", 6, 9, "this pilot needs `sight`", "add sight = 1.3 under [controller]"),
    ("critical_with_a_typo", 8, 36, "unknown key `phase`", "did you mean `phases`? keys here: min, max, step_ms, phases"),
    ("critical_without_bounds", 8, 23, "these bounds allow anything", "give `min`, `max` or both"),
    ("duplicate_key", 3, 1, "duplicate key", "a key may stand once in its section: remove or rename one of the two"),
    ("goal_in_a_wall", 7, 1, "the goal lies inside `wall 1` (seed 0)", "move it, or move robot.goal"),
    ("half_a_beam", 8, 9, "invalid type: floating point `1.5`", "expected a whole number, 0 or more"),
    ("infinite", 4, 14, "`robot.goal.x` is inf", "expected -1000 to 1000 m"),
    ("key_in_the_wrong_section", 8, 1, "unknown key `hz`", "`hz` belongs to `[capture]`; keys here: beams, max_range, height, noise"),
    ("latency_with_a_typo", 8, 10, "found latency `fixd:100`", "did you mean `fixed`? expected measured, zero, fixed:MS,"),
    ("latency_without_ms", 8, 10, "found latency `fixed:fast`", "expected fixed:MS with MS from 0 to 600000, such as fixed:100"),
    ("missing_key", 1, 1, "missing key `controller`", "add a section [controller]"),
    ("missing_key_in_a_list", 7, 1, "missing key `width`", "add a line width = ... to this section"),
    ("nan", 4, 9, "`robot.speed` is NaN", "expected 0 to 2 m/s, its top speed"),
    ("negative_beams", 8, 9, "invalid value: integer `-3`", "expected a whole number, 0 or more"),
    ("negative_size", 10, 10, "`box[1].length` is -1", "expected 0.01 to 1000 m"),
    ("network_without_model", 6, 9, "this pilot needs `model`", "add model = \"pilot\" under [controller]"),
    ("no_beams", 8, 9, "`lidar.beams` is 0", "expected a whole number from 2 to 4096"),
    ("no_goal_to_reach", 7, 11, "there is no goal to reach", "add goal = { x = 12, y = 0 } under [robot], or expect another outcome"),
    ("no_room", 7, 1, "found no room for 2 of 50 (seed 0)", "make x and y wider, or `count`, `size`, `apart`, `clear` or"),
    ("no_such_group", 13, 9, "there is no group `crosing`", "did you mean `crossing`? a group is a section of its own: [group.crosing]"),
    ("no_such_profile", 8, 10, "there is no profile `orin-nx-resnet5`", "did you mean `orin-nx-resnet50`? profiles here:"),
    ("no_such_schedule", 8, 12, "found schedule `newst`", "expected newest, skip, fifo:DEPTH, batch:N:TIMEOUT_MS or"),
    ("no_value", 2, 13, "string values must be quoted, expected literal string", "a line is `key = value`, `[section]` or `[[list item]]`;"),
    ("not_toml", 6, 18, "invalid basic string, expected `\"`", "a line is `key = value`, `[section]` or `[[list item]]`;"),
    ("number_for_a_section", 3, 9, "invalid type: integer `3`", "expected a table: a [section], or { key = value }"),
    ("one_point_wall", 8, 8, "`wall[1].path` has 1 points", "give 2 to 10000 points, such as [[0, 1], [12, 1]]"),
    ("rate_above_one", 8, 24, "`expect.success_rate.min` is 95", "expected 0 to 1"),
    ("rate_of_no_seeds", 8, 37, "`expect.success_rate.seeds` is 0", "expected a whole number from 1 to 100000"),
    ("rate_out_of_reach", 8, 30, "if all 200 seeds succeed, the lower end is 0.9812, which is less", "give 381 seeds or more, or a smaller `min`"),
    ("rate_without_seeds", 8, 16, "missing key `seeds`", "add a line seeds = ... to this section"),
    ("robot_in_a_box", 7, 1, "the robot starts inside `sofa` (seed 0)", "move it, or move robot.start"),
    ("rover_with_omega", 4, 9, "`robot.omega` means nothing for a rover", "remove it, or set kind = \"balancer\""),
    ("slow_ticks", 8, 11, "at 10 Hz an actor could pass through the rover in one tick", "set tick_hz to 47 or more"),
    ("text_for_a_number", 2, 14, "invalid type: string \"10\"", "expected a number; numbers take no quotes"),
    ("three_coordinates", 8, 8, "found 3 coordinates", "a point is [x, y]"),
    ("too_fast", 4, 10, "`robot.cruise` is 3", "expected 0 to 2 m/s, its top speed"),
    ("too_many", 9, 9, "`scatter[1].count` is 5000", "expected a whole number from 1 to 500"),
    ("two_phases", 9, 15, "two keys set the phase", "keep `phase_ms` for a phase of your choice, or"),
    ("two_triggers", 9, 11, "found none or several keys", "write exactly one, such as { at_s = 2 }"),
    ("unclear_size", 7, 1, "the size is unclear", "give either `radius` for a circle, or `length` and `width` for a box"),
    ("unknown_key", 4, 1, "unknown key `speeed`", "did you mean `speed`? keys here: kind, start, speed,"),
    ("unknown_section", 7, 2, "unknown key `lidr`", "did you mean `lidar`? keys here: title, description,"),
    ("unknown_value", 6, 9, "unknown value `expret`", "did you mean `expert`? expected one of network, expert,"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

#[test]
fn each_mistake_has_a_place_a_reason_and_a_remedy() {
    assert_eq!(find_scenarios([folder()]).len(), CASES.len(), "a file without a case, or a case without a file");
    for &(name, line, column, message, help) in CASES {
        let path = folder().join(format!("{name}.toml"));
        let (result, took) = timed(|| load(&path));
        let error = result.err().unwrap_or_else(|| panic!("{name} was accepted"));
        assert_eq!(error.place(), Some((line, column)), "{name}: {error}");
        assert_eq!(error.message(), message, "{name}");
        assert!(error.help_line().starts_with(help), "{name}: {}", error.help_line());
        assert!(error.to_string().ends_with(&format!("{name}.toml:{line}:{column}: {message}")), "{error}");
        assert!(took < Duration::from_millis(200), "{name}: {took:?}");
    }
}

#[test]
fn a_report_shows_the_line_and_a_caret() {
    let error = load(&folder().join("unknown_key.toml")).unwrap_err();
    let mut report = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(120);
    handler.render_report(&mut report, &error as &dyn Diagnostic).unwrap();
    for part in
        ["unknown key `speeed`", "unknown_key.toml:4:1]", "4 │ speeed = 2.0", "───", "help: did you mean `speed`?"]
    {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[test]
fn what_is_no_scenario_file_is_said() {
    let message = |path: &Path| {
        let error = load(path).unwrap_err();
        assert!(!error.help_line().is_empty() && error.place().is_none());
        (error.to_string(), error.help_line().to_owned())
    };
    let missing = message(&folder().join("no_beems.toml"));
    assert!(missing.0.contains("cannot be read"), "{missing:?}");
    assert!(missing.1.starts_with("did you mean `") && missing.1.contains("no_beams.toml"), "{missing:?}");
    assert!(message(&folder()).0.contains("is not an ordinary file"));
    assert!(message(Path::new("/dev/zero")).0.contains("is not an ordinary file"));
}
