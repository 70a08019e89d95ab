//! Arithmetic of shapes. Everything is checked: a crafted model may declare what it likes.

/// A tensor whose shape is known, and its numbers where they are few integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub shape: Vec<u64>,
    pub ints: Option<Vec<i64>>,
}

impl Known {
    pub fn shaped(shape: Vec<u64>) -> Self {
        Self { shape, ints: None }
    }

    /// A vector of integers.
    pub fn vector(ints: Vec<i64>) -> Self {
        Self { shape: vec![ints.len() as u64], ints: Some(ints) }
    }

    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    pub fn elements(&self) -> Option<u64> {
        product(&self.shape)
    }
}

pub(super) fn product(dims: &[u64]) -> Option<u64> {
    dims.iter().try_fold(1u64, |n, dim| n.checked_mul(*dim))
}

/// An axis counted from the front, from one that may count from the back.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at).ok().filter(|at| *at < rank)
}

/// The axes as indices into `rank`, ascending and each once.
pub(super) fn axes(list: &[i64], rank: usize) -> Option<Vec<usize>> {
    let mut found: Vec<usize> = list.iter().map(|a| axis(*a, rank)).collect::<Option<_>>()?;
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// Multidirectional broadcasting.
pub(super) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[u64], i: usize| if i + shape.len() < rank { 1 } else { shape[i + shape.len() - rank] };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (1, x) | (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The shape that `wanted` gives to `elements` elements of shape `from`: 0 keeps an axis, one -1 takes the rest.
pub(super) fn reshape(from: &[u64], wanted: &[i64], allow_zero: bool) -> Option<Vec<u64>> {
    let elements = product(from)?;
    let mut open = None;
    let mut shape = Vec::with_capacity(wanted.len());
    for (i, &n) in wanted.iter().enumerate() {
        shape.push(match n {
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            0 if !allow_zero => *from.get(i)?,
            n => u64::try_from(n).ok()?,
        });
    }
    if let Some(open) = open {
        shape[open] = elements.checked_div(product(&shape)?)?;
    }
    (product(&shape)? == elements).then_some(shape)
}

/// How many elements `start..end` by `step` takes of an axis, with ONNX's rules for negative and overlong bounds, and the
/// index of the first.
pub(super) fn slice(dim: u64, start: i64, end: i64, step: i64) -> Option<(u64, i64)> {
    let dim = i64::try_from(dim).ok()?;
    let wrap = |x: i64| if x < 0 { x.saturating_add(dim) } else { x };
    let (start, span) = match step {
        1.. => {
            let start = wrap(start).clamp(0, dim);
            (start, wrap(end).clamp(0, dim) - start)
        }
        ..0 if dim > 0 => {
            let start = wrap(start).clamp(0, dim - 1);
            (start, start - wrap(end).clamp(-1, dim - 1))
        }
        ..0 => (0, 0),
        0 => return None,
    };
    Some((span.max(0).cast_unsigned().div_ceil(step.unsigned_abs()), start))
}

/// Windows that slide over the spatial axes: kernel, stride, dilation, padding at both ends.
pub(super) struct Window<'a> {
    pub kernel: &'a [u64],
    pub strides: Option<&'a [i64]>,
    pub dilations: Option<&'a [i64]>,
    pub pads: Option<&'a [i64]>,
    pub auto_pad: Option<&'a str>,
    pub ceil: bool,
}

impl Window<'_> {
    fn at(list: Option<&[i64]>, i: usize, absent: u64) -> Option<u64> {
        match list.filter(|list| !list.is_empty()) {
            None => Some(absent),
            Some(list) => list.get(i).and_then(|n| u64::try_from(*n).ok()),
        }
    }

    /// The extent of a window, dilation included.
    fn reach(&self, i: usize) -> Option<u64> {
        self.kernel.get(i)?.checked_sub(1)?.checked_mul(Self::at(self.dilations, i, 1)?)?.checked_add(1)
    }

    fn padding(&self, i: usize) -> Option<u64> {
        Self::at(self.pads, i, 0)?.checked_add(Self::at(self.pads, i + self.kernel.len(), 0)?)
    }

    /// Windows along each spatial axis of an input.
    pub fn slide(&self, spatial: &[u64]) -> Option<Vec<u64>> {
        if spatial.len() != self.kernel.len() {
            return None;
        }
        let along = |(i, dim): (usize, &u64)| -> Option<u64> {
            let stride = Self::at(self.strides, i, 1)?;
            match self.auto_pad {
                Some("SAME_UPPER" | "SAME_LOWER") => (stride > 0).then(|| dim.div_ceil(stride)),
                Some("VALID") => dim.checked_sub(self.reach(i)?)?.checked_div(stride)?.checked_add(1),
                _ => {
                    let room = dim.checked_add(self.padding(i)?)?.checked_sub(self.reach(i)?)?;
                    let steps = room.checked_div(stride)?;
                    steps.checked_add(1 + u64::from(self.ceil && !room.is_multiple_of(stride)))
                }
            }
        };
        spatial.iter().enumerate().map(along).collect()
    }

    /// What a transposed convolution makes of each spatial axis.
    pub fn spread(&self, spatial: &[u64], extra: Option<&[i64]>) -> Option<Vec<u64>> {
        if spatial.len() != self.kernel.len() || !matches!(self.auto_pad, None | Some("NOTSET")) {
            return None;
        }
        let along = |(i, dim): (usize, &u64)| -> Option<u64> {
            let steps = dim.checked_sub(1)?.checked_mul(Self::at(self.strides, i, 1)?)?;
            let grown = steps.checked_add(self.reach(i)?)?.checked_add(Self::at(extra, i, 0)?)?;
            grown.checked_sub(self.padding(i)?)
        };
        spatial.iter().enumerate().map(along).collect()
    }
}
