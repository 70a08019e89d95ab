//! `deadtime labs`: guided experiments, on a terminal or checked.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use miette::{Result, miette};
use scenario::Lab;
use serde::Serialize;
use study::{Held, Settled};

use super::bar::Bar;
use super::{FAILED, NOTHING, UNTRUSTED, jobs, print_json};
use crate::answers::{self, Answer, Answers};
use crate::labs;
use crate::launch::RuntimeOptions;

/// Options of `labs`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Which, by name or number; without one all are listed
    pub lab: Option<String>,
    /// Your prediction, by its number; asked for on a terminal
    #[arg(long, value_name = "N", requires = "lab", conflicts_with = "check")]
    pub predict: Option<usize>,
    /// Run what settles each lab and check that it comes out as the lab says
    #[arg(long)]
    pub check: bool,
    /// Print one JSON object: the answers that were kept, or, with --check or --predict, what came out
    #[arg(long)]
    pub json: bool,
    /// The folder with the labs, one Markdown file each
    #[arg(long, value_name = "DIR")]
    pub labs: Option<PathBuf>,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
}

/// `deadtime labs`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let folder = labs::folder(args.labs.as_deref());
    let all = labs::all(&folder)?;
    if all.is_empty() {
        eprintln!("nothing selected: no lab in {} (a file NAME.md that begins with a line +++)", folder.display());
        return Ok(ExitCode::from(NOTHING));
    }
    let one = args.lab.as_ref().map(|name| labs::named(&all, name)).transpose()?;
    let chosen = one.map_or(&all[..], std::slice::from_ref);
    match one {
        _ if args.check => check(args, chosen),
        Some(lab) if args.predict.is_some() || !args.json => walk(args, lab),
        _ if args.json => print_answers(chosen),
        _ => list(&all),
    }
}

fn kept() -> Result<Answers> {
    answers::file().map_or_else(|| Ok(Answers::default()), |path| answers::read(&path))
}

fn list(all: &[Lab]) -> Result<ExitCode> {
    let answers = kept()?;
    for (i, lab) in all.iter().enumerate() {
        let given: Vec<&Answer> = answers.all.iter().filter(|answer| answer.lab == lab.name).collect();
        let state = match (given.len(), given.iter().any(|answer| answer.right)) {
            (0, _) => "not tried",
            (_, true) => "done",
            _ => "tried",
        };
        println!("{:3}  {:22} {state:9}  {}", i + 1, lab.name, lab.title);
    }
    println!("\n`deadtime labs NAME` asks for your prediction, runs what settles it, and says what to notice.");
    Ok(ExitCode::SUCCESS)
}

/// What `labs --json` prints of a lab.
#[derive(Serialize)]
struct OfLab<'a> {
    name: &'a str,
    title: &'a str,
    question: &'a str,
    choices: Vec<&'a str>,
    /// Oldest first.
    answers: Vec<&'a Answer>,
}

impl<'a> OfLab<'a> {
    fn new(lab: &'a Lab, answers: &'a Answers) -> Self {
        Self {
            name: &lab.name,
            title: &lab.title,
            question: &lab.question,
            choices: lab.choices.iter().map(|choice| choice.text.as_str()).collect(),
            answers: answers.all.iter().filter(|answer| answer.lab == lab.name).collect(),
        }
    }
}

/// What `labs --json` prints.
#[derive(Serialize)]
struct Given<'a> {
    version: &'static str,
    labs: Vec<OfLab<'a>>,
    /// To labs that are not in the folder.
    others: Vec<&'a Answer>,
    /// Lines of the file that are no answers.
    unread_lines: usize,
}

fn print_answers(chosen: &[Lab]) -> Result<ExitCode> {
    let answers = kept()?;
    print_json(&Given {
        version: env!("CARGO_PKG_VERSION"),
        labs: chosen.iter().map(|lab| OfLab::new(lab, &answers)).collect(),
        others: answers.all.iter().filter(|answer| chosen.iter().all(|lab| lab.name != answer.lab)).collect(),
        unread_lines: answers.unread,
    });
    Ok(ExitCode::SUCCESS)
}

