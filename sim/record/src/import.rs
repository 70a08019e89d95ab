//! Traces from elsewhere: latencies as other programs write them.

use std::path::Path;
use std::str::FromStr;

use timing::{Sample, ServiceTime, Span, Trace};

use crate::{RecordError, file};

/// The unit of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "ns" => Ok(Self::Nanoseconds),
            _ => Err(format!("found unit `{word}`; expected s, ms, us or ns")),
        }
    }
}

impl Unit {
    fn nanoseconds(self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::Milliseconds => 1e6,
            Self::Microseconds => 1e3,
            Self::Nanoseconds => 1.0,
        }
    }
}

/// Where a CSV file has what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The latency of each frame.
    pub latency: String,
    /// When each began, seconds from any instant; the idle time before follows from it. Without one, a device is never idle.
    pub start: Option<String>,
    /// Of the latency.
    pub unit: Unit,
}

/// No inference takes a day.
const MOST_NS: f64 = 86_400e9;

/// A trace of a CSV file with a header line and one line a frame, in the order of their starts.
///
/// A whole latency is one of compute: what it is made of is not known. It was not measured by this program, so the trace is
/// not trusted and says why.
pub fn import_csv(path: impl AsRef<Path>, columns: &Columns) -> Result<Trace, RecordError> {
    let path = path.as_ref();
    let bytes = file::read(path)?;
    let wrong = |found: String| RecordError::NotACsv { path: path.to_owned(), found };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&bytes[..]);
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let find = |name: &str| {
        let known = || header.iter().collect::<Vec<_>>().join(", ");
        header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| wrong(format!("no column `{name}` among {}", known())))
    };
    let latency = find(&columns.latency)?;
    let start = columns.start.as_deref().map(find).transpose()?;
    let mut samples = Vec::new();
    let mut free: Option<f64> = None;
    for (frame, record) in (0u64..).zip(reader.records()) {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |column: usize, scale: f64| {
            let text = record.get(column).unwrap_or_default();
            let value = text.parse::<f64>().ok().map(|value| value * scale).filter(|ns| ns.is_finite());
            value.ok_or_else(|| wrong(format!("`{text}` in line {line} where a number should be")))
        };
        let took = number(latency, columns.unit.nanoseconds())?;
        if !(0.0..=MOST_NS).contains(&took) {
            return Err(wrong(format!("a latency of {} ms in line {line}", took / 1e6)));
        }
        let began = start.map(|column| number(column, 1e9)).transpose()?;
        // Before the first start the device had been idle for ever.
        let idle = match (began, free) {
            (Some(began), Some(free)) => Span((began - free).max(0.0).round() as i64),
            (Some(_), None) => Span(i64::MAX),
            (None, _) => Span::ZERO,
        };
        free = began.map(|began| began + took);
        samples.push(Sample { frame, idle, service: ServiceTime::compute(Span(took.round() as i64)) });
    }
    if samples.is_empty() {
        return Err(wrong("no line below the header".to_owned()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let complaints = vec![format!("imported from {name}: not measured by this program")];
    Ok(Trace { batch: 1, trusted: false, complaints, samples, runtime: "elsewhere".to_owned(), ..Trace::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(text: &str, columns: &Columns) -> Result<Trace, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv");
        std::fs::write(&path, text).unwrap();
        import_csv(&path, columns).map_err(|error| error.to_string())
    }

    fn columns(latency: &str, start: Option<&str>, unit: Unit) -> Columns {
        Columns { latency: latency.to_owned(), start: start.map(str::to_owned), unit }
    }

    #[test]
    fn a_column_becomes_a_trace_that_is_not_trusted() {
        let text = "t, latency_ms, note\n10.0, 2.5, a\n10.02, 40,\"b, c\"\n10.04, 1e0, d\n";
        let trace = import(text, &columns("latency_ms", Some("t"), Unit::Milliseconds)).unwrap();
        let took: Vec<i64> = trace.samples.iter().map(|s| s.service.total().0).collect();
        assert_eq!(took, [2_500_000, 40_000_000, 1_000_000]);
        let idle: Vec<i64> = trace.samples.iter().map(|s| s.idle.0 / 1000).collect();
        assert_eq!(idle, [i64::MAX / 1000, 17_500, 0], "busy until the next began");
        assert!(!trace.trusted && trace.complaints[0].contains("imported from f.csv"));
        let unit = import("us\n7\n", &columns("us", None, Unit::Microseconds)).unwrap();
        assert_eq!(unit.samples[0], Sample { frame: 0, idle: Span::ZERO, service: ServiceTime::compute(Span(7_000)) });
    }

    #[test]
    fn mistakes_name_the_line() {
        let of = |text: &str| import(text, &columns("ms", None, Unit::Milliseconds)).unwrap_err();
        assert!(of("a,b\n1,2\n").contains("no column `ms` among a, b"));
        assert!(of("ms\n").contains("no line below the header"));
        assert!(of("ms\n1\nx\n").contains("`x` in line 3"));
        assert!(of("ms\n-1\n").contains("a latency of -1 ms in line 2"));
        assert!(of("ms\nnan\n").contains("`nan` in line 2"));
        assert!(of("ms,b\n1\n").contains("found"), "{}", of("ms,b\n1\n"));
        assert!("min".parse::<Unit>().unwrap_err().contains("expected s, ms, us or ns"));
    }
}
