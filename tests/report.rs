//! `deadtime report`: logs and results as one page, looked at by a browser where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{deadtime, folder, text};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A log of a run by a pilot that needs no network.
fn log(scenario: &str, latency: &str, path: &Path) {
    let model = if scenario == "braking" { "brake_on_sight" } else { "expert" };
    let args = ["run", scenario, "--model", model, "--latency", latency, "--log", text(path), "--json"];
    let output = deadtime(&args);
    assert!(path.exists(), "{}", stderr(&output));
}

/// A folder with three logs, one of them cut off, and results.
fn results(dir: &Path) {
    std::fs::create_dir_all(dir.join("study")).expect("a folder");
    log("braking", "fixed:200", &dir.join("hits.mcap"));
    log("lesson", "fixed:60", &dir.join("<b>drives.mcap"));
    let whole = std::fs::read(dir.join("hits.mcap")).expect("a log");
    std::fs::write(dir.join("cut.mcap"), &whole[..whole.len() * 2 / 3]).expect("written");
    std::fs::write(dir.join("broken.mcap"), "no log").expect("written");
    std::fs::write(dir.join("study/a.json"), r#"{"findings": ["It follows."], "rows": [{"name": "<x>", "n": 3}]}"#)
        .expect("written");
    std::fs::write(dir.join("study/plain.svg"), r#"<svg width="9" height="9"><rect width="9" height="9"/></svg>"#)
        .expect("written");
    let crafted = r#"<svg width="9" height="9" xmlns="http://www.w3.org/2000/svg"><script>document.title = "owned"</script></svg>"#;
    std::fs::write(dir.join("study/crafted.svg"), crafted).expect("written");
}

#[test]
fn one_page_says_what_was_run_and_on_what() {
    let (_keep, dir) = folder();
    results(&dir);
    let out = dir.join("report.html");
    let output = deadtime(&["report", text(&dir), "--out", text(&out)]);
    // One log is cut off and one is none: the page says so, and so does the exit code.
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let page = std::fs::read_to_string(&out).expect("written");
    for expected in [
        "Hit the wall at",
        "Reached the goal after",
        "cut.mcap: the log was cut off",
        "broken.mcap: ",
        "&lt;b&gt;drives.mcap",
        "<li>It follows.</li>",
        "<td>&lt;x&gt;</td>",
        "data:image/svg+xml,",
        "every tick&#39;s digest equal when run again",
        "SHA-256",
        "latency fixed:200: a setting",
    ] {
        let expected = expected.replace("&#39;", "'");
        assert!(page.contains(&expected), "`{expected}` is missing");
    }
    // The hardest collision comes first.
    assert!(page.find("id=\"run-0\"").expect("a run") < page.find("id=\"run-2\"").expect("three runs"));
    assert!(
        !page.contains("<script>document.title") && !page.contains(text(&dir)),
        "nothing breaks out, and no path is told"
    );
    for word in ["http://", "https://", "url(", "@import", "<link", "src=\"//"] {
        let from: Vec<&str> = page.split(word).skip(1).map(|rest| &rest[..rest.len().min(24)]).collect();
        assert!(from.iter().all(|rest| rest.starts_with("www.w3.org/2000/svg")), "{word} {from:?}");
    }
}

#[test]
fn a_log_by_name_is_enough_and_mistakes_are_explained() {
    let (_keep, dir) = folder();
    let (run, out) = (dir.join("run.mcap"), dir.join("page.html"));
    log("braking", "fixed:100", &run);
    let output = deadtime(&["report", text(&run), "--out", text(&out)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(std::fs::read_to_string(&out).expect("written").contains("<h1>braking, seed 0: goal</h1>"));
    std::fs::write(dir.join("bad.mcap"), "no log").expect("written");
    let empty = dir.join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    for (what, code, expected) in [
        (dir.join("bad.mcap"), 2, "bad.mcap"),
        (dir.join("missing.mcap"), 2, "missing.mcap"),
        (empty, 4, "found no log and no results"),
    ] {
        let output = deadtime(&["report", text(&what), "--out", text(&out)]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected) && !stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}

/// Chromium by any of its names.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success()))
}

/// A page around the report, as wide as a phone: it waits, looks into it, scrubs, and writes down what it found.
const LOOK: &str = r#"<!doctype html><title>looking</title><link rel="icon" href="data:,">
<iframe src="report.html" width="390" height="844" style="border:0"></iframe><script>
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = document.querySelector("iframe");
frame.onload = async () => {
  const found = {};
  try {
    const page = frame.contentDocument, root = page.querySelector(".replay");
    const canvas = root.querySelector("canvas"), range = root.querySelector("input"), button = root.querySelector("button");
    const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const differ = (a, b) => { let n = 0; for (let i = 0; i < a.length; i += 4) n += a[i] !== b[i] || a[i + 1] !== b[i + 1]; return n; };
    await wait(300);
    const before = pixels();
    found.colours = new Set(new Uint32Array(before.buffer)).size;
    const age = () => root.querySelector("[data-is=age]").textContent;
    found.ageAtFirst = age();
    range.value = range.max / 3;
    range.dispatchEvent(new frame.contentWindow.Event("input"));
    found.scrubbed = differ(before, pixels());
    found.ageThen = age();
    const key = (name) => canvas.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", { key: name, bubbles: true }));
    const then = range.value;
    key("ArrowRight");
    found.stepped = range.value - then;
    key("Home");
    found.home = range.value - range.min;
    key("End");
    found.end = range.max - range.value;
    key("Home");
    button.click();
    found.pause = button.textContent;
    for (let i = 0; i < 50 && range.value - range.min < 0.15; i++) await wait(50);
    found.played = range.value - range.min;
    button.click();
    found.play = button.textContent;
    found.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
    found.requests = frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name);
    found.title = page.title;
    found.runs = page.querySelectorAll("canvas").length;
  } catch (error) { found.error = String(error); }
  await fetch("found", { method: "POST", body: JSON.stringify(found) });
};
</script>"#;

/// Serves a folder's files until somebody posts what was found. `None` when nobody does within a minute.
fn found(listener: &TcpListener, dir: &Path) -> Option<String> {
    listener.set_nonblocking(true).ok()?;
    for _ in 0..6000 {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        if let Some(posted) = answer(stream, dir) {
            return Some(posted);
        }
    }
    None
}

/// One request; what was posted, if it was that.
fn answer(mut stream: TcpStream, dir: &Path) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request).ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        if let Some(("content-length", value)) = line.to_lowercase().split_once(": ") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next()?, words.next()?);
    let mut posted = vec![0; length];
    reader.read_exact(&mut posted).ok()?;
    let body = std::fs::read(dir.join(path.trim_start_matches('/'))).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()?;
    (method == "POST").then(|| String::from_utf8_lossy(&posted).into_owned())
}

