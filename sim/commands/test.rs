//! `deadtime test`: scenarios as tests.
#![allow(clippy::disallowed_methods, reason = "it tells how long each scenario took")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use episode::Summary;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use runtime::Requested;
use scenario::{Check, Latency};
use study::Proved;

use super::doctor::processor;
use super::run::{facts, go};
use super::{FAILED, NOTHING, UNTRUSTED, jobs};
use crate::launch::{Overrides, RemoteOptions, RuntimeOptions, engine, in_words, launch, report};

/// Options of `test`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Scenario files, or folders that hold some
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Write JUnit XML to this file
    #[arg(long, value_name = "F")]
    pub junit: Option<PathBuf>,
    /// Only list what would run
    #[arg(long)]
    pub list: bool,
    /// Scenarios that run side by side; one a core by default. Those with measured latency always run alone
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Allow scenarios whose latency is measured, which are refused else: their verdict is that of this machine. For a success
    /// rate it is measured once, alone, before the seeds are driven
    #[arg(long)]
    pub measure: bool,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    #[command(flatten)]
    pub remote: RemoteOptions,
}

/// Why a scenario with measured latency is not run unless that is asked for.
const MEASURED: &str = "not run: its latency is measured, so the verdict would be that of this machine. Expected a latency that is the \
                        same everywhere: [latency] source = \"replay:FILE\" (from `deadtime measure MODEL --out FILE`), \"profile:NAME\" \
                        or \"fixed:MS\"; or `--measure`, which times the network here, alone";

/// How one scenario did.
enum Verdict {
    Passed,
    Failed(Vec<Check>),
    Untrusted(Vec<String>),
    Broken(String),
}

struct Case {
    path: PathBuf,
    verdict: Verdict,
    summary: Option<Summary>,
    /// What many runs came to, where they were asked for and did not fail.
    proved: Vec<Check>,
    episodes: usize,
    seconds: f64,
}

/// `deadtime test`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let paths = scenario::find_scenarios(&args.paths);
    if args.list {
        for path in &paths {
            println!("{}", path.display());
        }
        return Ok(if paths.is_empty() { ExitCode::from(NOTHING) } else { ExitCode::SUCCESS });
    }
    if paths.is_empty() {
        eprintln!("nothing selected: no *.toml under the given paths");
        return Ok(ExitCode::from(NOTHING));
    }
    let jobs = jobs(args.jobs);
    let cases = run_all(&paths, jobs, args);
    for case in &cases {
        report_line(case);
    }
    if let Some(path) = &args.junit {
        write_junit(path, &cases)?;
    }
    let count = |wanted: fn(&Verdict) -> bool| cases.iter().filter(|case| wanted(&case.verdict)).count();
    let failed = count(|v| matches!(v, Verdict::Failed(_)));
    let broken = count(|v| matches!(v, Verdict::Broken(_)));
    let untrusted = count(|v| matches!(v, Verdict::Untrusted(_)));
    println!(
        "{} passed, {failed} failed, {untrusted} not to be trusted, {broken} invalid",
        count(|v| matches!(v, Verdict::Passed))
    );
    Ok(ExitCode::from(match (broken, failed, untrusted) {
        (1.., ..) => super::USAGE,
        (_, 1.., _) => FAILED,
        (.., 1..) => UNTRUSTED,
        _ => 0,
    }))
}

/// All cases in the order of `paths`: side by side, but measured ones one at a time and after the others, so that
/// nothing loads the cores while a latency is measured; and so those that run side by side with themselves.
fn run_all(paths: &[PathBuf], jobs: usize, args: &Args) -> Vec<Case> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(paths.len() as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    let cases: Mutex<Vec<(usize, Case)>> = Mutex::new(Vec::new());
    let (alone, together): (Vec<usize>, Vec<usize>) = (0..paths.len()).partition(|&i| goes_alone(&paths[i]));
    let work = |i: usize| {
        bar.set_message(paths[i].display().to_string());
        let case = run_one(&paths[i], jobs, args, &bar);
        bar.inc(1);
        cases.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((i, case));
    };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(together.len()) {
            scope.spawn(|| {
                while let Some(&i) = together.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(i);
                }
            });
        }
    });
    alone.into_iter().for_each(work);
    bar.finish_and_clear();
    let mut cases = cases.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    cases.sort_by_key(|(i, _)| *i);
    cases.into_iter().map(|(_, case)| case).collect()
}

fn goes_alone(path: &Path) -> bool {
    scenario::load(path)
        .and_then(|scenario| scenario.setup(scenario.seed))
        .is_ok_and(|setup| setup.latency == Latency::Measured || setup.expect.asks_many_runs())
}

