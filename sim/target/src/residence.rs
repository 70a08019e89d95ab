//! How a server of ours tells how long a frame was with it, by its own clock: as parameters of the answer.

use std::collections::HashMap;

use timing::{ServiceTime, Span};

use crate::wire::InferParameter;
use crate::wire::infer_parameter::ParameterChoice;

/// How long a frame was on the device, from the decoded request to the encoded answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residence {
    /// Waiting for the device, because others use it.
    pub queue: Span,
    /// Inferences of others that ran beside it, where a server runs several at once: they slow each other down.
    pub others: u32,
    /// The five stages; what the server itself does before and after is part of the first and the last.
    pub service: ServiceTime,
}

/// No inference takes a day.
const MOST: i64 = 86_400_000_000_000;

const NAMES: [&str; 6] = [
    "deadtime_queue_ns",
    "deadtime_pre_ns",
    "deadtime_host_to_device_ns",
    "deadtime_compute_ns",
    "deadtime_device_to_host_ns",
    "deadtime_post_ns",
];

/// Left out by servers that run one inference at a time.
const OTHERS: &str = "deadtime_others";

/// Why the server's machine is slower than it was, in a sentence; left out where it is not, or does not tell.
pub(crate) const SLOWED: &str = "deadtime_slowed";

/// What an answer says of that.
pub(crate) fn slowed(parameters: &HashMap<String, InferParameter>) -> Option<String> {
    match &parameters.get(SLOWED)?.parameter_choice {
        Some(ParameterChoice::StringParam(why)) => Some(why.chars().take(200).collect()),
        _ => None,
    }
}

impl Residence {
    /// All of it.
    pub fn total(&self) -> Span {
        self.queue + self.service.total()
    }

    pub(crate) fn to_parameters(self, slowed: Option<String>) -> HashMap<String, InferParameter> {
        let ServiceTime { pre, host_to_device, compute, device_to_host, post, .. } = self.service;
        let spans = [self.queue, pre, host_to_device, compute, device_to_host, post];
        let of = |(name, number): (&str, i64)| {
            let choice = ParameterChoice::Int64Param(number);
            (name.to_owned(), InferParameter { parameter_choice: Some(choice) })
        };
        let spans = NAMES.into_iter().zip(spans.map(|span| span.0));
        let slowed = slowed.map(|why| {
            (SLOWED.to_owned(), InferParameter { parameter_choice: Some(ParameterChoice::StringParam(why)) })
        });
        spans.chain([(OTHERS, i64::from(self.others))]).map(of).chain(slowed).collect()
    }

    /// `Ok(None)` where the server tells nothing.
    pub(crate) fn of(parameters: &HashMap<String, InferParameter>) -> Result<Option<Self>, String> {
        let mut spans = [Span::ZERO; 6];
        for (name, span) in NAMES.iter().zip(&mut spans) {
            let choice = parameters.get(*name).and_then(|parameter| parameter.parameter_choice.as_ref());
            let Some(choice) = choice else { return Ok(None) };
            *span = match choice {
                ParameterChoice::Int64Param(ns) if (0..MOST).contains(ns) => Span(*ns),
                other => return Err(format!("says {name} = {other:?}; expected nanoseconds from 0 to a day")),
            };
        }
        let others = match parameters.get(OTHERS).and_then(|parameter| parameter.parameter_choice.as_ref()) {
            None => 0,
            Some(ParameterChoice::Int64Param(n)) if u32::try_from(*n).is_ok() => *n as u32,
            Some(other) => return Err(format!("says {OTHERS} = {other:?}; expected a small number")),
        };
        let [queue, pre, host_to_device, compute, device_to_host, post] = spans;
        let service = ServiceTime { pre, host_to_device, compute, device_to_host, post, ..ServiceTime::default() };
        Ok(Some(Self { queue, others, service }))
    }

    /// The service time of a round trip: residence here, the link for the rest. An error where it was longer there than it took.
    pub(crate) fn within(&self, round_trip: Span) -> Result<ServiceTime, String> {
        // Clocks of two machines may run apart by some hundred parts in a million.
        if self.total() > round_trip + Span(round_trip.0 / 1000) {
            return Err(format!("says that it took {}, but the whole round trip took {round_trip}", self.total()));
        }
        let mut service = self.service;
        // Waiting for others is time on the device as seen from here, before it begins.
        service.pre += self.queue;
        Ok(service.within(round_trip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residence() -> Residence {
        let service = ServiceTime { pre: Span(2), compute: Span(30), post: Span(4), ..ServiceTime::default() };
        Residence { queue: Span(1), others: 2, service }
    }

    #[test]
    fn it_comes_back_and_a_stranger_says_nothing() {
        assert_eq!(Residence::of(&residence().to_parameters(None)), Ok(Some(residence())));
        assert_eq!(Residence::of(&HashMap::new()), Ok(None));
        let mut alone = residence().to_parameters(None);
        alone.remove(OTHERS);
        assert_eq!(Residence::of(&alone), Ok(Some(Residence { others: 0, ..residence() })));
        for wrong in
            [ParameterChoice::Int64Param(-1), ParameterChoice::Int64Param(MOST), ParameterChoice::BoolParam(true)]
        {
            let mut parameters = residence().to_parameters(None);
            let parameter = InferParameter { parameter_choice: Some(wrong) };
            parameters.insert("deadtime_compute_ns".to_owned(), parameter);
            assert!(Residence::of(&parameters).unwrap_err().contains("deadtime_compute_ns"));
        }
    }

    #[test]
    fn what_slows_the_server_comes_back_too() {
        let hot = "the processor was slowed down because of its heat";
        let parameters = residence().to_parameters(Some(hot.to_owned()));
        assert_eq!((slowed(&parameters).as_deref(), Residence::of(&parameters)), (Some(hot), Ok(Some(residence()))));
        assert_eq!(slowed(&residence().to_parameters(None)), None);
    }

    #[test]
    fn what_is_not_residence_is_the_link() {
        let service = residence().within(Span(10_000)).unwrap();
        assert_eq!(service.total(), Span(37), "with the queue");
        assert_eq!(
            (service.link_out, service.link_back, service.round_trip()),
            (Span(4_981), Span(4_982), Span(10_000))
        );
        assert!(residence().within(Span(36)).unwrap_err().contains("the whole round trip took"));
    }
}
