//! Plans of sweeps: which fields take which values, over which seeds.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

use crate::latency::words;
use crate::read::{SourceText, from_toml, read_text};
use crate::vary::number;
use crate::{Scenario, ScenarioError, Seeds};

/// More is a typing mistake.
const MOST_CELLS: usize = 1_000_000;
/// Up to here every combination is checked before anything is run; beyond, each value by itself.
const ALL_CHECKED: usize = 2_000;

/// A sweep: `scenarios/sweeps/NAME.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// What it is to find out
    pub title: String,
    /// The scenario that is varied, by the name of one that ships or by path
    pub scenario: String,
    /// The same for every cell: a number of seeds, a range "A..B", or a list "3,5,9"
    #[serde(with = "words")]
    #[schemars(with = "String")]
    pub seeds: Seeds,
    /// What is varied; the last one varies fastest
    #[serde(rename = "axis")]
    pub axes: Vec<Axis>,
    #[serde(skip)]
    source: SourceText,
}

/// One thing that is varied: a list of `values`, or `steps` numbers evenly from `from` to `to`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// A path in the scenario (`robot.cruise`, `box[1].x`), several joined by "+", or one of speed, latency, model, runtime,
    /// schedule, compensation, cruise, pilot, deadline
    pub field: String,
    /// Its column in the result; the field if absent
    pub name: Option<String>,
    /// Numbers, words or truth values
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub values: Vec<Value>,
    /// The first of evenly spaced numbers
    pub from: Option<f64>,
    /// The last of them
    pub to: Option<f64>,
    /// How many, both ends included
    pub steps: Option<usize>,
}

/// Reads the plan of a sweep.
pub fn load_sweep(path: &Path) -> Result<SweepPlan, ScenarioError> {
    parse_sweep(&read_text(path)?, &path.display().to_string())
}

/// The same for a text; `name` stands for the file in messages.
pub fn parse_sweep(text: &str, name: &str) -> Result<SweepPlan, ScenarioError> {
    let mut plan: SweepPlan = from_toml(text, name, |_| None)?;
    plan.source = SourceText::new(name, text);
    let mut names = BTreeSet::new();
    for i in 0..plan.axes.len() {
        plan.expand(i)?;
        if !names.insert(plan.axes[i].column().to_owned()) {
            let message = format!("found the column `{}` twice", plan.axes[i].column());
            return Err(plan.error(i, None, &message, "give one of the axes another `name`"));
        }
    }
    if plan.axes.is_empty() {
        let help = "add [[axis]] with `field` and `values`".to_owned();
        return Err(plan.source.error("title", "nothing is varied".to_owned(), help));
    }
    Ok(plan)
}

/// The plan that `--grid FIELD=VALUES` options stand for. Values are separated by commas; `A..B:N` is N numbers evenly
/// from A to B.
pub fn sweep_of(scenario: &str, grids: &[String], seeds: &Seeds) -> Result<SweepPlan, ScenarioError> {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let mut text =
        format!("title = \"sweep\"\nscenario = {}\nseeds = {}\n", quoted(scenario), quoted(&seeds.to_string()));
    for grid in grids {
        let Some((field, values)) = grid.split_once('=') else {
            let help = "expected FIELD=VALUE,VALUE... or FIELD=A..B:N, such as speed=1.5,2 or latency=0..200:21";
            return Err(ScenarioError::file("--grid", format!("found `{grid}`"), help.into()));
        };
        text.extend(["[[axis]]\nfield = ", &quoted(field.trim()), "\n"]);
        text.push_str(&range(values).unwrap_or_else(|| {
            let value = |word: &str| {
                let plain = word.parse::<f64>().is_ok() || ["true", "false"].contains(&word);
                if plain && word.parse::<Value>().is_ok() { word.to_owned() } else { quoted(word) }
            };
            let values: Vec<String> = values.split(',').map(|word| value(word.trim())).collect();
            format!("values = [{}]\n", values.join(", "))
        }));
    }
    parse_sweep(&text, "--grid")
}

/// `A..B:N` as keys of an axis.
fn range(text: &str) -> Option<String> {
    let (ends, steps) = text.split_once(':')?;
    let (from, to) = ends.split_once("..")?;
    let number = |word: &str| word.trim().parse::<f64>().ok();
    let steps: usize = steps.trim().parse().ok()?;
    Some(format!("from = {:?}\nto = {:?}\nsteps = {steps}\n", number(from)?, number(to)?))
}

/// The JSON Schema of plans, for editors; it is shipped as `scenarios/sweeps/sweep.schema.json`.
pub fn sweep_schema() -> serde_json::Value {
    schemars::schema_for!(SweepPlan).into()
}

impl Axis {
    /// Its column in the result.
    pub fn column(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.field)
    }

    /// Whether all values are numbers.
    pub fn numeric(&self) -> bool {
        self.values.iter().all(|value| number(value).is_some())
    }

    /// A value as a column holds it.
    pub fn text(&self, value: usize) -> String {
        match (&self.values[value], number(&self.values[value])) {
            (_, Some(number)) => number.to_string(),
            (Value::String(text), _) => text.clone(),
            (other, _) => other.to_string(),
        }
    }
}

