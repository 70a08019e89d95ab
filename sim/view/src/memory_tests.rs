use scenario::{Compensation, Latency};
use timing::Schedule;

use super::*;
use crate::desk::tests::{desk, settings};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("deadtime-memory-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn all() -> Settings {
    Settings {
        scenario: "a/folder/of mine.toml".into(),
        seed: 77,
        model: Some("x \"y\".onnx".into()),
        runtime: "rten".into(),
        graph: "off".into(),
        latency: Latency::Service(12.5),
        link: Some("wifi".into()),
        schedule: Schedule::Fifo { depth: 4 },
        cruise: Some(1.3),
        compensation: Compensation::Watchdog { stale_ms: 150.0 },
        deadline_ms: Some(80.0),
        speed: 0.5,
    }
}

#[test]
fn what_is_written_is_read() {
    let folder = folder("round");
    let path = folder.join("deep/window.toml");
    let memory = Memory {
        theme: Mode::Dark,
        size: Some([1920, 1080]),
        place: Some([-8, 40]),
        labs: true,
        instrument: Some(Instrument::Map),
        from_above: true,
        run: Some(Run::of(&all())),
    };
    memory.save(&path).unwrap();
    let read = Memory::load(&path).unwrap().unwrap();
    assert_eq!(read, memory);
    assert_eq!(read.settings(), Some(Ok(all())));
    // What others wrote there goes, and nothing half-written stays.
    Memory::default().save(&path).unwrap();
    assert_eq!(Memory::load(&path).unwrap(), Some(Memory::default()));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn no_file_is_no_mistake_and_a_bad_one_is_told() {
    let folder = folder("bad");
    assert_eq!(Memory::load(&folder.join("window.toml")), Ok(None));
    std::fs::create_dir_all(&folder).unwrap();
    assert!(Memory::load(&folder).is_err(), "a folder in its place");
    let good = Memory { run: Some(Run::of(&all())), ..Memory::default() }.text().unwrap();
    let bad = [
        "theme = \"pink\"".to_owned(),
        "size = 3".to_owned(),
        "\0\u{1}".to_owned(),
        good.replace("service:12.5", "service:soon"),
        good.replace("speed = 0.5", "speed = nan"),
        good.replace("cruise = 1.3", "cruise = -1.0"),
        good[..good.len() - 9].to_owned(),
    ];
    for text in bad {
        let path = folder.join("window.toml");
        std::fs::write(&path, &text).unwrap();
        let why = Memory::load(&path).unwrap_err();
        assert!(why.contains("window.toml") && why.lines().count() < 3, "{text}: {why}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_missing_or_of_a_later_version_is_left_out() {
    assert_eq!(Memory::parse("").unwrap(), Memory::default());
    let later = Memory::parse("theme = \"dark\"\nhologram = true\nsize = [1, 99999]").unwrap();
    assert_eq!((later.theme, later.size), (Mode::Dark, None));
}

#[test]
fn what_failed_is_not_opened_the_next_time() {
    let mut desk = desk();
    let live = crate::snapshot::Snapshot { run: 1, phase: Phase::Live, ..crate::snapshot::Snapshot::empty(settings()) };
    desk.follow(&live);
    desk.settings.model = Some("missing".into());
    let of = |phase: &Phase| memory_of(&desk, &Window::default(), phase).settings().unwrap().unwrap();
    assert_eq!(of(&Phase::Failed("no".into())), settings());
    assert_eq!(of(&Phase::Live).model.as_deref(), Some("missing"));
}

#[test]
fn a_seed_that_toml_cannot_hold_is_not_kept() {
    let mut desk = desk();
    desk.settings.seed = u64::MAX;
    let memory = memory_of(&desk, &Window::default(), &Phase::Live);
    assert_eq!(memory.settings(), None);
    assert!(memory.text().is_ok());
}

#[test]
fn a_window_comes_back_only_to_a_screen_that_is_there() {
    let screens = [[0, 0, 1920, 1080], [1920, -200, 1280, 1024]];
    for (at, there) in
        [([0, 0], true), ([1900, 900], false), ([1930, -200], true), ([-500, 10], false), ([i32::MAX, 0], false)]
    {
        assert_eq!(on_a_screen(at, &screens), there, "{at:?}");
    }
    assert!(!on_a_screen([0, 0], &[]));
}

#[test]
fn it_is_written_when_the_window_closes() {
    let folder = folder("close");
    let path = folder.join("window.toml");
    let mut scribe = Scribe::new(path.clone(), Memory::default());
    scribe.write();
    drop(scribe);
    assert!(!path.exists(), "nothing has changed");
    let mut scribe = Scribe::new(path.clone(), Memory::default());
    scribe.newest.theme = Mode::Dark;
    drop(scribe);
    assert_eq!(Memory::load(&path).unwrap().unwrap().theme, Mode::Dark);
    std::fs::remove_dir_all(folder).unwrap();
}
