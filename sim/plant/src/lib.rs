//! The world that obeys physics. Stub of the interface; see the crate's owner.
mod model;
mod state;
pub use model::*;
pub use state::*;
