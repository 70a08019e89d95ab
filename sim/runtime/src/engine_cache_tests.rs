use super::*;

fn key() -> Key {
    Key {
        model: "0123456789abcdef".to_owned(),
        gpu: "Orin (8.7)".to_owned(),
        driver: "L4T 36.4.3, CUDA 13.0".to_owned(),
        tensorrt: "10.16.1".to_owned(),
        onnxruntime: "1.31.1".to_owned(),
        precision: Precision::Fp16,
        dla: None,
        optimisation: "all".to_owned(),
    }
}

fn open(folder: &Path, key: Key) -> EngineCache {
    EngineCache::open_in(folder.to_owned(), key, || panic!("nobody else builds")).unwrap()
}

/// A folder with an engine in it, as TensorRT leaves one.
fn built() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("trt10.16.1-key");
    fs::create_dir(&folder).unwrap();
    let mut cache = open(&folder, key());
    assert!(!cache.built() && cache.discarded().is_none(), "an empty folder is nothing to complain of");
    fs::write(folder.join("pilot_87.engine"), "kernels").unwrap();
    fs::write(folder.join("pilot_87.timing"), "tactics").unwrap();
    assert_eq!(cache.seal(), Ok(1));
    (root, folder)
}

#[test]
fn every_part_of_the_key_is_a_folder_of_its_own() {
    let changed: [fn(&mut Key); 8] = [
        |key| key.model.replace_range(15..16, "0"),
        |key| key.gpu = "Orin (8.9)".to_owned(),
        |key| key.driver = "L4T 36.4.4, CUDA 13.0".to_owned(),
        |key| key.tensorrt = "10.16.0".to_owned(),
        |key| key.onnxruntime = "1.32.0".to_owned(),
        |key| key.precision = Precision::Int8,
        |key| key.dla = Some(0),
        |key| key.optimisation = "off".to_owned(),
    ];
    let mut folders = vec![key().folder()];
    for change in changed {
        let mut other = key();
        change(&mut other);
        folders.push(other.folder());
    }
    assert!(folders[0].starts_with("0123456789ab-Orin--8.7--trt10.16.1-fp16-"), "{}", folders[0]);
    assert!(folders.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))));
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), 9);
}

#[test]
fn a_sealed_engine_is_used_again_untouched() {
    let (_root, folder) = built();
    let seal = || fs::metadata(folder.join(SEAL)).unwrap().modified().unwrap();
    let before = seal();
    let mut cache = open(&folder, key());
    assert!(cache.built() && cache.discarded().is_none());
    assert_eq!(cache.seal(), Ok(1));
    assert_eq!(seal(), before, "whoever measures would see an engine being built");
}

#[test]
fn an_engine_that_is_not_as_it_was_left_is_thrown_away() {
    #[allow(clippy::type_complexity, reason = "a table of cases")]
    let cases: [(fn(&Path), &str); 7] = [
        (|f| fs::write(f.join("pilot_87.engine"), "kernel").unwrap(), "pilot_87.engine is not as it was left"),
        (|f| fs::write(f.join("pilot_87.timing"), "").unwrap(), "pilot_87.timing is not as it was left"),
        (|f| fs::write(f.join("other_87.engine"), "more").unwrap(), "other_87.engine is not as it was left"),
        (|f| fs::remove_file(f.join("pilot_87.engine")).unwrap(), "pilot_87.engine is missing"),
        (|f| fs::remove_file(f.join(SEAL)).unwrap(), "it was left unfinished"),
        (|f| fs::write(f.join(SEAL), "{\"key\":").unwrap(), "its seal cannot be read"),
        (|f| fs::write(f.join(SEAL), "").unwrap(), "its seal cannot be read"),
    ];
    for (spoil, expected) in cases {
        let (_root, folder) = built();
        spoil(&folder);
        let mut cache = open(&folder, key());
        let why = cache.discarded().unwrap();
        assert!(why.starts_with(expected), "{why}");
        assert!(!cache.built());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{expected}");
        // And the next one is an engine like any.
        fs::write(folder.join("pilot_87.engine"), "kernels").unwrap();
        assert_eq!(cache.seal(), Ok(1));
        drop(cache);
        assert!(open(&folder, key()).built());
    }
}

#[test]
fn an_engine_of_another_version_is_not_taken() {
    let (_root, folder) = built();
    let newer = Key { tensorrt: "10.17.0".to_owned(), ..key() };
    let mut cache = open(&folder, newer);
    assert_eq!((cache.built(), cache.discarded().as_deref()), (false, Some("it was built for something else")));
}

#[test]
fn what_tensorrt_refuses_is_built_anew() {
    let (_root, folder) = built();
    let mut cache = open(&folder, key());
    cache.discard("TensorRT does not take it".to_owned()).unwrap();
    assert!(!cache.built() && !folder.join("pilot_87.engine").exists());
    // A model that TensorRT takes no part of leaves no engine, and no seal that would say otherwise.
    assert_eq!(cache.seal(), Ok(0));
    assert!(!folder.join(SEAL).exists());
}

#[test]
fn an_engine_for_another_shape_is_sealed_too() {
    let (_root, folder) = built();
    let mut cache = open(&folder, key());
    cache.seal().unwrap();
    fs::write(folder.join("pilot_87.engine"), "kernels for another batch").unwrap();
    cache.seal_again();
    drop(cache);
    assert!(open(&folder, key()).built());
}

#[test]
fn one_builds_and_the_others_wait() {
    let (_root, folder) = built();
    let mut first = open(&folder, key());
    let (told, heard) = crossbeam_channel::bounded(1);
    let second = {
        let folder = folder.clone();
        std::thread::spawn(move || EngineCache::open_in(folder, key(), || told.send(()).unwrap()).unwrap().built())
    };
    heard.recv().unwrap();
    fs::write(folder.join("pilot_87.engine"), "better kernels").unwrap();
    first.seal().unwrap();
    assert!(second.join().unwrap(), "it finds what the first has built");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let root = tempfile::tempdir().unwrap();
    let why = EngineCache::open_in(root.path().join("no/such/key"), key(), || {}).err().unwrap();
    assert!(why.contains("no/such/key") && why.contains("No such file"), "{why}");
}
