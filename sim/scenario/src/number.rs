//! Numbers that a scenario may leave to the seed.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use timing::{Stream, draw_unit};

/// A number, or bounds from which the seed draws one: `2.0` or `{ min = 1.5, max = 2.5 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// As it stands.
    Fixed(f64),
    /// Uniform between the two.
    Random {
        /// Lower bound.
        min: f64,
        /// Upper bound, not less than `min`.
        max: f64,
    },
}

impl Number {
    /// Zero, for what may be left out.
    pub const ZERO: Self = Self::Fixed(0.0);

    /// Smallest and largest value that a seed can give.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Self::Fixed(value) => (value, value),
            Self::Random { min, max } => (min, max),
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Fixed(value)
    }
}

/// A point on the floor, `[x, y]`, metres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[Number; 2]")]
pub struct Point {
    /// Along the course.
    pub x: Number,
    /// To the left.
    pub y: Number,
}

impl From<Point> for [Number; 2] {
    fn from(point: Point) -> Self {
        [point.x, point.y]
    }
}

/// The seed of one variant of a scenario.
///
/// A draw depends on the seed and on the path of its key (`box[2].x`), never on what was drawn before. So another
/// obstacle at the end of its list leaves all others where they were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(pub u64);

impl Dice {
    /// Uniform in (0, 1).
    pub fn unit(self, path: &str) -> f64 {
        draw_unit(self.0, Stream::Scenario, fnv1a(path))
    }

    /// The number at `path`.
    pub fn number(self, path: &str, number: Number) -> f64 {
        match number {
            Number::Fixed(value) => value,
            Number::Random { min, max } => min + (max - min) * self.unit(path),
        }
    }

    /// The point at `path`.
    pub fn point(self, path: &str, point: Point) -> [f64; 2] {
        [self.number(&format!("{path}[1]"), point.x), self.number(&format!("{path}[2]"), point.y)]
    }
}

/// FNV-1a of the text: part of the replay format, since it says which draw a key gets.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Random {
    min: f64,
    max: f64,
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number or {{ min = .., max = .. }}")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(Number::Fixed(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number::Fixed(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number::Fixed(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Number, A::Error> {
        let Random { min, max } = Random::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Number::Random { min, max })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not as an array: `toml` passes over what is too much in one.
        match Vec::<Number>::deserialize(deserializer)?[..] {
            [x, y] => Ok(Self { x, y }),
            ref found => Err(D::Error::custom(format!("found {} coordinates; a point is [x, y]", found.len()))),
        }
    }
}

impl JsonSchema for Point {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Point".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let number = generator.subschema_for::<Number>();
        json_schema!({
            "description": "A point [x, y], metres",
            "type": "array",
            "items": number,
            "minItems": 2,
            "maxItems": 2,
        })
    }
}

impl JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or bounds from which the seed draws one",
            "anyOf": [
                { "type": "number" },
                {
                    "type": "object",
                    "properties": { "min": { "type": "number" }, "max": { "type": "number" } },
                    "required": ["min", "max"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_pinned_to_the_path_of_the_key() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        let number = Number::Random { min: 2.0, max: 4.0 };
        let value = Dice(3).number("box[1].x", number);
        assert!((2.0..=4.0).contains(&value));
        assert_eq!(value, Dice(3).number("box[1].x", number));
        assert_ne!(value, Dice(3).number("box[2].x", number));
        assert_ne!(value, Dice(4).number("box[1].x", number));
    }
}
