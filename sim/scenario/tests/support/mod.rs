//! What the tests of broken scenarios share.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A value and the processor time that this thread took for it: a promise that a busy machine does not break.
pub fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let before = spent();
    let value = f();
    (value, spent().saturating_sub(before))
}