fn settle(args: &Args, lab: &Lab) -> Result<Settled> {
    let never = AtomicBool::new(false);
    let settled = labs::settle(lab, &args.runtime.options(), jobs(args.jobs), &never, &Bar::default())?;
    settled.ok_or_else(|| miette!("it was stopped"))
}

fn exit(held: Held) -> ExitCode {
    match held {
        Held::Holds => ExitCode::SUCCESS,
        Held::Fails => ExitCode::from(FAILED),
        Held::Uncertified => ExitCode::from(UNTRUSTED),
    }
}

fn check(args: &Args, chosen: &[Lab]) -> Result<ExitCode> {
    let mut all = Vec::new();
    for lab in chosen {
        let settled = settle(args, lab)?;
        if !args.json {
            println!("{:14} {}", settled.held.to_string(), lab.name);
            if settled.held != Held::Holds {
                print!("{}", study::settled_text(&settled));
            }
        }
        all.push(settled);
    }
    let count = |held| all.iter().filter(|settled| settled.held == held).count();
    let [holds, fails, open] = [Held::Holds, Held::Fails, Held::Uncertified].map(count);
    if args.json {
        print_json(&all);
    } else {
        println!("{holds} hold, {fails} fail, {open} could not be certified here");
    }
    Ok(exit(all.iter().map(|settled| settled.held).max().unwrap_or(Held::Holds)))
}

/// From the question to what to notice.
fn walk(args: &Args, lab: &Lab) -> Result<ExitCode> {
    if let Some(n) = args.predict.filter(|n| !(1..=lab.choices.len()).contains(n)) {
        return Err(miette!("found --predict {n}; expected 1 to {}", lab.choices.len()));
    }
    if !args.json {
        print_question(lab);
    }
    let asked = || if args.json { None } else { ask(lab.choices.len()) };
    let choice = args.predict.or_else(asked).map(|n| n - 1);
    let settled = settle(args, lab)?;
    let answer = choice.map(|choice| Answer::new(lab, choice, &settled));
    if !args.json {
        println!("\n## What came out\n\n{}", study::settled_text(&settled));
        print_end(lab, choice);
    }
    match (&answer, answers::file()) {
        (Some(answer), Some(path)) => {
            answers::keep(&path, answer)?;
            eprintln!("your answer is kept in {}", path.display());
        }
        (Some(_), None) => eprintln!("your answer is not kept: neither XDG_DATA_HOME nor HOME names a folder"),
        (None, _) => eprintln!("no prediction was made (--predict N), so none is kept"),
    }
    if args.json {
        print_json(&answer);
    }
    Ok(exit(settled.held))
}

fn print_question(lab: &Lab) {
    println!("# {}\n\n{}\n", lab.title, lab.question);
    for section in lab.before() {
        if !section.title.is_empty() {
            println!("## {}\n", section.title);
        }
        println!("{}\n", section.text);
    }
    for (i, choice) in lab.choices.iter().enumerate() {
        println!("  {}  {}", i + 1, choice.text);
    }
}

fn print_end(lab: &Lab, choice: Option<usize>) {
    let right = lab.right();
    if let Some(choice) = choice {
        let word = if choice == right { "Your prediction came out" } else { "Your prediction did not come out" };
        println!("{word}: {}. {}", lab.choices[choice].text, lab.choices[choice].why);
    }
    if choice != Some(right) {
        println!("What comes out: {}. {}", lab.choices[right].text, lab.choices[right].why);
    }
    println!("\n## What to notice\n");
    for text in &lab.notice {
        println!("- {text}");
    }
    println!("\n## Go deeper\n\n{}", lab.deeper());
}

/// Asks for a number from 1 to `choices`; `None` where nobody can answer.
fn ask(choices: usize) -> Option<usize> {
    let (stdin, mut stdout) = (std::io::stdin(), std::io::stdout());
    if !stdin.is_terminal() || !stdout.is_terminal() {
        return None;
    }
    loop {
        print!("\nYour prediction (1 to {choices}): ");
        stdout.flush().ok()?;
        let mut line = String::new();
        if stdin.lock().read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().parse() {
            Ok(n) if (1..=choices).contains(&n) => return Some(n),
            _ => println!("found `{}`; expected a number from 1 to {choices}", line.trim()),
        }
    }
}
