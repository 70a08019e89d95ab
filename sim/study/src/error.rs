//! What can go wrong in a study.

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A scenario cannot be set up for a seed.
    #[error(transparent)]
    Scenario(#[from] scenario::ScenarioError),
    /// An episode cannot begin.
    #[error(transparent)]
    Episode(#[from] episode::EpisodeError),
    /// A trace cannot be read.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// The engine of a model cannot be loaded or fails while it is measured.
    #[error("the model `{model}` cannot be run: {why}")]
    Engine {
        /// As it was named.
        model: String,
        /// In the runtime's words.
        why: String,
    },
    /// A model that cannot drive.
    #[error("the model `{model}` cannot drive in `{scenario}`: {why}")]
    NoPilot {
        /// As it was named.
        model: String,
        /// Where.
        scenario: String,
        /// What was found, and what the contract asks.
        why: String,
    },
    /// `brake_on_sight` without a distance.
    #[error("brake_on_sight needs `sight` (metres) under [controller]; the scenario `{scenario}` has none")]
    NoSight {
        /// Which.
        scenario: String,
    },
    /// A plan that compares nothing.
    #[error("found {found}; expected {expected}")]
    Plan {
        /// In the plan.
        found: String,
        /// Instead.
        expected: String,
    },
    /// A journal or a result cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What went wrong, and what to do.
        why: String,
    },
    /// Somebody asked to stop; what was done is kept.
    #[error("stopped; what was done is kept")]
    Stopped,
    /// A chart cannot be drawn.
    #[error("the chart cannot be drawn: {0}")]
    Chart(String),
    /// A thread of a job ended without a result.
    #[error("a job was lost (it panicked); this is a bug")]
    Lost,
}
