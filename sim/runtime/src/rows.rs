//! One network for many who ask: their rows share a call, and each gets what it would have got alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use timing::{ServiceTime, Span};

use crate::worker::guarded;
use crate::{Data, Element, Engine, EngineInfo, Tensor, synthetic_inputs};

/// Rows in a shared call, always as many: the rest is padding. Beyond, networks of a control loop gain little.
pub const ROWS: usize = 8;
/// Fewer rows than that are cheaper one by one than padded.
const WORTHWHILE: usize = 7;
/// A network that takes longer is busy enough with one row.
const SLOW: Span = Span(2_000_000);

/// An input of one row: name, shape without the batch, elements.
pub type Row<'a> = (&'a str, &'a [usize], &'a [f32]);

/// An engine that is asked by several computations on one thread (see [`in_lanes`](crate::in_lanes)).
///
/// Rows are run together only if the engine was seen to give, bit for bit, the same for a row in a full call as alone. So an
/// answer depends on its own row, never on who else asked.
pub struct Rows {
    info: EngineInfo,
    together: usize,
    state: RefCell<State>,
}

struct State {
    engine: Box<dyn Engine>,
    /// Why it must not be used any more.
    broken: Option<String>,
    outputs: Vec<Tensor>,
    /// The inputs of a full call, filled row by row.
    full: Vec<Tensor>,
    /// Those of a call for one.
    single: Vec<Tensor>,
    /// Whose rows `full` holds.
    waiting: Vec<u64>,
    next: u64,
    answers: BTreeMap<u64, Result<Vec<f32>, String>>,
}

impl Rows {
    /// Tries out whether rows may share a call.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        let info = engine.info().clone();
        let mut state = State {
            engine,
            broken: None,
            outputs: Vec::new(),
            full: Vec::new(),
            single: Vec::new(),
            waiting: Vec::new(),
            next: 0,
            answers: BTreeMap::new(),
        };
        let together = if state.alike(&info) { ROWS } else { 1 };
        Self { info, together, state: RefCell::new(state) }
    }

    /// What the engine is.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Rows in a shared call: [`ROWS`], or 1.
    pub fn together(&self) -> usize {
        self.together
    }

    /// The first output for a row, once it has been run; an error in words when the engine failed.
    pub async fn infer<'a>(&self, row: impl IntoIterator<Item = Row<'a>>) -> Result<Vec<f32>, String> {
        if self.together == 1 {
            return self.alone(row, 1).map(|(_, output)| output);
        }
        let ticket = {
            let state = &mut *self.state.borrow_mut();
            put(&mut state.full, state.waiting.len(), ROWS, row);
            let ticket = state.next;
            state.next += 1;
            state.waiting.push(ticket);
            if state.waiting.len() == ROWS {
                state.run_full();
            }
            ticket
        };
        poll_fn(|_| match self.state.borrow_mut().answers.remove(&ticket) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    /// The same at once, for a batch of equal rows, and how long it took.
    pub fn alone<'a>(
        &self,
        row: impl IntoIterator<Item = Row<'a>>,
        copies: usize,
    ) -> Result<(ServiceTime, Vec<f32>), String> {
        let state = &mut *self.state.borrow_mut();
        let mut inputs = std::mem::take(&mut state.single);
        put(&mut inputs, 0, copies, row);
        for copy in 1..copies {
            for input in &mut inputs {
                let Data::F32(values) = &mut input.data else { continue };
                let each = values.len() / copies;
                values.copy_within(..each, copy * each);
            }
        }
        let answer = state.run(&inputs, copies);
        state.single = inputs;
        answer.map(|(time, mut output)| {
            output.truncate(output.len() / copies);
            (time, output)
        })
    }

    /// Runs what waits, although it is no full call. False when nobody waits and no answer is left to be fetched.
    pub fn settle(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        if !state.answers.is_empty() {
            return true;
        }
        if state.waiting.is_empty() {
            return false;
        }
        if state.waiting.len() >= WORTHWHILE {
            state.run_full();
        } else {
            state.run_one_by_one();
        }
        true
    }
}

