//! Why nothing is served.

use std::net::SocketAddr;

/// A server could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Others could reach it, and nothing guards it.
    #[error(
        "{0} can be reached from elsewhere, and there is no token; give one with --token or DEADTIME_TOKEN, or bind to \
         127.0.0.1"
    )]
    Open(SocketAddr),
    /// The address is not to be had.
    #[error("cannot listen on {address}: {reason}; choose another with --bind, such as 127.0.0.1:0 for any free port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: String,
    },
    /// Something else.
    #[error("the server stopped: {0}")]
    Serve(String),
}