impl SweepPlan {
    /// Evenly spaced numbers become values.
    fn expand(&mut self, i: usize) -> Result<(), ScenarioError> {
        let axis = &self.axes[i];
        let even = match (axis.values.is_empty(), axis.from, axis.to, axis.steps) {
            (false, None, None, None) => axis.values.clone(),
            (true, Some(from), Some(to), Some(steps @ 2..=MOST_CELLS)) if from.is_finite() && to.is_finite() => {
                let at = |k: usize| from + (to - from) * k as f64 / (steps - 1) as f64;
                // Free of the last bits of a division, which nobody typed.
                (0..steps).map(|k| Value::Float((at(k) * 1e9).round() / 1e9)).collect()
            }
            _ => {
                let message = format!("the axis `{}` has no clear values", axis.field);
                return Err(self.error(i, None, &message, "give `values`, or `from`, `to` and `steps` (2 or more)"));
            }
        };
        self.axes[i].values = even;
        let axis = &self.axes[i];
        let texts: Vec<String> = (0..axis.values.len()).map(|v| axis.text(v)).collect();
        match (1..texts.len()).find(|&v| texts[..v].contains(&texts[v])) {
            Some(v) => Err(self.error(i, Some(v), &format!("found the value {} twice", texts[v]), "leave one out")),
            None => Ok(()),
        }
    }

    /// An error about an axis, or one of its values.
    pub fn error(&self, axis: usize, value: Option<usize>, message: &str, help: &str) -> ScenarioError {
        let path = match value {
            Some(value) if self.axes[axis].from.is_none() => format!("axis[{}].values[{}]", axis + 1, value + 1),
            _ => format!("axis[{}].field", axis + 1),
        };
        self.source.error(&path, message.to_owned(), help.to_owned())
    }

    /// An error about the scenario it names.
    pub fn scenario_error(&self, message: &str, help: &str) -> ScenarioError {
        self.source.error("scenario", message.to_owned(), help.to_owned())
    }
}

/// A plan and the scenario it varies: every combination is a cell.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The plan.
    pub plan: SweepPlan,
    /// What is varied.
    pub base: Scenario,
}

impl Grid {
    /// Checks that every value can be set. With many cells, each value is checked in combination with the first of the others.
    pub fn new(plan: SweepPlan, base: Scenario) -> Result<Self, ScenarioError> {
        let cells = plan.axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.values.len()));
        if cells.is_none_or(|n| n > MOST_CELLS) {
            let message = format!("found more than {MOST_CELLS} combinations");
            return Err(plan.error(0, None, &message, "give fewer values"));
        }
        let grid = Self { plan, base };
        for (axis, value) in grid.each() {
            let error = |e: ScenarioError| grid.plan.error(axis, Some(value), &strip(&e), e.help_line());
            grid.scenario(value * grid.stride(axis)).map_err(error)?;
        }
        if grid.cells() <= ALL_CHECKED {
            for cell in 0..grid.cells() {
                let error = |e: ScenarioError| {
                    let message = format!("{}: {}", grid.words(cell), strip(&e));
                    grid.plan.error(0, None, &message, e.help_line())
                };
                grid.scenario(cell).map_err(error)?;
            }
        }
        Ok(grid)
    }

    /// How many combinations there are.
    pub fn cells(&self) -> usize {
        self.plan.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Every value of every axis.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> {
        let values = |a: usize| self.plan.axes[a].values.len();
        (0..self.plan.axes.len()).flat_map(move |axis| (0..values(axis)).map(move |value| (axis, value)))
    }

    /// Cells in which every value of every axis appears, the others being the first of theirs.
    pub fn samples(&self) -> Vec<usize> {
        self.each().map(|(axis, value)| value * self.stride(axis)).collect()
    }

    /// Cells between two neighbouring values of an axis.
    fn stride(&self, axis: usize) -> usize {
        self.plan.axes[axis + 1..].iter().map(|axis| axis.values.len()).product()
    }

    /// Which value each axis has in a cell.
    pub fn values(&self, cell: usize) -> Vec<usize> {
        (0..self.plan.axes.len()).map(|a| cell / self.stride(a) % self.plan.axes[a].values.len()).collect()
    }

    /// The values of a cell as their columns hold them.
    pub fn texts(&self, cell: usize) -> Vec<String> {
        self.plan.axes.iter().zip(self.values(cell)).map(|(axis, value)| axis.text(value)).collect()
    }

    /// `speed = 2, latency = 100`.
    pub fn words(&self, cell: usize) -> String {
        let names = self.plan.axes.iter().map(Axis::column);
        names.zip(self.texts(cell)).map(|(name, text)| format!("{name} = {text}")).collect::<Vec<_>>().join(", ")
    }

    /// The scenario of a cell.
    pub fn scenario(&self, cell: usize) -> Result<Scenario, ScenarioError> {
        let values = self.values(cell);
        let mut changes: Vec<(&str, &Value)> = Vec::new();
        for (axis, value) in self.plan.axes.iter().zip(values) {
            let fields = axis.field.split('+').map(str::trim).filter(|field| *field != "runtime");
            changes.extend(fields.map(|field| (field, &axis.values[value])));
        }
        self.base.vary(changes)
    }

    /// The axis called `runtime`, if there is one: no field of a scenario, but who runs the network.
    pub fn runtime_axis(&self) -> Option<usize> {
        self.plan.axes.iter().position(|axis| axis.field == "runtime")
    }
}

