//! A sweep gives the same bytes whoever ran it, in how many parts, and however often it was killed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use runtime::Engine;
use scenario::{Grid, ScenarioError, load, parse_sweep};
use study::{Progress, Running, Shard, StudyError, Sweep, merge, write_result};

fn none(_: &str) -> Result<Box<dyn Engine>, String> {
    Err("there is none".into())
}

fn base(name: &str) -> scenario::Scenario {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(name).with_extension("toml")).unwrap()
}

fn prepare(scenario: &str, axes: &str, seeds: &str) -> Result<Sweep, StudyError> {
    let text = format!("title = \"t\"\nscenario = \"{scenario}\"\nseeds = \"{seeds}\"\n{axes}");
    let grid = Grid::new(parse_sweep(&text, "plan.toml")?, base(scenario))?;
    Sweep::new(grid, "test", &|_| "none.onnx".into())
}

/// 3 x 3 cells of 20 seeds: 18 units.
fn sweep() -> Sweep {
    let axes = "[[axis]]\nfield = \"speed\"\nvalues = [1.5, 2, 2.25]\n[[axis]]\nfield = \"latency\"\nvalues = [0, 130, \
                \"profile:cloud-pi0\"]\n";
    prepare("braking", axes, "20").unwrap()
}

fn bytes(from: &[PathBuf], out: &Path) -> Vec<Vec<u8>> {
    let files = write_result(out, &merge(from).unwrap()).unwrap();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn go(sweep: &Sweep, shard: Shard, out: &Path, jobs: usize) {
    let running = Running { shard, out, resume: false, jobs, stop: &AtomicBool::new(false) };
    sweep.run(&running, &none, &()).unwrap();
}

#[test]
fn any_number_of_shards_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = |name: String| folder.path().join(name);
    go(&sweep(), Shard::WHOLE, &dir("one".into()), 1);
    let expected = bytes(&[dir("one".into())], &dir("one".into()));
    let text = String::from_utf8(expected[0].clone()).unwrap();
    assert_eq!(text.lines().count(), 1 + 9 * 20);
    let row = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(row("speed,latency,").starts_with("speed,latency,seed,outcome,collided,time_s,min_clearance_m,"));
    assert!(row("2,0,19,").starts_with("2,0,19,goal,false,"), "{}", row("2,0,19,"));
    assert!(row("2.25,130,0,").starts_with("2.25,130,0,collision,true,"));
    assert!(row("2,profile:cloud-pi0,0,").contains(",true,true,none,"), "modelled");
    assert!(row("2,130,0,").contains(",false,true,none,"));
    for of in [2, 7] {
        let dirs: Vec<PathBuf> = (1..=of).map(|k| dir(format!("{of}/{k}"))).collect();
        for number in 1..=of {
            go(&sweep(), Shard { number, of }, &dirs[number - 1], 1 + number % 2);
        }
        assert_eq!(bytes(&dirs, &dir(format!("{of}"))), expected, "{of} shards");
        // A shard that is not there is named.
        let error = merge(&dirs[1..]).unwrap_err().to_string();
        assert!(error.contains(&format!("for shard 1/{of}")), "{error}");
    }
}

/// Asks to stop after so many units.
struct StopAfter<'a>(AtomicUsize, &'a AtomicBool);

impl Progress for StopAfter<'_> {
    fn begin(&self, _: &str, _: usize, _: bool) {}
    fn step(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.1.store(true, Ordering::Relaxed);
        }
    }
    fn end(&self) {}
}

