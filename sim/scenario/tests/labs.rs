//! Labs: the good are read, the broken show their place, and those that ship can be run.

use std::path::{Path, PathBuf};

use scenario::lab::Graph;
use scenario::{Lab, Latency, find_labs, lab_name, lab_schema, load_lab, parse_lab};

const GOOD: &str = r#"+++
title = "t"
question = "q?"
notice = ["n"]
[[choice]]
text = "yes"
why = "w"
[[choice]]
text = "no"
right = true
[[run]]
name = "late"
scenario = "braking"
seeds = "2"
latency = "fixed:200"
schedule = "fifo:2"
speed = 1.5
set = { "robot.braking" = 3.0 }
[[run]]
name = "early"
title = "early enough"
scenario = "braking"
seeds = "5..7"
[[check]]
what = "late"
run = "late"
metric = "collided"
min = 1
[[check]]
what = "later"
run = "late"
than = "early"
metric = "age_ms.p50"
ratio = { min = 1.5 }
+++
Before.

```
## no heading in code
```

## More
Also before.

## Go deeper

After.
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn base(name: &str) -> scenario::Scenario {
    scenario::load(&root().join("scenarios").join(name).with_extension("toml")).unwrap_or_else(|e| panic!("{e}"))
}

fn good() -> Lab {
    parse_lab(GOOD, "labs/03-late-or-not.md").unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_lab_is_read() {
    let lab = good();
    assert_eq!((lab.name.as_str(), lab.right(), lab.text()), ("late-or-not", 1, GOOD));
    assert_eq!(lab.runs[1].seeds.all(), [5, 6]);
    assert_eq!((lab.runs[0].title(), lab.runs[1].title()), ("late", "early enough"));
    let titles: Vec<&str> = lab.before().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["", "More"]);
    assert_eq!(lab.before().next().unwrap().text, "Before.\n\n```\n## no heading in code\n```");
    assert_eq!(lab.deeper(), "After.");
    // Other ends of lines make no difference.
    let windows = parse_lab(&GOOD.replace('\n', "\r\n"), "w.md").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((windows.runs[0].latency.clone(), windows.deeper()), (Some(Latency::Fixed(200.0)), "After."));
}

#[test]
fn a_run_is_its_scenario_with_other_values() {
    let lab = good();
    let setup = lab.scenario(0, &base("braking")).unwrap().setup(0).unwrap();
    assert_eq!((setup.latency, setup.cruise), (Latency::Fixed(200.0), 1.5));
    assert_eq!(setup.line.schedule.to_string(), "fifo:2");
    let plant::Robot::Rover(rover) = &setup.world.robot else { panic!("a rover") };
    assert_eq!(rover.braking, 3.0);
    assert_eq!(lab.scenario(1, &base("braking")).unwrap().setup(3).unwrap(), base("braking").setup(3).unwrap());
}

/// The error of the good lab with something else in it.
fn error(from: &str, to: &str) -> scenario::ScenarioError {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from} is not there");
    parse_lab(&text, "l.md").expect_err(to)
}

#[test]
fn mistakes_show_their_place_and_a_remedy() {
    #[rustfmt::skip]
    let cases = [
        ("+++\ntitle", "title", 1, 1, "found no line `+++`", "a lab begins with a line +++"),
        ("+++\nBefore", "Before", 1, 1, "found no second line `+++`", "a lab begins with a line +++"),
        ("title = \"t\"", "titel = \"t\"", 2, 1, "unknown key `titel`", "did you mean `title`?"),
        ("title = \"t\"", "title = \" \"", 2, 9, "`title` is empty", "say it in words"),
        ("notice = [\"n\"]", "notice = []", 4, 10, "`notice` is empty", "say what to notice"),
        ("text = \"no\"", "text = \"yes\"", 9, 8, "this choice stands twice", "leave one out"),
        ("right = true", "right = false", 5, 1, "no choice is right", "add right = true"),
        ("why = \"w\"", "right = true", 10, 9, "a second choice is right", "only one comes out"),
        ("name = \"late\"", "name = \"too late\"", 12, 8, "found the name `too late`", "one word"),
        ("name = \"early\"", "name = \"late\"", 20, 8, "found two runs called `late`", "give one of them"),
        ("seeds = \"2\"", "seeds = \"0\"", 14, 9, "found seeds `0`, which are none", "expected a number of seeds"),
        ("seeds = \"2\"", "seeds = \"5000\"", 14, 9, "found 5000 seeds", "a lab that is walked"),
        ("fixed:200", "fixd:200", 15, 11, "found latency `fixd:200`", "did you mean `fixed`?"),
        ("fixed:200", "measured", 15, 11, "a measured run names the network", "add model = \"pilot\""),
        ("fifo:2", "fif:2", 16, 12, "found schedule `fif:2`", "expected newest"),
        ("speed = 1.5", "sped = 1.5", 17, 1, "unknown key `sped`", "did you mean `speed`?"),
        ("speed = 1.5", "runtime = \"tensorrd\"", 17, 11, "unknown value `tensorrd`", "did you mean `tensorrt`?"),
        ("speed = 1.5", "optimisation = \"off\"", 17, 16, "only ONNX Runtime", "add runtime"),
        ("run = \"late\"\nmetric", "run = \"lat\"\nmetric", 26, 7, "there is no run `lat`", "did you mean `late`?"),
        ("metric = \"collided\"", "metric = \"collison\"", 27, 10, "unknown value `collison`", "did you mean `collided`?"),
        ("metric = \"collided\"", "metric = \"collided\"\nover = \"max\"", 28, 8, "`collided` is one number", "remove `over`"),
        ("min = 1", "", 24, 1, "it is unclear what must hold", "give `min`, `max` or both; or `than`"),
        ("min = 1", "min = 1\nmax = 0.5", 24, 1, "`min` is greater than `max`", "exchange the two"),
        ("than = \"early\"", "than = \"late\"", 32, 8, "this compares a run with itself", "name another run"),
        ("ratio = { min = 1.5 }", "ratio = {}", 34, 9, "these bounds allow anything", "give `min`, `max`"),
        ("ratio = { min = 1.5 }", "ratio = { mim = 1.5 }", 34, 11, "unknown key `mim`", "did you mean `min`?"),
        ("ratio = { min = 1.5 }", "min = 1", 29, 1, "it is unclear what must hold", "give `min`"),
        ("## Go deeper", "## Deeper", 2, 9, "there is no section `Go deeper`", "add a heading"),
    ];
    for (from, to, line, column, message, help) in cases {
        let said = error(from, to);
        assert!(said.message().starts_with(message), "{to}: {said}");
        assert!(said.help_line().contains(help), "{to}: {}", said.help_line());
        assert_eq!(said.place(), Some((line, column)), "{to}: {said}");
    }
}

