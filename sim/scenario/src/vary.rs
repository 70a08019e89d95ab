//! A scenario with other values in some of its fields: what experiments vary.

use toml::{Table, Value};

use crate::error::{did_you_mean, nearest};
use crate::{Latency, Scenario, ScenarioError, parse};

/// Short names of what experiments vary most; `speed` stands for several fields.
const SHORT: [(&str, &str); 6] = [
    ("latency", "latency.source"),
    ("schedule", "latency.schedule"),
    ("deadline", "latency.deadline_ms"),
    ("compensation", "controller.compensation"),
    ("cruise", "robot.cruise"),
    ("pilot", "controller.pilot"),
];

impl Scenario {
    /// The same scenario with other values: each field is a dotted path (`robot.cruise`, `box[2].x`, items counted from 1), or
    /// a short name: `latency` (a number is a pure delay, milliseconds), `schedule`, `deadline`, `compensation`, `cruise`,
    /// `pilot`, `model` (as on the command line: a network, or expert, straight, brake_on_sight), and `speed`, the speed at
    /// which it drives: the wanted one, and where the scenario has the robot drive from the start also that.
    pub fn vary<'a>(&self, changes: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Result<Self, ScenarioError> {
        let name = &self.source.name;
        let broken = |message: String, help: &str| ScenarioError::file(name, message, help.to_owned());
        let mut table: Table = self.text().parse().map_err(|e| broken(format!("{e}"), "give a scenario file"))?;
        for (field, value) in changes {
            change(&mut table, field, value).map_err(|(message, help)| broken(message, &help))?;
        }
        let text = toml::to_string(&table).map_err(|e| broken(format!("{e}"), "this is a bug"))?;
        parse(&text, name)
    }
}

/// Message and help.
type Changed = Result<(), (String, String)>;

fn change(table: &mut Table, field: &str, value: &Value) -> Changed {
    match field {
        "speed" => at_speed(table, value),
        "model" => by_model(table, value),
        "latency" => set(table, "latency.source", &delay(value)),
        other => {
            let path = SHORT.iter().find(|(short, _)| *short == other).map_or(other, |(_, path)| path);
            set(table, path, value)
        }
    }
}

/// A number is a pure delay.
fn delay(value: &Value) -> Value {
    match number(value) {
        Some(ms) => Value::String(Latency::Fixed(ms).to_string()),
        None => value.clone(),
    }
}

/// A number, whole or not.
pub(crate) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

fn at_speed(table: &mut Table, value: &Value) -> Changed {
    let Some(speed) = number(value) else {
        return Err((format!("found speed {value}"), "expected a number, m/s".into()));
    };
    set(table, "robot.cruise", value)?;
    for field in ["robot.speed", "controller.initial_command.linear"] {
        if get(table, field).and_then(number).is_some_and(|given| given != 0.0) {
            set(table, field, value)?;
        }
    }
    let balancer = get(table, "robot.kind").and_then(Value::as_str) == Some("balancer");
    let own = if balancer { plant::balancer_default().max_speed } else { plant::rover_default().max_speed };
    let top = get(table, "robot.max_speed").and_then(number).unwrap_or(own);
    if speed > top { set(table, "robot.max_speed", value) } else { Ok(()) }
}

fn by_model(table: &mut Table, value: &Value) -> Changed {
    let Some(name) = value.as_str() else {
        return Err((format!("found model {value}"), "expected a name in quotes, such as \"pilot\"".into()));
    };
    if ["expert", "straight", "brake_on_sight"].contains(&name) {
        return set(table, "controller.pilot", value);
    }
    set(table, "controller.pilot", &Value::String("network".into()))?;
    set(table, "controller.model", value)
}

fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| get(value.as_table()?, rest))
}