#[test]
fn killed_twenty_times_it_comes_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    go(&sweep(), Shard::WHOLE, &folder.path().join("whole"), 2);
    let expected = bytes(&[folder.path().join("whole")], &folder.path().join("whole"));
    let sweep = sweep();
    let mut cut = 0;
    for round in 0..20u64 {
        let out = folder.path().join(format!("cut {round}"));
        let mut resume = false;
        loop {
            let draw = timing::draw(round, timing::Stream::Scenario, cut);
            let stop = AtomicBool::new(false);
            let running = Running { shard: Shard::WHOLE, out: &out, resume, jobs: 1 + round as usize % 3, stop: &stop };
            let progress = StopAfter(AtomicUsize::new(1 + (draw % 9) as usize), &stop);
            match sweep.run(&running, &none, &progress) {
                Ok(_) => break,
                Err(StudyError::Stopped) => {}
                Err(other) => panic!("round {round}: {other}"),
            }
            // A kill in the middle of a line leaves half of it.
            let journal = out.join("shard-1-of-1.jsonl");
            let text = std::fs::read(&journal).unwrap();
            let torn = (draw >> 32) as usize % text.len().min(3000);
            std::fs::write(&journal, &text[..text.len() - torn]).unwrap();
            assert!(merge(std::slice::from_ref(&out)).is_err(), "round {round}: it cannot be whole yet");
            (cut, resume) = (cut + 1, true);
        }
        assert_eq!(bytes(std::slice::from_ref(&out), &out), expected, "round {round}");
    }
    assert!(cut > 20, "it was cut {cut} times");
}

#[test]
fn a_journal_is_not_mixed_with_another_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    go(&sweep(), Shard::WHOLE, out, 2);
    let again = |sweep: &Sweep, resume| {
        let running = Running { shard: Shard::WHOLE, out, resume, jobs: 1, stop: &AtomicBool::new(false) };
        sweep.run(&running, &none, &())
    };
    assert!(again(&sweep(), false).unwrap_err().to_string().contains("give --resume"));
    again(&sweep(), true).unwrap();
    let other = prepare("braking", "[[axis]]\nfield = \"speed\"\nvalues = [1]\n", "3").unwrap();
    assert!(again(&other, true).unwrap_err().to_string().contains("of another sweep"));
    let elsewhere = folder.path().join("other");
    go(&other, Shard::WHOLE, &elsewhere, 1);
    let error = merge(&[out.to_owned(), elsewhere]).unwrap_err().to_string();
    assert!(error.contains("merge them apart"), "{error}");
    std::fs::write(out.join("shard-1-of-1.jsonl"), "not ours\n").unwrap();
    assert!(again(&sweep(), true).unwrap_err().to_string().contains("is no journal"));
    assert!(merge(&[out.join("nothing")]).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn what_cannot_be_swept_is_refused_at_its_place() {
    let refused = |scenario: &str, axes: &str| -> ScenarioError {
        match prepare(scenario, axes, "2") {
            Err(StudyError::Scenario(error)) => error,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{axes} is taken"),
        }
    };
    let by_axis = refused("braking", "[[axis]]\nfield = \"latency\"\nvalues = [\"zero\", \"measured\"]\n");
    assert_eq!(by_axis.place(), Some((6, 19)), "{by_axis}");
    assert!(by_axis.help_line().contains("deadtime measure"), "{}", by_axis.help_line());
    let by_scenario = refused("lesson", "[[axis]]\nfield = \"speed\"\nvalues = [1]\n");
    assert_eq!(by_scenario.place(), Some((2, 12)), "{by_scenario}");
    assert!(by_scenario.help_line().contains("deadtime measure pilot --hz 40 --out pilot.json"));
    let runtime = refused("braking", "[[axis]]\nfield = \"runtime\"\nvalues = [\"auto\", \"cudaa\"]\n");
    assert_eq!(runtime.place(), Some((6, 19)), "{runtime}");
    // Without an engine it ends with the model's name.
    let network = prepare("braking", "[[axis]]\nfield = \"model\"\nvalues = [\"pilot\"]\n", "2").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let running =
        Running { shard: Shard::WHOLE, out: folder.path(), resume: false, jobs: 1, stop: &AtomicBool::new(false) };
    let error = network.run(&running, &none, &()).unwrap_err().to_string();
    assert!(error.contains("`:pilot` cannot be run: there is none"), "{error}");
}