#[test]
fn a_value_that_a_scenario_refuses_shows_its_key() {
    let lab = |from: &str, to: &str| parse_lab(&GOOD.replacen(from, to, 1), "l.md").unwrap_or_else(|e| panic!("{e}"));
    for (from, to, place, message) in [
        ("speed = 1.5", "speed = 99.0", (17, 9), "`robot.max_speed` is 99"),
        ("\"robot.braking\" = 3.0", "\"robot.brakin\" = 3.0", (18, 26), "unknown key `brakin`"),
        ("latency = \"fixed:200\"", "model = \" \"", (15, 9), "`model` is empty"),
    ] {
        let said = lab(from, to).scenario(0, &base("braking")).expect_err(to);
        assert!(said.message().contains(message), "{to}: {said}");
        assert_eq!(said.place(), Some(place), "{to}: {said}");
    }
}

#[test]
fn files_are_named_sorted_and_found() {
    for (path, name) in [("a/3-x.md", "x"), ("12-a-b.md", "a-b"), ("a-b.md", "a-b"), ("3-.md", "3-"), ("x.md", "x")] {
        assert_eq!(lab_name(Path::new(path)), name, "{path}");
    }
    let folder = std::env::temp_dir().join(format!("deadtime-labs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [("10-b.md", GOOD), ("2-a.md", GOOD), ("c.md", GOOD), ("README.md", "# none"), ("d.txt", GOOD)]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let names: Vec<String> = find_labs(&folder).iter().map(|path| lab_name(path)).collect();
    assert_eq!(names, ["a", "b", "c"]);
    // What lies beside a lab is found from there.
    std::fs::write(folder.join("here.json"), "{}").unwrap();
    std::fs::write(folder.join("e.md"), GOOD.replace("fixed:200", "replay:here.json")).unwrap();
    let lab = load_lab(&folder.join("e.md")).unwrap();
    assert_eq!(lab.runs[0].latency, Some(Latency::Replay(folder.join("here.json"))));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_labs_that_ship_can_be_run() {
    let labs: Vec<Lab> =
        find_labs(&root().join("labs")).iter().map(|path| load_lab(path).unwrap_or_else(|e| panic!("{e}"))).collect();
    assert_eq!(labs.len(), 9);
    for lab in &labs {
        for (i, run) in lab.runs.iter().enumerate() {
            let scenario = lab.scenario(i, &base(&run.scenario)).unwrap_or_else(|e| panic!("{e}"));
            for &seed in run.seeds.all() {
                scenario.setup(seed).unwrap_or_else(|e| panic!("{} {}: {e}", lab.name, run.name));
            }
        }
        // A prediction is told why it came out, or why not.
        assert!(lab.choices.iter().all(|choice| !choice.why.is_empty()), "{}", lab.name);
    }
    let fuse = labs.iter().find(|lab| lab.name == "fuse").unwrap();
    assert_eq!(fuse.runs[0].optimisation, Some(Graph::Off));
    let kept = std::fs::read_to_string(root().join("labs/lab.schema.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert!(kept == lab_schema(), "renew it: deadtime schema lab > labs/lab.schema.json");
}
