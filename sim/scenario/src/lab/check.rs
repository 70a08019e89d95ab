//! What a lab must be, besides well-formed.

use std::collections::BTreeSet;

use super::{Condition, DEEPER, Lab, Run};
use crate::error::{did_you_mean, nearest};
use crate::{Bounds, Latency, ScenarioError};

type Checked = Result<(), ScenarioError>;

const RUNTIMES: [&str; 5] = ["auto", "tensorrt", "cuda", "onnxruntime", "rten"];

impl Lab {
    pub(super) fn check(&self) -> Checked {
        for (path, text) in [("title", &self.title), ("question", &self.question)] {
            self.filled(path, text)?;
        }
        self.check_choices()?;
        if self.runs.is_empty() || self.checks.is_empty() || self.notice.is_empty() {
            let (path, help) = match (self.runs.is_empty(), self.checks.is_empty()) {
                (true, _) => ("run", "add [[run]] with `name`, `scenario` and `seeds`"),
                (_, true) => ("check", "add [[check]] with `what`, `run`, `metric` and bounds"),
                _ => ("notice", "say what to notice: notice = [\"...\"]"),
            };
            return Err(self.error(path, &format!("`{path}` is empty"), help));
        }
        let mut names = BTreeSet::new();
        for (i, run) in self.runs.iter().enumerate() {
            self.check_run(&format!("run[{}]", i + 1), run, &mut names)?;
        }
        for (i, condition) in self.checks.iter().enumerate() {
            self.check_condition(&format!("check[{}]", i + 1), condition)?;
        }
        for (i, text) in self.notice.iter().enumerate() {
            self.filled(&format!("notice[{}]", i + 1), text)?;
        }
        if self.deeper().is_empty() {
            let help = format!("add a heading `## {DEEPER}` below the second `+++`, and what to try next");
            return Err(self.error("title", &format!("there is no section `{DEEPER}`"), &help));
        }
        Ok(())
    }

    fn filled(&self, path: &str, text: &str) -> Checked {
        if text.trim().is_empty() {
            return Err(self.error(path, &format!("`{path}` is empty"), "say it in words"));
        }
        Ok(())
    }

    fn check_choices(&self) -> Checked {
        if !(2..=9).contains(&self.choices.len()) {
            let message = format!("found {} choices, expected 2 to 9", self.choices.len());
            return Err(self.error("choice", &message, "add [[choice]] with `text` for each thing one may think"));
        }
        for (i, choice) in self.choices.iter().enumerate() {
            let path = format!("choice[{}].text", i + 1);
            self.filled(&path, &choice.text)?;
            if self.choices[..i].iter().any(|other| other.text == choice.text) {
                return Err(self.error(&path, "this choice stands twice", "leave one out, or make them differ"));
            }
        }
        let right: Vec<usize> = (0..self.choices.len()).filter(|&i| self.choices[i].right).collect();
        match right[..] {
            [_] => Ok(()),
            [] => Err(self.error("choice", "no choice is right", "add right = true to the one that comes out")),
            [_, second, ..] => {
                let path = format!("choice[{}].right", second + 1);
                Err(self.error(&path, "a second choice is right", "only one comes out: remove right = true"))
            }
        }
    }

    fn check_run<'a>(&'a self, at: &str, run: &'a Run, names: &mut BTreeSet<&'a str>) -> Checked {
        let path = |key: &str| format!("{at}.{key}");
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if run.name.is_empty() || !run.name.chars().all(plain) {
            let message = format!("found the name `{}`", run.name);
            return Err(self.error(&path("name"), &message, "one word of letters, digits, - and _, such as late"));
        }
        if !names.insert(&run.name) {
            let message = format!("found two runs called `{}`", run.name);
            return Err(self.error(&path("name"), &message, "give one of them another name"));
        }
        self.filled(&path("scenario"), &run.scenario)?;
        if run.seeds.all().len() > 1000 {
            let message = format!("found {} seeds", run.seeds.all().len());
            return Err(self.error(&path("seeds"), &message, "a lab that is walked takes 1000 at most"));
        }
        if let Some(runtime) = run.runtime.as_deref().filter(|runtime| !RUNTIMES.contains(runtime)) {
            let guess = did_you_mean(nearest(runtime, RUNTIMES));
            let help = format!("{guess}expected one of {}", RUNTIMES.join(", "));
            return Err(self.error(&path("runtime"), &format!("unknown value `{runtime}`"), &help));
        }
        let without = ["expert", "brake_on_sight", "straight"];
        if run.latency == Some(Latency::Measured) && run.model.as_deref().is_none_or(|model| without.contains(&model)) {
            let help = "add model = \"pilot\", or give a latency that is set: \"fixed:100\"";
            return Err(self.error(&path("latency"), "a measured run names the network that is measured", help));
        }
        if run.optimisation.is_some() && run.runtime.as_deref() != Some("onnxruntime") {
            let help = "add runtime = \"onnxruntime\"";
            return Err(self.error(&path("optimisation"), "only ONNX Runtime can be told how far to optimise", help));
        }
        Ok(())
    }

    fn check_condition(&self, at: &str, condition: &Condition) -> Checked {
        let path = |key: &str| format!("{at}.{key}");
        self.filled(&path("what"), &condition.what)?;
        self.known_run(&path("run"), &condition.run)?;
        if let Some(than) = &condition.than {
            self.known_run(&path("than"), than)?;
            if *than == condition.run {
                return Err(self.error(&path("than"), "this compares a run with itself", "name another run"));
            }
        }
        if condition.metric.of_all_seeds() && condition.over != super::Over::Median {
            let message = format!("`{}` is one number for all seeds", condition.metric);
            return Err(self.error(&path("over"), &message, "remove `over`"));
        }
        let own = (condition.min, condition.max) != (None, None);
        let (key, bounds) = match (own, &condition.ratio, &condition.difference, &condition.than) {
            (true, None, None, None) => return self.ordered(at, condition.bounds()),
            (false, Some(ratio), None, Some(_)) => ("ratio", *ratio),
            (false, None, Some(difference), Some(_)) => ("difference", *difference),
            _ => {
                let help = "give `min`, `max` or both; or `than` with one of `ratio` and `difference`, such as \
                            ratio = { min = 1.2 }";
                return Err(self.error(at, "it is unclear what must hold", help));
            }
        };
        if bounds == Bounds::default() {
            return Err(self.error(&path(key), "these bounds allow anything", "give `min`, `max` or both"));
        }
        self.ordered(&path(key), bounds)
    }

    fn known_run(&self, path: &str, name: &str) -> Checked {
        if self.run(name).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = self.runs.iter().map(|run| run.name.as_str()).collect();
        let guess = did_you_mean(nearest(name, names.iter().copied()));
        let help = format!("{guess}runs here: {}", names.join(", "));
        Err(self.error(path, &format!("there is no run `{name}`"), &help))
    }

    fn ordered(&self, path: &str, bounds: Bounds) -> Checked {
        let finite = |bound: Option<f64>| bound.is_none_or(f64::is_finite);
        if !finite(bounds.min) || !finite(bounds.max) {
            return Err(self.error(path, "a bound is no number", "give a finite number"));
        }
        if bounds.min.zip(bounds.max).is_some_and(|(min, max)| min > max) {
            return Err(self.error(path, "`min` is greater than `max`", "exchange the two"));
        }
        Ok(())
    }
}

impl Condition {
    /// What its number must lie in: that of the run, the ratio, or the difference.
    pub fn bounds(&self) -> Bounds {
        self.ratio.or(self.difference).unwrap_or(Bounds { min: self.min, max: self.max })
    }
}