/// What is wrong with a scenario that nobody wrote.
fn strip(error: &ScenarioError) -> String {
    format!("no valid scenario: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> Scenario {
        crate::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(name)).unwrap()
    }

    const PLAN: &str = "title = \"t\"\nscenario = \"braking\"\nseeds = \"3\"\n[[axis]]\nfield = \"speed\"\nvalues = [1, 1.5]\n\
                        [[axis]]\nfield = \"latency\"\nfrom = 0\nto = 0.3\nsteps = 4\n";

    #[test]
    fn the_last_axis_varies_fastest() {
        let grid = Grid::new(parse_sweep(PLAN, "p.toml").unwrap(), shipped("braking.toml")).unwrap();
        let texts: Vec<String> = (0..grid.cells()).map(|cell| grid.texts(cell).join(" ")).collect();
        assert_eq!(texts, ["1 0", "1 0.1", "1 0.2", "1 0.3", "1.5 0", "1.5 0.1", "1.5 0.2", "1.5 0.3"]);
        let scenario = grid.scenario(6).unwrap();
        assert_eq!((scenario.robot.cruise, scenario.latency.source.to_string()), (Some(1.5), "fixed:0.2".into()));
        assert_eq!(grid.words(6), "speed = 1.5, latency = 0.2");
    }

    #[test]
    fn the_command_line_writes_the_same_plan() {
        let grids = ["speed=1,1.5".to_owned(), "latency = 0..0.3:4".to_owned(), "model=expert,pilot".to_owned()];
        let plan = sweep_of("braking", &grids, &"3".parse().unwrap()).unwrap();
        let written = parse_sweep(PLAN, "p.toml").unwrap();
        assert_eq!(plan.axes[..2], written.axes);
        assert_eq!(plan.axes[2].values, [Value::String("expert".into()), Value::String("pilot".into())]);
        let error = |grid: &str| sweep_of("braking", &[grid.to_owned()], &"1".parse().unwrap()).unwrap_err();
        assert!(error("speed").help_line().contains("latency=0..200:21"));
        assert!(error("speed=2,2").message().contains("the value 2 twice"));
    }

    #[test]
    fn mistakes_show_their_place() {
        let error = |text: &str| {
            let plan = parse_sweep(text, "p.toml");
            plan.and_then(|plan| Grid::new(plan, shipped("braking.toml"))).unwrap_err()
        };
        for (from, to, place, message) in [
            ("values = [1, 1.5]", "values = [1, 99]", (6, 14), "`robot.max_speed` is 99"),
            ("values = [1, 1.5]", "values = [1, 1.0]", (6, 14), "the value 1 twice"),
            ("values = [1, 1.5]", "values = []", (5, 9), "no clear values"),
            ("values = [1, 1.5]", "values = [1]\nfrom = 2", (5, 9), "no clear values"),
            ("\"speed\"", "\"robot.sped\"", (6, 11), "unknown key `sped`"),
            ("\"speed\"", "\"latency\"", (8, 9), "`latency` twice"),
            ("steps = 4", "steps = 1", (8, 9), "no clear values"),
            ("seeds = \"3\"", "seeds = \"0\"", (3, 9), "which are none"),
            ("title = \"t\"", "titel = \"t\"", (1, 1), "unknown key `titel`"),
        ] {
            let said = error(&PLAN.replace(from, to));
            assert!(said.message().contains(message), "{to}: {said}");
            assert_eq!(said.place(), Some(place), "{to}: {said}");
            assert!(!said.help_line().is_empty());
        }
        let none = "title = \"t\"\nscenario = \"braking\"\nseeds = \"3\"\naxis = []\n";
        assert_eq!(error(none).message(), "nothing is varied");
    }

    #[test]
    fn the_plans_that_ship_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/sweeps");
        let plans = crate::find_scenarios([&folder]);
        assert!(!plans.is_empty());
        for path in plans {
            let plan = load_sweep(&path).unwrap();
            let base = shipped(&format!("{}.toml", plan.scenario));
            Grid::new(plan, base).unwrap();
        }
        let kept = std::fs::read_to_string(folder.join("sweep.schema.json")).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert!(kept == sweep_schema(), "renew it: deadtime schema sweep > scenarios/sweeps/sweep.schema.json");
    }
}
