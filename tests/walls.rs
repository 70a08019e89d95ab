//! What must never be: who may know whom.

use std::process::Command;

use crate::support::root;

fn tree(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--edges", "normal"])
        .args(args)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn holds(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split_whitespace().next() == Some(name))
}

#[test]
fn no_window_in_the_headless_program() {
    let tree = tree(&["-p", "deadtime", "--no-default-features"]);
    for name in ["wgpu", "winit", "egui", "bevy", "bevy_egui", "view"] {
        assert!(!holds(&tree, name), "the headless program depends on {name}");
    }
    assert!(holds(&tree, "episode"), "the tree was not read");
}

#[test]
fn each_room_knows_only_what_it_may() {
    let ours = ["timing", "plant", "pilot", "runtime", "scenario", "episode", "record", "study", "target", "view"];
    let allowed: [(&str, &[&str]); 9] = [
        ("timing", &[]),
        ("plant", &["timing"]),
        ("pilot", &["timing", "plant"]),
        ("runtime", &["timing"]),
        ("scenario", &["timing", "plant", "pilot"]),
        ("episode", &["timing", "plant", "pilot", "scenario", "runtime"]),
        ("record", &["timing", "plant", "pilot", "scenario", "runtime", "episode"]),
        ("study", &["timing", "plant", "pilot", "scenario", "runtime", "episode", "record"]),
        ("target", &["timing", "runtime"]),
    ];
    for (room, may) in allowed {
        let tree = tree(&["-p", room]);
        for other in ours.iter().filter(|other| **other != room && !may.contains(other)) {
            assert!(!holds(&tree, other), "{room} knows {other}");
        }
        let owners = [
            ("rapier3d", "plant"),
            ("ort", "runtime"),
            ("rten", "runtime"),
            ("bevy", "view"),
            ("egui", "view"),
            ("plotters", "study"),
            ("statrs", "study"),
            ("parquet", "study"),
            ("tonic", "target"),
        ];
        let direct = self::tree(&["-p", room, "--depth", "1"]);
        for (library, owner) in owners {
            assert!(room == owner || !holds(&direct, library), "{room} names {library}, which is {owner}'s alone");
        }
    }
}