#[test]
fn a_browser_shows_it_without_an_error() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no Chromium here (`apt install chromium`), so nobody looks at the report");
        return;
    };
    let (_keep, dir) = folder();
    results(&dir);
    let out = dir.join("report.html");
    deadtime(&["report", text(&dir), "--out", text(&out)]);
    std::fs::write(dir.join("look.html"), LOOK).expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let said = dir.join("said.txt");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("http://127.0.0.1:{port}/look.html"))
        .stderr(std::fs::File::create(&said).expect("a file"))
        .spawn()
        .expect("the browser starts");
    let found = found(&listener, &dir);
    child.kill().expect("it ends");
    child.wait().expect("it has ended");
    let said = std::fs::read_to_string(&said).expect("what it said");
    let found: serde_json::Value =
        found.and_then(|found| serde_json::from_str(&found).ok()).unwrap_or_else(|| panic!("nothing found: {said}"));
    // That we read the canvas is no fault of the page.
    let console: Vec<&str> =
        said.lines().filter(|line| line.contains("CONSOLE") && !line.contains("willReadFrequently")).collect();
    assert!(console.is_empty(), "{console:#?}");
    assert_eq!(found["error"], serde_json::Value::Null, "{found}");
    let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
    assert!(number("colours") > 5.0, "an empty canvas: {found}");
    assert!(
        number("scrubbed") > 200.0 && found["ageAtFirst"] != found["ageThen"],
        "scrubbing changes nothing: {found}"
    );
    assert!((number("stepped") - 1.0 / 60.0).abs() < 0.002, "{found}");
    assert!(number("home").abs() < 1e-3 && number("end").abs() < 1e-3, "{found}");
    assert!(number("played") > 0.1 && found["pause"] == "Pause" && found["play"] == "Play", "{found}");
    assert!(number("overflow") <= 0.0, "wider than a phone: {found}");
    assert_eq!(found["requests"], serde_json::json!([]), "it loads something");
    assert_eq!(found["runs"], 3);
    assert_ne!(found["title"], "owned");
}
