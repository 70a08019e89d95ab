//! A network that runs in another process: the same run as here, given the same times; and a target that is lost ends as a run
//! that nobody trusts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::{deadtime, folder, json, root, text};

/// A server that goes away with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    said: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadtime"));
    command.args(args).current_dir(root()).env_remove("DISPLAY").env_remove("DEADTIME_TOKEN");
    command
}

/// The program by way of another one.
fn by(way: &[&str], args: &[&str]) -> Output {
    let Some((first, rest)) = way.split_first() else { return deadtime(args) };
    let mut command = Command::new(first);
    command.args(rest).arg(env!("CARGO_BIN_EXE_deadtime")).args(args).current_dir(root());
    command.output().expect("it starts")
}

pub(crate) fn serve(more: &[&str]) -> Server {
    serve_models("pilot", more)
}

fn serve_models(models: &str, more: &[&str]) -> Server {
    let args = ["serve", "--bind", "127.0.0.1:0", "--models", models, "--runtime", "rten", "--offline"];
    let process = program(&[&args, more].concat()).stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut server = Server { process, address: String::new(), said: Vec::new() };
    let mut lines = BufReader::new(server.process.stdout.take().expect("a pipe")).lines();
    while server.address.is_empty() {
        let line = lines.next().expect("it serves").expect("text");
        if let Some(rest) = line.strip_prefix("serving on ") {
            rest.split(' ').next().expect("an address").clone_into(&mut server.address);
        }
        server.said.push(line);
    }
    server
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the lesson on a target, then its log, then here with the times of the log.
fn run_replay_and_run_here(address: &str, dir: &Path, runtime: &str) -> (serde_json::Value, String) {
    run_within(&[], address, dir, runtime)
}

/// The same, the run on the target by way of another program, such as `ip netns exec NAME`.
fn run_within(way: &[&str], address: &str, dir: &Path, runtime: &str) -> (serde_json::Value, String) {
    let log = dir.join("far.mcap");
    let far = ["run", "lesson", "--latency", "measured", "--unpaced", "--seed", "3", "--target", address];
    let far = [&far[..], &["--log", text(&log), "--json"]].concat();
    let far = json(&by(way, &far));
    let replayed = deadtime(&["replay", text(&log), "--json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(json(&replayed)["digest"], far["digest"]);
    let times = format!("replay:{}", log.display());
    let here = ["run", "lesson", "--latency", &times, "--seed", "3", "--runtime", runtime, "--json"];
    let here = json(&deadtime(&here));
    (far, here["digest"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_run_on_a_target_is_the_run_here_with_the_same_trace() {
    let (_keep, dir) = folder();
    let server = serve(&[]);
    assert!(server.said[0].starts_with("pilot: asked for rten, obtained rten"), "{:?}", server.said);
    let (far, here) = run_replay_and_run_here(&server.address, &dir, "rten");
    assert_eq!(far["digest"], here, "{far}");
    let runtime = far["runtime"].as_str().expect("a name");
    assert!(runtime.starts_with("remote (grpc://127.0.0.1:") && runtime.contains("residence reported"), "{runtime}");
    assert!(runtime.contains("on rten 0."), "the target's own runtime: {runtime}");
    assert!(far["link_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0), "{far}");
    assert_eq!((far["lost"].as_u64(), far["trusted"].as_bool()), (Some(0), Some(false)), "unpaced: {far}");
    // A round trip tells only the sum of its ways: the other extreme was driven too.
    let other = &far["link_all_out"];
    assert_eq!(other["outcome"], far["outcome"], "{far}");
    assert!(other["latency_ms"]["p50"].as_f64() > far["link_ms"]["p50"].as_f64(), "{far}");
    // What was measured is the device's, and the link stands beside it.
    let trace = dir.join("there.json");
    let measured = ["measure", "pilot", "--target", &server.address, "--count", "50", "--json", "--out", text(&trace)];
    let measured = json(&deadtime(&measured));
    assert!(measured["link_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0), "{measured}");
    let there = ["run", "lesson", "--latency", &format!("replay:{}", trace.display()), "--model", "expert", "--json"];
    assert!(json(&deadtime(&there))["latency_ms"]["p50"].as_f64() > measured["total_ms"]["p50"].as_f64());
}

#[test]
fn a_target_that_is_killed_in_a_run_is_exit_3_and_replays() {
    let (_keep, dir) = folder();
    let log = dir.join("run.mcap");
    let mut server = serve(&[]);
    let run = ["run", "lesson", "--latency", "measured", "--target", &server.address, "--log", text(&log), "--json"];
    let run = program(&run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // The run keeps to the wall clock and takes some ten seconds.
    std::thread::sleep(Duration::from_millis(2500));
    server.process.kill().expect("killed");
    let output = run.wait_with_output().expect("it ends");
    let report = json(&output);
    assert_eq!(output.status.code(), Some(3), "{report}");
    assert_eq!(report["trusted"], false);
    let complaint = report["complaints"][0].as_str().unwrap_or_default();
    assert!(complaint.contains("the runtime failed") && complaint.contains("the target grpc://"), "{complaint}");
    assert!(report["lost"].as_u64() > Some(10), "{report}");
    assert_eq!(report["outcome"], "timeout", "it stands still: {report}");
    let replayed = deadtime(&["replay", text(&log), "--json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(json(&replayed)["digest"], report["digest"]);
}

/// What becomes of a connection in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Hung,
    Reset,
    Noise,
    Slow,
}

/// Stands between a run and its target: forwards this many bytes of answers, then does `cut` to every connection.
fn between(server: &Server, cut: Cut, bytes: usize) -> String {
    let target = server.address.strip_prefix("grpc://").expect("an address").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("grpc://{}", listener.local_addr().expect("an address"));
    let passed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(&target) else { continue };
            let (Ok(mut there), Ok(mut back)) = (near.try_clone(), far.try_clone()) else { continue };
            let passed = passed.clone();
            std::thread::spawn(move || {
                let (mut near, mut buffer) = (near, [0; 4096]);
                while let Ok(n) = back.read(&mut buffer)
                    && n > 0
                {
                    if passed.fetch_add(n, std::sync::atomic::Ordering::Relaxed) > bytes {
                        match cut {
                            // Open, and silent.
                            Cut::Hung => std::thread::sleep(Duration::from_secs(60)),
                            Cut::Reset => break,
                            Cut::Noise => buffer[..n].fill(0xa5),
                            Cut::Slow => std::thread::sleep(Duration::from_millis(600)),
                        }
                    }
                    if near.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                let _ = near.shutdown(std::net::Shutdown::Both);
            });
            std::thread::spawn(move || std::io::copy(&mut there, &mut &far));
        }
    });
    address
}

#[test]
#[allow(clippy::disallowed_methods, reason = "that nothing hangs is seen on a clock")]
fn a_target_that_is_lost_in_any_way_is_exit_3_with_a_story_and_replays() {
    let server = serve(&[]);
    for cut in [Cut::Hung, Cut::Reset, Cut::Noise, Cut::Slow] {
        let (_keep, dir) = folder();
        let log = dir.join("run.mcap");
        // The answers of some forty frames, the warm-up among them.
        let address = between(&server, cut, 40 * 400);
        let run = ["run", "lesson", "--latency", "measured", "--unpaced", "--target-timeout", "300"];
        let begun = std::time::Instant::now();
        let output = deadtime(&[&run[..], &["--target", &address, "--log", text(&log), "--json"]].concat());
        let report = json(&output);
        assert_eq!(output.status.code(), Some(3), "{cut:?}: {report}");
        let story = report["complaints"][0].as_str().unwrap_or_default();
        assert!(story.contains("the runtime failed") && story.contains("the target grpc://"), "{cut:?}: {story}");
        assert!(report["inferences"].as_u64() > Some(10) && report["lost"].as_u64() > Some(2), "{cut:?}: {report}");
        assert_eq!(report["outcome"], "timeout", "it stands still, {cut:?}: {report}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{cut:?}: {:?}", begun.elapsed());
        let replayed = deadtime(&["replay", text(&log), "--json"]);
        assert_eq!(replayed.status.code(), Some(0), "{cut:?}: {}", stderr(&replayed));
        assert_eq!(json(&replayed)["digest"], report["digest"], "{cut:?}");
    }
}

#[test]
fn a_token_guards_both_doors_and_other_addresses_need_one() {
    let server = serve(&["--token", "sesame"]);
    let measure = |more: &[&str]| {
        let args = ["measure", "pilot", "--target", &server.address, "--count", "3", "--hz", "100"];
        program(&[&args[..], more].concat()).output().expect("it ends")
    };
    for wrong in [&[][..], &["--token", "sesam"]] {
        let output = measure(wrong);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("wants a token"), "{}", stderr(&output));
    }
    // Three samples are too few to be trusted, but it is let in.
    assert_eq!(measure(&["--token", "sesame"]).status.code(), Some(3));
    assert!(get(&server, "/v2", "").starts_with("HTTP/1.1 401"));
    assert!(get(&server, "/v2", "authorization: Bearer sesame\r\n").starts_with("HTTP/1.1 200"));
    let open = program(&["serve", "--bind", "0.0.0.0:0", "--models", "pilot", "--offline"]).output().expect("it ends");
    assert_eq!(open.status.code(), Some(2));
    assert!(stderr(&open).contains("there is no token"), "{}", stderr(&open));
}

fn get(server: &Server, path: &str, headers: &str) -> String {
    let address = server.address.strip_prefix("grpc://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_folder_is_served_with_health_and_metadata_over_http_and_a_clean_end() {
    let (_keep, dir) = folder();
    std::fs::copy(root().join("assets/models/pilot.onnx"), dir.join("pilot.onnx")).expect("copied");
    std::fs::write(dir.join("broken.onnx"), "no model").expect("written");
    let mut server = serve_models(text(&dir), &[]);
    assert!(server.said.iter().any(|line| line.starts_with("broken: not served: ")), "{:?}", server.said);
    assert!(get(&server, "/v2/health/live", "").contains(r#"{"live":true}"#));
    assert!(get(&server, "/v2/health/ready", "").contains(r#"{"ready":true}"#));
    assert!(get(&server, "/v2", "").contains(r#""name":"deadtime""#));
    let model = get(&server, "/v2/models/pilot", "");
    assert!(model.contains(r#""datatype":"FP32""#) && model.contains(r#""name":"scan""#), "{model}");
    assert!(get(&server, "/v2/models/pilot/ready", "").contains(r#""ready":true"#));
    let missing = get(&server, "/v2/models/nothing", "");
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("served: pilot"), "{missing}");
    // As Ctrl-C does.
    let id = server.process.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().expect("kill");
    let status = server.process.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn mistakes_with_targets_and_networks_are_exit_2() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let nobody = format!("grpc://{nobody}");
    let server = serve(&[]);
    for (args, expected) in [
        (vec!["run", "lesson", "--target", "board:8001"], "expected grpc://HOST:PORT"),
        (vec!["run", "lesson", "--target", &nobody], "cannot be reached"),
        (
            vec!["run", "lesson", "--target", &server.address, "--model", "student-int8"],
            "there is no model `student-int8` here",
        ),
        (vec!["run", "lesson", "--target", &server.address, "--target-timeout", "0"], "milliseconds from 1"),
        (vec!["serve", "--models", "no-such.onnx"], "no model that could be served"),
        (vec!["run", "lesson", "--network", "wify", "--latency", "zero"], "did you mean `wifi`"),
    ] {
        let output = deadtime(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{args:?}");
    }
}

#[test]
fn a_near_network_is_in_time_and_a_far_one_is_not() {
    let outcome = |network: &str, seed: u64| {
        let args = ["run", "offload", "--network", network, "--seed", &seed.to_string(), "--json", "--offline"];
        json(&deadtime(&args))
    };
    let goals = |network: &str| (0..6).filter(|seed| outcome(network, *seed)["outcome"] == "goal").count();
    assert_eq!((goals("5g-edge"), goals("cloud-far")), (6, 0));
    let (near, far) = (outcome("5g-edge", 1), outcome("cloud-far", 1));
    let p50 = |report: &serde_json::Value| report["latency_ms"]["p50"].as_f64().unwrap_or_default();
    // By their delays, jitters and sizes: 7 and 140 ms of propagation.
    assert!((130.0..140.0).contains(&(p50(&far) - p50(&near))), "{} against {}", p50(&far), p50(&near));
    assert!(outcome("wifi-busy", 1)["lost"].as_u64() > Some(5), "losses of the network are losses");
    // From the nearest to the farthest, each is later than the one before.
    let all = ["wifi", "5g-edge", "cloud-near", "5g", "lte", "cloud-far"];
    let late = all.map(|network| p50(&outcome(network, 1)));
    assert!(late.is_sorted(), "{all:?}: {late:?}");
}

#[test]
fn no_network_takes_that_of_the_scenario_away_and_a_log_knows() {
    let (_keep, dir) = folder();
    let (mine, log) = (dir.join("mine.toml"), dir.join("run.mcap"));
    let lesson = std::fs::read_to_string("scenarios/lesson.toml").expect("the lesson");
    std::fs::write(&mine, lesson.replace("[latency]", "[latency]\nnetwork = \"wifi-busy\"")).expect("written");
    let digest = |args: &[&str]| {
        let output = deadtime(&[&["run"], args, &["--latency", "fixed:40", "--seed", "2", "--json"]].concat());
        json(&output)["digest"].clone()
    };
    let without = digest(&[text(&mine), "--network", "none", "--log", text(&log)]);
    assert_eq!(without, digest(&["lesson"]));
    assert_ne!(without, digest(&[text(&mine)]));
    let replayed = deadtime(&["replay", text(&log), "--json"]);
    assert_eq!((replayed.status.code(), &json(&replayed)["digest"]), (Some(0), &without), "{}", stderr(&replayed));
}

#[test]
fn a_run_over_a_network_of_ones_own_replays_without_its_file() {
    let (_keep, dir) = folder();
    let (file, log) = (dir.join("mine.toml"), dir.join("run.mcap"));
    let way = "{ delay_ms = 20, jitter_ms = 5, bandwidth_mbps = 5 }";
    let loss = "{ good = 0.1, bad = 0.5, to_bad = 0.05, to_good = 0.2 }";
    let mine = format!(
        "source = 'a guess'\n[[network]]\nname = 'mine'\nlabel = 'mine'\nout = {way}\nback = {way}\nloss = {loss}\n"
    );
    std::fs::write(&file, mine).expect("written");
    let args = ["run", "slalom", "--model", "expert", "--latency", "service:20", "--network", text(&file), "--json"];
    let run = deadtime(&[&args[..], &["--log", text(&log)]].concat());
    let report = json(&run);
    assert!(report["lost"].as_u64() > Some(10), "{report}");
    std::fs::remove_file(&file).expect("removed");
    let replayed = deadtime(&["replay", text(&log), "--json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert_eq!(json(&replayed)["digest"], report["digest"]);
}

#[test]
fn latencies_from_elsewhere_drive_a_run() {
    let (_keep, dir) = folder();
    let (csv, trace) = (dir.join("field.csv"), dir.join("field.json"));
    std::fs::write(&csv, "frame,ms\n0,100\n1,100\n").expect("written");
    let import = deadtime(&["import", text(&csv), "--column", "ms", "--device", "a robot", "--out", text(&trace)]);
    assert_eq!(import.status.code(), Some(0), "{}", stderr(&import));
    let run = ["run", "braking", "--latency", &format!("replay:{}", trace.display()), "--json"];
    assert_eq!(json(&deadtime(&run))["latency_ms"]["max"], 100.0);
    let wrong = deadtime(&["import", text(&csv), "--column", "latency", "--out", text(&trace)]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("no column `latency`"), "{}", stderr(&wrong));
}

/// The program of MLServer: of the environment that is active, or of `MLSERVER`.
fn mlserver() -> Option<PathBuf> {
    let named = std::env::var_os("MLSERVER").map(PathBuf::from);
    let active = std::env::var_os("VIRTUAL_ENV").map(|venv| Path::new(&venv).join("bin/mlserver"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let anywhere = std::env::split_paths(&path).map(|folder| folder.join("mlserver")).collect::<Vec<_>>();
    named.into_iter().chain(active).chain(anywhere).find(|program| program.is_file())
}

#[test]
fn mlserver_drives_the_robot() {
    let Some(program) = mlserver() else {
        eprintln!(
            "SKIPPED: MLServer is not installed (pip install mlserver onnxruntime, or set MLSERVER to its program)"
        );
        return;
    };
    let (_keep, dir) = folder();
    let port = || TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let (http, grpc, metrics) = (port(), port(), port());
    let write =
        |name: &str, value: serde_json::Value| std::fs::write(dir.join(name), value.to_string()).expect("written");
    write(
        "settings.json",
        serde_json::json!({ "host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0 }),
    );
    let model = root().join("assets/models/pilot.onnx");
    let info = runtime::inspect(&model).expect("a model");
    let tensors = |specs: &[runtime::TensorSpec]| -> Vec<serde_json::Value> {
        let axes =
            |spec: &runtime::TensorSpec| spec.shape.iter().map(|n| n.map_or(-1, |n| n as i64)).collect::<Vec<_>>();
        specs.iter().map(|s| serde_json::json!({ "name": s.name, "datatype": "FP32", "shape": axes(s) })).collect()
    };
    write(
        "model-settings.json",
        serde_json::json!({
            "name": "pilot",
            "implementation": "onnx_model.OnnxModel",
            "inputs": tensors(&info.inputs),
            "outputs": tensors(&info.outputs),
            "parameters": { "uri": model },
        }),
    );
    let log = std::fs::File::create(dir.join("mlserver.log")).expect("a file");
    let process = Command::new(program)
        .args(["start", text(&dir)])
        .env("PYTHONPATH", root().join("tests/peers"))
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .expect("it starts");
    let server = Server { process, address: format!("grpc://127.0.0.1:{grpc}"), said: Vec::new() };
    let mut tries = 0;
    while deadtime(&["measure", "pilot", "--target", &server.address, "--count", "3"]).status.code() == Some(2) {
        let said = std::fs::read_to_string(dir.join("mlserver.log")).unwrap_or_default();
        tries += 1;
        assert!(tries < 200, "{said}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let (far, _) = run_replay_and_run_here(&server.address, &dir, "auto");
    let runtime = far["runtime"].as_str().expect("a name");
    assert!(runtime.contains("mlserver") && runtime.contains("residence not reported"), "{runtime}");
    assert_eq!((far["outcome"].as_str(), far["lost"].as_u64()), (Some("goal"), Some(0)), "{far}");
    assert_eq!(far["link_ms"]["max"], 0.0, "not known, so not told: {far}");
}

/// A network namespace, gone with the test: what listens in it on every address is reached by nobody else.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Self> {
        let name = format!("deadtime-{}", std::process::id());
        let ip = |args: &[&str]| Command::new("ip").args(args).output().is_ok_and(|output| output.status.success());
        if !ip(&["netns", "add", &name]) {
            return None;
        }
        let namespace = Self(name);
        ip(&["-n", &namespace.0, "link", "set", "lo", "up"]).then_some(namespace)
    }

    fn way(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.0]
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
fn kserve_drives_the_robot() {
    let Some(python) = std::env::var_os("KSERVE_PYTHON") else {
        eprintln!(
            "SKIPPED: no KServe (pip install kserve onnxruntime, and set KSERVE_PYTHON to that environment's python)"
        );
        return;
    };
    let Some(namespace) = Namespace::new() else {
        eprintln!(
            "SKIPPED: no network namespace can be made here (it takes root), and KServe listens on every address"
        );
        return;
    };
    let (_keep, dir) = folder();
    let log = std::fs::File::create(dir.join("kserve.log")).expect("a file");
    let [ip, rest @ ..] = namespace.way();
    let process = Command::new(ip)
        .args(rest)
        .arg(python)
        .arg(root().join("tests/peers/kserve_model.py"))
        .args(["--model", text(&root().join("assets/models/pilot.onnx")), "--grpc_port", "8081", "--http_port", "8080"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .expect("it starts");
    let server = Server { process, address: "grpc://127.0.0.1:8081".to_owned(), said: Vec::new() };
    let way = namespace.way();
    let mut tries = 0;
    while by(&way, &["measure", "pilot", "--target", &server.address, "--count", "3"]).status.code() == Some(2) {
        let said = std::fs::read_to_string(dir.join("kserve.log")).unwrap_or_default();
        tries += 1;
        assert!(tries < 200, "{said}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let (far, here) = run_within(&way, &server.address, &dir, "onnxruntime");
    let runtime = far["runtime"].as_str().expect("a name");
    assert!(runtime.contains("kserve") && runtime.contains("residence not reported"), "{runtime}");
    assert_eq!((far["outcome"].as_str(), far["lost"].as_u64()), (Some("goal"), Some(0)), "{far}");
    assert_eq!(far["link_ms"]["max"], 0.0, "not known, so not told: {far}");
    if far["digest"] != here {
        // Another build of ONNX Runtime rounds otherwise.
        eprintln!("the same network, by KServe and here: {} and {here}", far["digest"]);
    }
}

#[test]
fn a_model_that_tvm_compiled_drives_the_robot() {
    let Some(python) = std::env::var_os("TVM_PYTHON") else {
        eprintln!(
            "SKIPPED: no TVM (pip install -r training/requirements-tvm.txt, and set TVM_PYTHON to that environment's python)"
        );
        return;
    };
    let (_keep, dir) = folder();
    let script = |name: &str| {
        let mut command = Command::new(&python);
        command.arg(root().join("training").join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let model = root().join("assets/models/pilot.onnx");
    let compiled = script("tvm_compile.py").arg(model).args(["--out", text(&dir)]).output().expect("it starts");
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    let process = script("tvm_serve.py").arg(&dir).args(["--port", "0"]).stdout(Stdio::piped()).spawn();
    let mut server = Server { process: process.expect("it starts"), address: String::new(), said: Vec::new() };
    let mut lines = BufReader::new(server.process.stdout.take().expect("a pipe")).lines();
    let line = lines.next().expect("it serves").expect("text");
    line.rsplit(' ').next().expect("an address").clone_into(&mut server.address);
    let (far, _) = run_replay_and_run_here(&server.address, &dir, "auto");
    let runtime = far["runtime"].as_str().expect("a name");
    assert!(runtime.contains("on tvm ") && runtime.contains("residence reported"), "{runtime}");
    assert_eq!((far["outcome"].as_str(), far["lost"].as_u64()), (Some("goal"), Some(0)), "{far}");
    let both = format!("pilot,pilot@{}", server.address);
    let compare = ["compare", "lesson", "--models", &both, "--seeds", "2", "--samples", "40", "--json"];
    let compared = json(&deadtime(&compare));
    assert!(compared["models"][1]["runtime"].as_str().is_some_and(|runtime| runtime.contains("tvm")), "{compared}");
}