fn run_one(path: &Path, jobs: usize, args: &Args, bar: &ProgressBar) -> Case {
    let began = Instant::now();
    let attempt = || -> Result<Option<(Summary, Vec<Check>, Proved)>> {
        let scenario = scenario::load(path)?;
        let setup = Overrides::default().setup(&scenario, scenario.seed)?;
        if setup.latency == Latency::Measured && !args.measure {
            return Ok(None);
        }
        let expect = setup.expect.clone();
        let batch = episode::batch_size(setup.line.schedule);
        let mut launched = launch(setup, |model| args.remote.worker(model, &args.runtime, batch))?;
        let mut summary = go(&mut launched, true, &mut |_, _| {});
        let mut checks = expect.check(&facts(&summary));
        let mut proved = Proved::default();
        if expect.asks_many_runs() {
            // Its worker would share the cores.
            drop(launched);
            let options = args.runtime.options();
            let load = |model: &str| {
                let here = || engine(model, &options);
                args.remote.engine(model, 1).unwrap_or_else(here).map_err(|report| in_words(&report))
            };
            proved = study::prove(&scenario, jobs, &processor(), &load, &Steps::of(path, bar)).map_err(report)?;
            checks.extend(proved.checks.iter().cloned());
            summary.complaints.extend(proved.complaints.iter().cloned());
            summary.trusted = summary.complaints.is_empty();
        }
        Ok(Some((summary, checks, proved)))
    };
    let (verdict, summary, proved) = match attempt() {
        Err(error) => (Verdict::Broken(format!("{error:?}")), None, Proved::default()),
        Ok(None) => (Verdict::Untrusted(vec![MEASURED.to_owned()]), None, Proved::default()),
        Ok(Some((summary, _, proved))) if !summary.trusted => {
            (Verdict::Untrusted(summary.complaints.clone()), Some(summary), proved)
        }
        Ok(Some((summary, checks, proved))) => {
            let failed: Vec<Check> = checks.into_iter().filter(|check| !check.passed).collect();
            let verdict = if failed.is_empty() { Verdict::Passed } else { Verdict::Failed(failed) };
            (verdict, Some(summary), proved)
        }
    };
    let held = proved.checks.into_iter().filter(|check| check.passed).collect();
    let seconds = began.elapsed().as_secs_f64();
    Case { path: path.to_path_buf(), verdict, summary, proved: held, episodes: proved.episodes, seconds }
}

/// Many runs of one scenario, told beside the bar of all scenarios.
struct Steps<'a> {
    path: &'a Path,
    bar: &'a ProgressBar,
    what: Mutex<(String, usize, usize)>,
}

impl<'a> Steps<'a> {
    fn of(path: &'a Path, bar: &'a ProgressBar) -> Self {
        Self { path, bar, what: Mutex::default() }
    }

    fn tell(&self, change: impl FnOnce(&mut (String, usize, usize))) {
        let mut what = self.what.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut what);
        let (words, done, of) = &*what;
        self.bar.set_message(format!("{}: {words}, {done} of {of} episodes", self.path.display()));
    }
}

impl study::Progress for Steps<'_> {
    fn begin(&self, what: &str, steps: usize, alone: bool) {
        if alone {
            self.bar.set_message(format!("measuring {what} alone on the machine, about {steps} s"));
        } else {
            self.tell(|held| *held = (what.to_owned(), 0, steps));
        }
    }

    fn step(&self) {
        self.tell(|held| held.1 += 1);
    }

    fn end(&self) {}
}

fn details(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed(checks) => {
            checks.iter().map(|c| format!("{}: found {}, expected {}", c.name, c.found, c.expected)).collect()
        }
        Verdict::Untrusted(complaints) => complaints.clone(),
        Verdict::Broken(error) => vec![error.clone()],
    }
}

fn report_line(case: &Case) {
    let word = match case.verdict {
        Verdict::Passed => "ok       ",
        Verdict::Failed(_) => "FAILED   ",
        Verdict::Untrusted(_) => "UNTRUSTED",
        Verdict::Broken(_) => "INVALID  ",
    };
    let outcome =
        case.summary.as_ref().map(|s| format!("{} after {:.2} s", s.outcome, s.sim_seconds)).unwrap_or_default();
    println!("{word} {} {outcome}", case.path.display());
    for check in &case.proved {
        println!("    {}: found {}, expected {}", check.name, check.found, check.expected);
    }
    if case.episodes > 0 {
        println!("    {} episodes more, {:.1} s in all", case.episodes, case.seconds);
    }
    for line in details(&case.verdict) {
        println!("    {line}");
    }
    if let Some(story) =
        case.summary.as_ref().and_then(|s| s.story.as_ref()).filter(|_| !matches!(case.verdict, Verdict::Passed))
    {
        println!("    {}", story.sentence());
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some() && !matches!(case.verdict, Verdict::Passed) {
        // Newlines in a workflow command are written %0A.
        let text = details(&case.verdict).join("\n").replace('%', "%25").replace('\n', "%0A");
        println!("::error file={}::{text}", case.path.display());
    }
}

fn write_junit(path: &Path, cases: &[Case]) -> Result<()> {
    let mut suite = TestSuite::new("scenarios");
    for case in cases {
        let text = details(&case.verdict).join("\n");
        let mut status = match case.verdict {
            Verdict::Passed => TestCaseStatus::success(),
            Verdict::Failed(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Verdict::Untrusted(_) | Verdict::Broken(_) => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if !text.is_empty() {
            status.set_message(text);
        }
        let mut test = TestCase::new(case.path.display().to_string(), status);
        if let Some(summary) = &case.summary {
            test.set_time(Duration::from_secs_f64(case.seconds));
            let mut out = serde_json::to_string_pretty(summary).into_diagnostic()?;
            for check in &case.proved {
                let _ = write!(out, "\n{}: found {}, expected {}", check.name, check.found, check.expected);
            }
            test.set_system_out(out);
        }
        suite.add_test_case(test);
    }
    let mut report = Report::new("deadtime");
    report.add_test_suite(suite);
    let xml = report.to_string().into_diagnostic()?;
    std::fs::write(path, xml).map_err(|e| miette!("cannot write {}: {e}", path.display()))
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            runtime: Requested::Auto,
            precision: runtime::Precision::default(),
            cuda_graph: false,
            dla: None,
            offline: false,
            optimisation: runtime::Optimisation::default(),
        }
    }
}
