//! `deadtime sweep`: killed, resumed, in shards, it comes to the same bytes.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::{deadtime, folder, json, root, text};

const GRID: [&str; 6] = ["braking", "--grid", "speed=1.5..2.25:6", "--grid", "latency=0..300:21", "--seeds=32"];

fn sweep(word: &str, more: &[&str]) -> Output {
    deadtime(&[&["sweep", word], &GRID[..], more].concat())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn result(folder: &Path) -> [Vec<u8>; 2] {
    ["sweep.csv", "sweep.parquet"].map(|name| std::fs::read(folder.join(name)).expect("a result"))
}

fn lines(journal: &Path) -> usize {
    std::fs::read(journal).map_or(0, |bytes| bytes.split(|byte| *byte == b'\n').count() - 1)
}

#[test]
fn a_killed_program_goes_on_where_it_was() {
    let (_keep, dir) = folder();
    let (whole, cut) = (dir.join("whole"), dir.join("cut"));
    let output = sweep("run", &["--out", text(&whole), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(json(&output)["episodes"], 6 * 21 * 32);
    let journal = cut.join("shard-1-of-1.jsonl");
    let mut killed = 0;
    for round in 0..3 {
        let resume: &[&str] = if round == 0 { &[] } else { &["--resume"] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_deadtime"))
            .args([&["sweep", "run"], &GRID[..], &["--out", text(&cut), "--jobs", "1"], resume].concat())
            .current_dir(root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let had = lines(&journal);
        while lines(&journal) < had + 10 && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SIGKILL: nothing is tidied up.
        child.kill().expect("killed");
        killed += usize::from(!child.wait().expect("a child").success());
    }
    assert!(killed > 0 && lines(&journal) < 1 + 6 * 21 * 2, "it was never killed on the way");
    assert!(!cut.join("sweep.csv").exists());
    let refused = sweep("run", &["--out", text(&cut)]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("--resume"), "{}", said(&refused));
    let resumed = sweep("run", &["--out", text(&cut), "--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!(result(&cut), result(&whole));
}

#[test]
fn shards_of_the_program_merge() {
    let (_keep, dir) = folder();
    let plan = "scenarios/sweeps/braking.toml";
    let run = |args: &[&str]| {
        let output = deadtime(&[&["sweep"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        said(&output)
    };
    let planned = run(&["plan", "braking"]);
    assert!(planned.contains("65 cells x seeds 0..20 = 1300 episodes, about"), "{planned}");
    run(&[plan, "--out", text(&dir.join("whole"))]);
    for shard in ["1/3", "2/3", "3/3"] {
        run(&["run", plan, "--shard", shard, "--jobs", "1", "--out", text(&dir.join("parts"))]);
    }
    run(&["merge", text(&dir.join("parts"))]);
    assert_eq!(result(&dir.join("parts")), result(&dir.join("whole")));
}

#[test]
fn mistakes_show_their_place() {
    let (_keep, dir) = folder();
    let plan = dir.join("plan.toml");
    let good = "title = \"t\"\nscenario = \"braking\"\nseeds = \"2\"\n\n[[axis]]\nfield = \"speed\"\nvalues = [1, 2]\n";
    for (from, to, expected) in [
        ("values = [1, 2]", "values = [1, 99]", "plan.toml:7:14"),
        ("\"speed\"", "\"robot.sped\"", "plan.toml:7:11"),
        ("seeds = \"2\"", "seed = \"2\"", "plan.toml:3:1"),
        ("\"braking\"", "\"lesson\"", "plan.toml:2:12"),
    ] {
        std::fs::write(&plan, good.replace(from, to)).expect("written");
        for word in ["plan", "run"] {
            let output = deadtime(&["sweep", word, text(&plan), "--out", text(&dir.join("out"))]);
            assert_eq!(output.status.code(), Some(2), "{to}: {}", said(&output));
            let flat = said(&output).replace(['\n', ' '], "");
            assert!(flat.contains(expected), "{to}: {}", said(&output));
        }
    }
    assert!(!dir.join("out").exists(), "nothing is begun");
    for (args, expected) in [
        (vec!["braking", "--grid", "speed"], "FIELD=VALUE"),
        (vec!["braking", "--grid", "speed=1", "--shard", "3/2"], "K from 1 to N"),
        (vec!["braking", "--grid", "latency=measured"], "deadtime measure"),
        (vec!["no-such-plan"], "cannot be read"),
        (vec!["merge", text(&dir)], "no journal of a sweep"),
        (vec![], "expected a plan"),
    ] {
        let output = deadtime(&[vec!["sweep"], args.clone()].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{args:?}: {}", said(&output));
    }
}

#[test]
fn networks_are_swept_with_their_runtime() {
    let (_keep, dir) = folder();
    let args = [
        "sweep",
        "slalom",
        "--grid",
        "model=pilot,expert",
        "--grid",
        "runtime=rten",
        "--grid",
        "latency=service:20",
        "--seeds",
        "1",
        "--out",
        text(&dir),
    ];
    let output = deadtime(&args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let csv = String::from_utf8(result(&dir)[0].clone()).expect("text");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("model,runtime,latency,seed,outcome"), "{csv}");
    assert!(lines[1].starts_with("pilot,rten,service:20,0,") && lines[1].contains(",rten ("), "{csv}");
    assert!(lines[2].starts_with("expert,rten,service:20,0,goal,false,") && lines[2].contains(",none,"), "{csv}");
}

#[test]
fn a_network_in_company_drives_as_it_does_in_a_run_of_its_own() {
    let (_keep, dir) = folder();
    // Thirteen episodes of different lengths: calls that are full and calls for one. A batch schedule asks for copies.
    for schedule in ["newest", "batch:3:40"] {
        let grid =
            ["model=pilot", "latency=service:70", &format!("schedule={schedule}")].map(|axis| format!("--grid={axis}"));
        let run = |name: &str, jobs: &str| {
            let out = dir.join(format!("{name}-{}", &schedule[..3]));
            let args = ["sweep", "run", "crowd", &grid[0], &grid[1], &grid[2], "--seeds", "13", "--offline"];
            let output = deadtime(&[&args[..], &["--jobs", jobs, "--out", text(&out)]].concat());
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            result(&out)
        };
        let (one, three) = (run("one", "1"), run("three", "3"));
        assert_eq!(one, three);
        let csv = String::from_utf8(one[0].clone()).expect("text");
        let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let head = rows.next().expect("a head");
        let column = |name: &str| head.iter().position(|found| *found == name).expect("a column");
        let (seed, digest) = (column("seed"), column("digest"));
        let rows: Vec<_> = rows.collect();
        for row in [&rows[0], &rows[5], &rows[12]] {
            let options =
                ["--model", "pilot", "--latency", "service:70", "--schedule", schedule, "--offline", "--json"];
            let alone = json(&deadtime(&[&["run", "crowd", "--seed", row[seed]], &options[..]].concat()));
            assert_eq!(alone["digest"], row[digest], "seed {} under {schedule}", row[seed]);
        }
    }
}
