//! Whether a pilot's answers can be followed as action chunks.

use pilot::Contract;
use scenario::{Compensation, PilotSpec, Setup};
use timing::{Control, Schedule, Source};

use crate::EpisodeError;

/// Whether what a setup does about latency can be done with the network that drives, if one does, and with durations from `source`.
///
/// # Errors
/// When it asks for action chunks: of a pilot that answers with one command, with a rule of time that chunks bring themselves, or where
/// it is known that they would run out. Where durations are not known, only the run can tell (`Stats::ran_out`).
pub fn chunks_possible(contract: Option<Contract>, setup: &Setup, source: &Source) -> Result<(), EpisodeError> {
    let Compensation::Chunks { .. } = setup.compensation else { return Ok(()) };
    if contract.and_then(|contract| contract.chunks(None)).is_none() {
        return Err(EpisodeError::NoChunks(setup.pilot.name().to_owned()));
    }
    check_chunks(setup, source)
}

/// The same as far as it can be told without the network.
pub(crate) fn check_chunks(setup: &Setup, source: &Source) -> Result<(), EpisodeError> {
    let Compensation::Chunks { every } = setup.compensation else { return Ok(()) };
    let Some(chunks) = Contract::ChunkRover.chunks(every.map(|every| every as usize)) else { return Ok(()) };
    if !matches!(setup.pilot, PilotSpec::Network { .. }) {
        return Err(EpisodeError::NoChunks(setup.pilot.name().to_owned()));
    }
    if setup.line.control != Control::Event || !matches!(setup.line.schedule, Schedule::Newest | Schedule::Skip) {
        return Err(EpisodeError::ChunksAlone);
    }
    if let Source::Fixed(service) | Source::Service(service) = source {
        let (latency, between) = (setup.line.around() + *service, setup.line.capture.rate.period());
        chunks.check(latency, between).map_err(EpisodeError::Infeasible)?;
    }
    Ok(())
}
