//! The answer in words.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{AGREEMENT, Blame, Verdict};

/// Replicas by verdict.
type Split = BTreeMap<Verdict, usize>;

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
            Verdict::Undetermined => undetermined(hit, &self.split, &self.split_from_start),
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
        let split = |split: &Split| {
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

/// Where the replicas do not agree: first what they do agree on.
fn undetermined(hit: &str, split: &Split, from_start: &Split) -> String {
    let of: usize = split.values().sum();
    let avoided = |alone| [alone, Verdict::Joint].iter().filter_map(|verdict| split.get(verdict)).sum::<usize>();
    let agree = |n: usize, of: usize| n as f64 >= AGREEMENT * of as f64;
    let (without_latency, by_expert) = (avoided(Verdict::Latency), avoided(Verdict::Model));
    let why = if agree(without_latency, of) {
        format!(
            "Latency is to blame: without it the {hit} would have been spared in {without_latency} of {of} replicas. Whether \
             the model is, too, is not determined: the expert's decisions alone would have done it in {by_expert}."
        )
    } else if agree(by_expert, of) {
        format!(
            "The model is to blame: the expert's decisions would have spared the {hit} in {by_expert} of {of} replicas. \
             Whether latency is, too, is not determined: taking it away alone would have done it in {without_latency}."
        )
    } else {
        format!(
            "The replicas do not agree on what was to blame: no latency alone would have spared the {hit} in \
             {without_latency} of {of}, the expert's decisions alone in {by_expert}."
        )
    };
    let start: usize = from_start.values().sum();
    let most = from_start.iter().max_by_key(|(_, n)| **n);
    let most = most.filter(|(verdict, n)| agree(**n, start) && **verdict != Verdict::NoCollision);
    match most {
        Some((verdict, n)) => format!("{why} Changed from the start on, {n} of {start} say {}.", verdict.label()),
        None => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(split: &[(Verdict, usize)], from_start: &[(Verdict, usize)]) -> String {
        let map = |of: &[(Verdict, usize)]| of.iter().copied().collect::<Split>();
        undetermined("pedestrian", &map(split), &map(from_start))
    }

    #[test]
    fn where_replicas_do_not_agree_what_they_agree_on_comes_first() {
        use Verdict::{Joint, Latency, Model, NoCollision, Unavoidable};
        let latency = said(&[(Latency, 8), (Joint, 8)], &[(Latency, 16)]);
        assert!(
            latency.starts_with("Latency is to blame: without it the pedestrian would have been spared in 16 of 16")
        );
        assert!(
            latency.contains("would have done it in 8. Changed from the start on, 16 of 16 say latency."),
            "{latency}"
        );
        let model = said(&[(Model, 9), (Joint, 5), (NoCollision, 2)], &[(Model, 9), (Joint, 7)]);
        assert!(model.starts_with("The model is to blame: the expert's decisions would have spared"), "{model}");
        assert!(model.contains("in 14 of 16") && model.ends_with("alone would have done it in 5."), "{model}");
        let neither = said(&[(Latency, 8), (Unavoidable, 8)], &[(NoCollision, 16)]);
        assert!(neither.starts_with("The replicas do not agree") && neither.ends_with("alone in 0."), "{neither}");
    }
}
