use std::path::Path;

use super::*;
use crate::fixture::{entries, header, summary};
use crate::read;

/// Pushes as a loop does: a little at a time.
fn play(keeper: &mut Keeper, entries: Vec<Entry>) {
    let mut rest = entries;
    while !rest.is_empty() {
        let left = rest.split_off(rest.len().min(7));
        keeper.push(std::mem::replace(&mut rest, left));
    }
}

fn logs(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn each_run_has_its_log_and_one_broken_off_is_no_whole_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::start(Place::Folder(dir.path().to_owned(), 20)).unwrap();
    keeper.begin(header());
    play(&mut keeper, entries(2.0));
    keeper.end(summary());
    // A run in which nothing happens leaves nothing.
    keeper.begin(header());
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    drop(keeper);
    assert_eq!(logs(dir.path()), ["0001-course.mcap", "0002-course.mcap"]);
    let [first, second] =
        ["0001-course.mcap", "0002-course.mcap"].map(|name| read(dir.path().join(name)).expect("a log"));
    assert!(first.complete && first.digests.len() == 480, "{}", first.digests.len());
    assert!(!second.complete && second.summary.is_none() && second.digests.len() == 240);
}

#[test]
fn the_log_of_a_run_is_named_while_it_goes_on_and_not_after() {
    let dir = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::start(Place::Folder(dir.path().to_owned(), 20)).unwrap();
    assert_eq!(keeper.kept(), Kept::default());
    keeper.begin(header());
    keeper.push(entries(0.1));
    let kept = wait(&mut keeper, |kept| kept.path.is_some());
    assert_eq!(kept, Kept { path: Some(dir.path().join("0001-course.mcap")), problem: None });
    keeper.begin(header());
    assert_eq!(keeper.kept(), Kept::default());
}

fn wait(keeper: &mut Keeper, until: impl Fn(&Kept) -> bool) -> Kept {
    for _ in 0..10_000 {
        let kept = keeper.kept();
        if until(&kept) {
            return kept;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{:?}", keeper.kept());
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_the_next_run_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    std::fs::write(&folder, "in the way").unwrap();
    let mut keeper = Keeper::start(Place::Folder(folder.clone(), 20)).unwrap();
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    keeper.end(summary());
    let problem = wait(&mut keeper, |kept| kept.problem.is_some()).problem.unwrap();
    assert!(problem.contains(folder.to_str().unwrap()), "{problem}");
    std::fs::remove_file(&folder).unwrap();
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    keeper.end(summary());
    drop(keeper);
    assert!(read(folder.join("0001-course.mcap")).unwrap().complete);
}

#[test]
fn a_run_that_is_discarded_leaves_no_log_and_the_next_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::start(Place::Folder(dir.path().to_owned(), 20)).unwrap();
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    keeper.discard();
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    keeper.end(summary());
    drop(keeper);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["0001-course.mcap"]);
    assert!(read(dir.path().join("0001-course.mcap")).unwrap().complete);
}

#[test]
fn a_full_disk_costs_the_log_and_nothing_else() {
    // Every write to it fails.
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.mcap");
    std::os::unix::fs::symlink(full, dir.path().join("run.mcap.partial")).unwrap();
    let mut keeper = Keeper::start(Place::File(path.clone())).unwrap();
    keeper.begin(header());
    play(&mut keeper, entries(1.0));
    let problem = wait(&mut keeper, |kept| kept.problem.is_some()).problem.unwrap();
    assert!(problem.contains("cannot write") && problem.contains("run.mcap"), "{problem}");
    // Later entries and the end are taken as before.
    play(&mut keeper, entries(1.0));
    keeper.end(summary());
    drop(keeper);
    assert!(!path.exists());
}

#[test]
fn a_disk_that_hangs_is_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("run.mcap.partial");
    // A pipe takes 64 KiB and then makes the writer wait, as a dead network disk would.
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut end = std::fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    let mut keeper = Keeper::start(Place::File(dir.path().join("run.mcap"))).unwrap();
    keeper.begin(header());
    let (batch, mut longest) = (entries(10.0), Duration::ZERO);
    for _ in 0..MOST_WAITING / batch.len() + QUEUE + 4 {
        let copy = batch.clone();
        #[allow(clippy::disallowed_methods, reason = "how long a push takes is what is tested")]
        let began = std::time::Instant::now();
        keeper.push(copy);
        longest = longest.max(began.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "a push took {longest:?}");
    let problem = keeper.kept().problem.unwrap();
    assert!(problem.contains("did not keep up"), "{problem}");
    // Lets the thread go on, so that the keeper can end.
    std::thread::spawn(move || std::io::copy(&mut end, &mut std::io::sink()));
    drop(keeper);
}