impl State {
    /// One call; its first output.
    fn run(&mut self, inputs: &[Tensor], rows: usize) -> Result<(ServiceTime, Vec<f32>), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        let time = guarded(&mut *self.engine, inputs, &mut self.outputs).map_err(|(panicked, why)| {
            self.broken = panicked.then(|| why.clone());
            why
        })?;
        match self.outputs.first().map(|output| &output.data) {
            Some(Data::F32(values)) if values.len().is_multiple_of(rows) => Ok((time, values.clone())),
            _ => Ok((time, Vec::new())),
        }
    }

    fn run_full(&mut self) {
        let full = std::mem::take(&mut self.full);
        let result = self.run(&full, ROWS);
        self.full = full;
        let Ok((_, output)) = result else { return self.run_one_by_one() };
        let each = output.len() / ROWS;
        let rows = (0..ROWS).map(|row| Ok(output[row * each..][..each].to_vec()));
        self.answers.extend(self.waiting.drain(..).zip(rows));
    }

    fn run_one_by_one(&mut self) {
        for (row, ticket) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let mut single = std::mem::take(&mut self.single);
            copy_row(&self.full, row, &mut single);
            let answer = self.run(&single, 1).map(|(_, output)| output);
            self.single = single;
            self.answers.insert(ticket, answer);
        }
    }

    /// Whether a full call of different rows gives each the bits that it gets alone, and whether sharing is worth it.
    fn alike(&mut self, info: &EngineInfo) -> bool {
        let takes = |spec: &crate::TensorSpec| {
            matches!(spec.element, Element::F32 | Element::F16) && spec.shape.first() == Some(&None)
        };
        if !info.model.inputs.iter().all(takes) {
            return false;
        }
        let full = synthetic_inputs(&info.model, ROWS, 1);
        let mut single = Vec::new();
        copy_row(&full, 0, &mut single);
        // A cold call is no measure.
        if !(0..2).any(|_| self.run(&single, 1).is_ok_and(|(time, _)| time.total() <= SLOW)) {
            return false;
        }
        let Ok((_, together)) = self.run(&full, ROWS) else { return false };
        let each = together.len() / ROWS;
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        each > 0
            && (0..ROWS).all(|row| {
                copy_row(&full, row, &mut single);
                self.run(&single, 1).is_ok_and(|(_, alone)| bits(&alone) == bits(&together[row * each..][..each]))
            })
    }
}

/// Writes a row into the inputs of a call for `rows`.
fn put<'a>(inputs: &mut Vec<Tensor>, at: usize, rows: usize, row: impl IntoIterator<Item = Row<'a>>) {
    for (i, (name, shape, values)) in row.into_iter().enumerate() {
        if inputs.len() == i {
            inputs.push(Tensor::f32(name, [&[rows], shape].concat(), Vec::new()));
        }
        let Tensor { name: known, shape: whole, data } = &mut inputs[i];
        let Data::F32(data) = data else { continue };
        if known != name || whole[0] != rows || data.len() != rows * values.len() {
            name.clone_into(known);
            *whole = [&[rows], shape].concat();
            *data = vec![0.0; rows * values.len()];
        }
        data[at * values.len()..][..values.len()].copy_from_slice(values);
    }
}

/// The inputs of a call for one, from a row of a full call.
fn copy_row(full: &[Tensor], row: usize, single: &mut Vec<Tensor>) {
    let rows = full.iter().filter_map(|tensor| {
        let values = tensor.data.as_f32()?;
        let each = values.len() / tensor.shape[0].max(1);
        Some((tensor.name.as_str(), &tensor.shape[1..], &values[row * each..][..each]))
    });
    put(single, 0, 1, rows);
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