/// Puts a value at a path; sections that are not there are added, list items are not.
fn set(table: &mut Table, path: &str, value: &Value) -> Changed {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (key, item) = match first.split_once('[') {
        Some((key, number)) => (key, Some(index(first, number)?)),
        None => (first, None),
    };
    if key.is_empty() {
        return Err((format!("found the field `{path}`"), "expected a path such as robot.cruise or box[1].x".into()));
    }
    let Some(item) = item else {
        let Some(rest) = rest else {
            table.insert(key.to_owned(), value.clone());
            return Ok(());
        };
        let section = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
        return inner(section, first, rest, value);
    };
    let keys: Vec<&String> = table.keys().collect();
    let guess = did_you_mean(nearest(key, keys.iter().map(|k| k.as_str())).filter(|guess| *guess != key));
    let items = table.get_mut(key).and_then(Value::as_array_mut);
    let Some(items) = items else {
        return Err((format!("the scenario has no list `{key}`"), format!("{guess}expected a list that is there")));
    };
    let n = items.len();
    match (items.get_mut(item - 1), rest) {
        (Some(found), Some(rest)) => inner(found, first, rest, value),
        (Some(found), None) => {
            *found = value.clone();
            Ok(())
        }
        (None, _) => Err((format!("the scenario has no `{first}`"), format!("`{key}` has {n} items, counted from 1"))),
    }
}

fn inner(value: &mut Value, name: &str, rest: &str, new: &Value) -> Changed {
    match value.as_table_mut() {
        Some(table) => set(table, rest, new),
        None => Err((format!("`{name}` is no section, so it has no `{rest}`"), format!("vary `{name}` itself"))),
    }
}

fn index(item: &str, number: &str) -> Result<usize, (String, String)> {
    let number = number.strip_suffix(']').and_then(|n| n.parse::<usize>().ok()).filter(|n| *n > 0);
    number.ok_or_else(|| (format!("found `{item}`"), "expected an item counted from 1, such as box[1]".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn braking() -> Scenario {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/braking.toml");
        crate::load(&path).unwrap()
    }

    fn varied(field: &str, value: impl Into<Value>) -> Result<Scenario, ScenarioError> {
        braking().vary([(field, &value.into())])
    }

    #[test]
    fn fields_take_other_values_and_nothing_else_changes() {
        let mut expected = braking();
        expected.robot.braking = Some(3.5);
        let mut found = varied("robot.braking", 3.5).unwrap();
        found.source = expected.source.clone();
        assert_eq!(found, expected);
        assert_eq!(braking().vary([]).unwrap().setup(3).unwrap(), braking().setup(3).unwrap());
        assert_eq!(varied("box[1].x", 4).unwrap().boxes[0].x, crate::Number::Fixed(4.0));
        assert_eq!(varied("camera.width", 32).unwrap().camera.unwrap().width, 32);
        assert_eq!(varied("latency", 80).unwrap().latency.source, Latency::Fixed(80.0));
        assert_eq!(varied("schedule", "fifo:2").unwrap().setup(0).unwrap().line.schedule.to_string(), "fifo:2");
        let pilot = varied("model", "pilot").unwrap().setup(0).unwrap().pilot;
        assert_eq!(pilot, crate::PilotSpec::Network { model: "pilot".into() });
    }

    #[test]
    fn a_speed_is_the_start_the_wish_and_the_first_command() {
        let fast = varied("speed", 2.25).unwrap();
        let command = fast.controller.initial_command.clone().unwrap();
        assert_eq!((fast.robot.speed, fast.robot.cruise, command.linear), (2.25, Some(2.25), Some(2.25)));
        assert_eq!(fast.robot.max_speed, Some(2.25), "the rover's own top speed is 2 m/s");
        assert_eq!(varied("speed", 1).unwrap().robot.max_speed, None);
        let lesson = crate::parse(
            "title = \"t\"\nduration_s = 1\n[robot]\n[controller]\npilot = \"straight\"\n",
            "standing.toml",
        );
        let standing = lesson.unwrap().vary([("speed", &Value::Float(1.5))]).unwrap();
        assert_eq!((standing.robot.speed, standing.robot.cruise), (0.0, Some(1.5)));
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (field, expected) in [
            ("robot.crusie", "unknown key `crusie`"),
            ("box[2].x", "has no `box[2]`"),
            ("bax[1].x", "has no list `bax`"),
            ("box[0].x", "found `box[0]`"),
            ("title.x", "is no section"),
            (".x", "found the field"),
            ("", "found the field"),
            ("robot.cruise", "`robot.cruise` is -1"),
        ] {
            let error = varied(field, -1).unwrap_err();
            assert!(error.message().contains(expected), "{field}: {error}");
        }
    }
}
