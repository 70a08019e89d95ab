//! Why an episode cannot begin.

/// An episode could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum EpisodeError {
    /// The world is impossible.
    #[error(transparent)]
    Plant(#[from] plant::PlantError),
    /// `measured` latency of a pilot that runs no network.
    #[error(
        "the latency is to be measured, but this pilot runs no network; choose a network pilot, or a latency such as \
         --latency fixed:100, service:50 or zero"
    )]
    NothingToMeasure,
    /// A schedule that needs what the engine cannot do.
    #[error(
        "the schedule `pipeline` with measured latency needs an engine whose stages overlap, and none here does; choose \
         newest, or a latency that is not measured"
    )]
    NoOverlap,
    /// Chunks of a pilot that answers with one command.
    #[error(
        "compensation `chunks` needs a network that answers with its next commands (output `chunk`), and {0} answers with one; \
         choose such a model, or another compensation"
    )]
    NoChunks(String),
    /// Chunks with a rule that they bring themselves.
    #[error(
        "compensation `chunks` asks for one answer at a time, whose commands take hold at steps of their own; choose the \
         schedule newest or skip, and no controller.hz"
    )]
    ChunksAlone,
    /// Chunks that would run out.
    #[error("compensation `chunks` cannot be kept: {0}")]
    Infeasible(timing::Infeasible),
    /// A trace of another batch size.
    #[error(
        "the trace holds inferences of {found} frames, the schedule wants {expected}; measure one with `deadtime measure \
         --batch {expected}`, or choose another schedule"
    )]
    BatchSize {
        /// In the trace.
        found: usize,
        /// In the schedule.
        expected: usize,
    },
}
