//! Many computations on one thread, several in progress at a time, for work that mostly waits for the same network.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Carries out all of these, at most `lanes` of them begun and not done at a time; results in the order in which they were given.
/// The next is taken only when the last one waits or is done, so that what never waits leaves the others to other threads.
pub async fn in_lanes<F: Future>(lanes: usize, futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut left = futures.into_iter().enumerate();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut done: Vec<(usize, F::Output)> = Vec::new();
    poll_fn(|context| {
        loop {
            let before = done.len();
            running.retain_mut(|(index, future)| match future.as_mut().poll(context) {
                Poll::Ready(output) => {
                    done.push((*index, output));
                    false
                }
                Poll::Pending => true,
            });
            while running.len() < lanes.max(1)
                && let Some((index, future)) = left.next()
            {
                let mut future = Box::pin(future);
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => done.push((index, output)),
                    Poll::Pending => running.push((index, future)),
                }
            }
            if running.is_empty() {
                return Poll::Ready(());
            }
            if done.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, output)| output).collect()
}

/// Carries out a computation on this thread. Whenever nothing in it can go on, `settle` answers what is waited for, and says
/// whether it could.
///
/// # Panics
/// When it could not: then nobody ever would.
pub fn block_on<T>(future: impl Future<Output = T>, mut settle: impl FnMut() -> bool) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(settle(), "what is waited for never comes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// Waits until the tide has come in so many times.
    async fn wait(tide: &Cell<u32>, times: u32) {
        let until = tide.get() + times;
        poll_fn(|_| if tide.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[test]
    fn results_keep_their_order_and_no_more_run_than_there_are_lanes() {
        let (tide, now, most) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let ended = RefCell::new(Vec::new());
        let one = async |i: u32| {
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            wait(&tide, 10 - i).await;
            now.set(now.get() - 1);
            ended.borrow_mut().push(i);
            i * i
        };
        for lanes in [0, 1, 3, 100] {
            most.set(0);
            let all = in_lanes(lanes, (0..10).map(one));
            let squares = block_on(all, || {
                tide.set(tide.get() + 1);
                true
            });
            assert_eq!(squares, (0..10).map(|i| i * i).collect::<Vec<_>>(), "{lanes} lanes");
            assert_eq!(most.get(), lanes.clamp(1, 10));
        }
        assert!(!ended.borrow().is_sorted(), "the later ones are done first");
        assert_eq!(block_on(in_lanes(3, (0..0).map(one)), || false), [0; 0]);
    }

    #[test]
    fn nothing_is_taken_before_it_is_needed() {
        let (taken, ended) = (Cell::new(0), Cell::new(0));
        let one = async |_| {
            assert_eq!(taken.get(), ended.get() + 1);
            ended.set(ended.get() + 1);
        };
        let all = (0..20).inspect(|_| taken.set(taken.get() + 1)).map(one);
        block_on(in_lanes(8, all), || false);
        assert_eq!(ended.get(), 20);
    }

    #[test]
    #[should_panic(expected = "never comes")]
    fn what_nobody_answers_is_no_endless_loop() {
        block_on(std::future::pending::<()>(), || false);
    }
}
