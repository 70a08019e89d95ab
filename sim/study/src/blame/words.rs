//! The answer in words.

use std::fmt::Write;

use super::{AGREEMENT, Blame, Verdict};

impl Verdict {
    /// One word or two.
    pub fn label(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Model => "model",
            Self::Joint => "joint",
            Self::Either => "either",
            Self::Unavoidable => "unavoidable",
            Self::Actor => "the actor",
            Self::NoCollision => "no collision",
            Self::Undetermined => "undetermined",
        }
    }
}

impl Blame {
    /// One paragraph.
    pub fn paragraph(&self) -> String {
        let hit = &self.story.hit;
        let ms = self.latency_ms;
        let why = match self.verdict {
            Verdict::Latency => format!(
                "Latency is to blame: without it the same network would not have hit the {hit}; the expert's eyes, as late as \
                 the network's, would have."
            ),
            Verdict::Model => format!(
                "The model is to blame: without any latency it would have hit the {hit} too; the expert, as late as it was, \
                 would not have."
            ),
            Verdict::Joint => format!(
                "Latency and model are to blame together: either remedy alone, no latency or the expert's decisions, would have \
                 spared the {hit}."
            ),
            Verdict::Either => format!(
                "Latency and model are each enough to hit the {hit}: taking one away does not avoid it, taking both does."
            ),
            Verdict::Unavoidable => format!("It could not be avoided: the expert without latency hits the {hit} too."),
            Verdict::Actor => format!("The {hit} walked into the standing robot."),
            Verdict::NoCollision => "Most replicas do not collide: it was chance.".into(),
            Verdict::Undetermined => {
                let of: usize = self.split.values().sum();
                let in_ = |a, b| [a, b].iter().filter_map(|verdict| self.split.get(verdict)).sum::<usize>();
                let start: usize = self.split_from_start.values().sum();
                let most = self.split_from_start.iter().max_by_key(|(_, n)| **n);
                let most = most.filter(|(verdict, n)| {
                    **n as f64 >= AGREEMENT * start as f64 && !matches!(verdict, Verdict::NoCollision)
                });
                let from_start = most.map_or(String::new(), |(verdict, n)| {
                    format!(" Changed from the start on, {n} of {start} say {}.", verdict.label())
                });
                format!(
                    "The replicas do not agree on what was to blame: no latency alone would have spared the {hit} in {} of {of}, \
                     the expert's decisions alone in {}.{from_start}",
                    in_(Verdict::Latency, Verdict::Joint),
                    in_(Verdict::Model, Verdict::Joint)
                )
            }
        };
        let margin = match (self.critical_latency_ms, self.margin_ms) {
            (Some(critical), Some(margin)) if margin < 0.0 => format!(
                " The first command that knew of it was {ms:.0} ms old; with {critical:.0} ms it would have ended well: {:.0} ms less.",
                -margin
            ),
            _ => match self.critical_scale.filter(|scale| self.latency_changed && *scale < 1.0) {
                Some(scale) => format!(" With {scale:.2} times the durations it would have ended well."),
                None => String::new(),
            },
        };
        format!("{why}{margin}")
    }

    /// What else it found: a name and what stands beside it; a name that is empty goes on with the one before.
    pub fn numbers(&self) -> Vec<(&'static str, String)> {
        let replicas: usize = self.split.values().sum();
        let split = |split: &std::collections::BTreeMap<Verdict, usize>| {
            let parts: Vec<String> = split.iter().map(|(verdict, n)| format!("{} {n}", verdict.label())).collect();
            parts.join(", ")
        };
        let (window, spread, from_start) = (self.window_s, self.window_spread_s, split(&self.split_from_start));
        let mut numbers = vec![
            ("verdict", format!("{} ({} of {replicas} replicas)", self.verdict.label(), split(&self.split))),
            (
                "",
                format!(
                    "changed from {window} s before the contact on, give or take {spread} s; changed from the start on: {from_start}"
                ),
            ),
        ];
        let interval = |i: &super::Interval| {
            let word = if i.safe { "safe" } else { "hits" };
            match i.from_ms.zip(i.to_ms) {
                Some((from, to)) => format!("{word} {from:.0} to {to:.0} ms"),
                None => format!("{word} {:.2} to {:.2} times", i.from_scale, i.to_scale),
            }
        };
        let intervals: Vec<String> = self.intervals.iter().map(interval).collect();
        numbers.push(("latency", format!("{:.1} ms when it knew; {}", self.latency_ms, intervals.join(", "))));
        if self.latency_changed {
            let changed = "it was changed after the obstacle was seen: what is scaled is no one number of milliseconds";
            numbers.push(("", changed.to_owned()));
        }
        let stages: Vec<String> = self
            .stages_ms
            .iter()
            .filter(|(_, ms)| **ms > 0.0)
            .map(|(stage, ms)| format!("{stage} {ms:.1} ms"))
            .collect();
        if !stages.is_empty() {
            numbers.push(("stages", stages.join(", ")));
        }
        if let Some(shares) = &self.shares {
            let shares: Vec<String> =
                shares.iter().map(|(part, share)| format!("{part} {:.0} %", share * 100.0)).collect();
            numbers.push(("shares", format!("{} of the impact speed that latency brought", shares.join(", "))));
        }
        let too_late = match self.last_avoidable_s {
            Some(at) => {
                let before = self.story.at_s - at;
                format!(
                    "from {at:.2} s on, {before:.2} s before the contact; until then the expert without latency avoids it"
                )
            }
            None => format!("all of the {window} s before the contact"),
        };
        numbers.push(("too late", too_late));
        for what in &self.what_if {
            numbers.push(("what if", format!("{}: avoided in {} of {}", what.change, what.avoids, what.of)));
        }
        numbers
    }

    /// The paragraph, then the numbers.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}, seed {}: {}\n{}\n", self.scenario, self.seed, self.story.sentence(), self.paragraph());
        for (name, value) in self.numbers() {
            let _ = writeln!(text, "  {name:<10} {value}");
        }
        let _ = writeln!(text, "  {} episodes and forks", self.episodes);
        text
    }
}
