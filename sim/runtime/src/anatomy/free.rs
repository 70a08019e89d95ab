//! Operators that do not count, and what they make of shapes: followed by value where small integers become shapes.

use super::node::Node;
use super::rules::{Inputs, window};
use super::shapes::{Known, axes, axis, broadcast, product, reshape, slice};

/// Tensors of more numbers than this are not followed by value.
const MAX_FOLLOWED: u64 = 1024;

/// Operators that do not count, with a rule for their shapes in [`free`] or none.
pub(super) const FREE: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Cos",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearAdd",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearSigmoid",
    "QuantizeLinear",
    "RMSNormalization",
    "Range",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
];

/// The outputs of an operator that does not count; `None` where they cannot be followed.
pub(super) fn free(node: &Node, inputs: &Inputs) -> Option<Vec<Known>> {
    let first = || inputs.at(0);
    let one = |known: Known| Some(vec![known]);
    match node.operator {
        "Identity" | "Cast" => one(first()?.clone()),
        "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" => one(combine(node.operator, inputs)?),
        "And" | "Or" | "Xor" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Mod" | "Pow"
        | "PRelu" => one(Known::shaped(broadcast(&first()?.shape, &inputs.at(1)?.shape)?)),
        "QLinearAdd" | "QLinearMul" => one(Known::shaped(broadcast(&first()?.shape, &inputs.at(3)?.shape)?)),
        "Where" | "Sum" | "Mean" => {
            let all = (0..inputs.0.len()).try_fold(Vec::new(), |shape, i| broadcast(&shape, &inputs.at(i)?.shape))?;
            one(Known::shaped(all))
        }
        "Constant" => one(constant(node)?),
        "ConstantOfShape" | "Expand" | "Tile" | "Range" | "Reshape" => one(by_value(node, inputs)?),
        "Shape" | "Size" => one(measured(node, first()?)?),
        "Concat" => one(concat(node, inputs)?),
        "Flatten" => {
            let shape = &first()?.shape;
            let at = match node.int("axis").unwrap_or(1) {
                at if at == shape.len() as i64 => shape.len(),
                at => axis(at, shape.len())?,
            };
            one(Known::shaped(vec![product(&shape[..at])?, product(&shape[at..])?]))
        }
        "Transpose" => {
            let shape = &first()?.shape;
            let reversed: Vec<i64> = (0..shape.len() as i64).rev().collect();
            let order = node.ints("perm").unwrap_or(&reversed);
            let turned = order.iter().map(|a| axis(*a, shape.len()).map(|a| shape[a])).collect::<Option<_>>()?;
            one(Known::shaped(turned))
        }
        "Squeeze" | "Unsqueeze" => one(squeeze(node, inputs)?),
        "Slice" => one(cut(node, inputs)?),
        "Gather" => one(gather(node, inputs)?),
        "Split" => split(node, inputs),
        "Pad" => one(pad(node, inputs)?),
        "MaxPool" | "AveragePool" => {
            let [batch, channels, spatial @ ..] = &first()?.shape[..] else { return None };
            let kernel: Vec<u64> = node.ints("kernel_shape")?.iter().map(|n| n.cast_unsigned()).collect();
            let windows = window(node, &kernel).slide(spatial)?;
            one(Known::shaped([&[*batch, *channels], &windows[..]].concat()))
        }
        "GlobalAveragePool" | "GlobalMaxPool" | "QLinearGlobalAveragePool" => {
            let [batch, channels, spatial @ ..] = &first()?.shape[..] else { return None };
            one(Known::shaped([&[*batch, *channels], &vec![1; spatial.len()][..]].concat()))
        }
        name if name.starts_with("Reduce") || name.starts_with("Arg") => one(reduce(node, inputs)?),
        "DepthToSpace" | "SpaceToDepth" | "GatherElements" | "GatherND" | "NonZero" | "OneHot" | "Resize" | "TopK"
        | "Upsample" => None,
        // All that is left works element by element.
        _ => one(Known::shaped(first()?.shape.clone())),
    }
}

/// Arithmetic that broadcasts, followed by value for small integers.
fn combine(operator: &str, inputs: &Inputs) -> Option<Known> {
    let shape = (0..inputs.0.len()).try_fold(Vec::new(), |shape, i| broadcast(&shape, &inputs.at(i)?.shape))?;
    let value = || {
        let (a, b) = (inputs.ints(0)?, inputs.ints(1)?);
        let n = a.len().max(b.len());
        let fits = |x: &[i64]| x.len() == n || x.len() == 1;
        let pick = |x: &[i64], i: usize| if x.len() == 1 { x[0] } else { x[i] };
        let each = |i| {
            let (a, b) = (pick(a, i), pick(b, i));
            match operator {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                "Div" => a.checked_div(b),
                "Max" => Some(a.max(b)),
                _ => Some(a.min(b)),
            }
        };
        (inputs.0.len() == 2 && fits(a) && fits(b) && shape.len() <= 1)
            .then(|| (0..n).map(each).collect::<Option<_>>())?
    };
    Some(Known { ints: value(), shape })
}

fn constant(node: &Node) -> Option<Known> {
    if let Some(tensor) = node.tensor("value") {
        return Some(tensor.clone());
    }
    if let Some(ints) = node.ints("value_ints") {
        return Some(Known::vector(ints.to_vec()));
    }
    node.int("value_int").map(|n| Known { shape: Vec::new(), ints: Some(vec![n]) })
}

/// Shapes that stand in another tensor.
fn by_value(node: &Node, inputs: &Inputs) -> Option<Known> {
    let whole = |ints: &[i64]| ints.iter().map(|n| u64::try_from(*n).ok()).collect::<Option<Vec<u64>>>();
    match node.operator {
        "ConstantOfShape" => Some(Known::shaped(whole(inputs.ints(0)?)?)),
        "Expand" => Some(Known::shaped(broadcast(&inputs.at(0)?.shape, &whole(inputs.ints(1)?)?)?)),
        "Tile" => {
            let (shape, times) = (&inputs.at(0)?.shape, whole(inputs.ints(1)?)?);
            let tiled = shape.iter().zip(&times).map(|(n, times)| n.checked_mul(*times)).collect::<Option<_>>()?;
            (times.len() == shape.len()).then_some(Known::shaped(tiled))
        }
        "Range" => {
            let (&[from], &[to], &[step]) = (inputs.ints(0)?, inputs.ints(1)?, inputs.ints(2)?) else { return None };
            let count = to.checked_sub(from)?.checked_div(step)?;
            let within = |x: &i64| if step > 0 { *x < to } else { *x > to };
            (0..MAX_FOLLOWED as i64).contains(&count).then(|| {
                let all = std::iter::successors(Some(from), |x| x.checked_add(step));
                Known::vector(all.take_while(within).collect())
            })
        }
        _ => {
            let from = inputs.at(0)?;
            let shape = reshape(&from.shape, inputs.ints(1)?, node.flag("allowzero"))?;
            Some(Known { shape, ints: from.ints.clone() })
        }
    }
}

fn measured(node: &Node, of: &Known) -> Option<Known> {
    let dims: Vec<i64> = of.shape.iter().map(|n| i64::try_from(*n).ok()).collect::<Option<_>>()?;
    if node.operator == "Size" {
        return Some(Known { shape: Vec::new(), ints: Some(vec![i64::try_from(of.elements()?).ok()?]) });
    }
    let rank = dims.len() as i64;
    let at = |n: i64| (if n < 0 { n.saturating_add(rank) } else { n }).clamp(0, rank) as usize;
    let (from, to) = (at(node.int("start").unwrap_or(0)), at(node.int("end").unwrap_or(rank)));
    Some(Known::vector(dims.get(from..to.max(from))?.to_vec()))
}

fn concat(node: &Node, inputs: &Inputs) -> Option<Known> {
    let parts: Vec<&Known> = (0..inputs.0.len()).map(|i| inputs.at(i)).collect::<Option<_>>()?;
    let mut shape = parts.first()?.shape.clone();
    let at = axis(node.int("axis")?, shape.len())?;
    shape[at] = 0;
    for part in &parts {
        shape[at] = shape[at].checked_add(*part.shape.get(at)?)?;
    }
    let ints: Option<Vec<&[i64]>> = parts.iter().map(|part| part.ints.as_deref()).collect();
    let ints = ints.filter(|_| shape.len() == 1 && shape[0] <= MAX_FOLLOWED).map(|ints| ints.concat());
    Some(Known { shape, ints })
}

/// Axes stood in an attribute before opset 13.
fn listed<'a>(node: &'a Node, inputs: &Inputs<'a>, place: usize) -> Option<&'a [i64]> {
    inputs.ints(place).or_else(|| node.ints("axes"))
}

fn squeeze(node: &Node, inputs: &Inputs) -> Option<Known> {
    let from = inputs.at(0)?;
    let list = listed(node, inputs, 1);
    let mut shape = from.shape.clone();
    if node.operator == "Unsqueeze" {
        let list = list?;
        for at in axes(list, shape.len() + list.len())? {
            shape.insert(at, 1);
        }
    } else {
        let gone = match list {
            Some(list) => axes(list, shape.len())?,
            None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
        };
        shape = shape.into_iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, n)| n).collect();
    }
    Some(Known { shape, ints: from.ints.clone() })
}

fn cut(node: &Node, inputs: &Inputs) -> Option<Known> {
    let from = inputs.at(0)?;
    let (starts, ends) = match node.ints("starts") {
        Some(starts) => (starts, node.ints("ends")?),
        None => (inputs.ints(1)?, inputs.ints(2)?),
    };
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let given = node.ints("axes").or_else(|| inputs.ints(3));
    let (along, steps) = (given.unwrap_or(&all), inputs.ints(4));
    let (mut shape, mut ints) = (from.shape.clone(), from.ints.clone());
    for (i, start) in starts.iter().enumerate() {
        let at = axis(*along.get(i)?, shape.len())?;
        let step = steps.map_or(Some(1), |steps| steps.get(i).copied())?;
        let (count, first) = slice(shape[at], *start, *ends.get(i)?, step)?;
        shape[at] = count;
        ints = ints.filter(|ints| from.rank() == 1 && count <= ints.len() as u64).and_then(|ints| {
            (0..count as i64).map(|k| ints.get(usize::try_from(first + k * step).ok()?).copied()).collect()
        });
    }
    Some(Known { shape, ints })
}

fn gather(node: &Node, inputs: &Inputs) -> Option<Known> {
    let (from, indices) = (inputs.at(0)?, inputs.at(1)?);
    let at = axis(node.int("axis").unwrap_or(0), from.rank())?;
    let shape = [&from.shape[..at], &indices.shape[..], &from.shape[at + 1..]].concat();
    let pick = || {
        let values = from.ints.as_ref().filter(|_| from.rank() == 1)?;
        indices.ints.as_ref()?.iter().map(|i| values.get(axis(*i, values.len())?).copied()).collect()
    };
    Some(Known { shape, ints: pick() })
}

fn split(node: &Node, inputs: &Inputs) -> Option<Vec<Known>> {
    let from = inputs.at(0)?;
    let at = axis(node.int("axis").unwrap_or(0), from.rank())?;
    let parts = node.outputs.len() as u64;
    let even = from.shape[at].div_ceil(parts.max(1));
    let sizes: Vec<u64> = match inputs.ints(1).or_else(|| node.ints("split")) {
        Some(sizes) => sizes.iter().map(|n| u64::try_from(*n).ok()).collect::<Option<_>>()?,
        None => (0..parts).map(|i| even.min(from.shape[at].saturating_sub(i * even))).collect(),
    };
    let part = |size: u64| {
        let mut shape = from.shape.clone();
        shape[at] = size;
        Known::shaped(shape)
    };
    Some(sizes.into_iter().map(part).collect())
}

fn pad(node: &Node, inputs: &Inputs) -> Option<Known> {
    let mut shape = inputs.at(0)?.shape.clone();
    let pads = node.ints("pads").or_else(|| inputs.ints(1))?;
    let every: Vec<i64> = (0..shape.len() as i64).collect();
    let along = inputs.ints(3).unwrap_or(&every);
    for (i, a) in along.iter().enumerate() {
        let at = axis(*a, shape.len())?;
        let more = pads.get(i)?.checked_add(*pads.get(i + along.len())?)?;
        shape[at] = shape[at].checked_add_signed(more)?;
    }
    Some(Known::shaped(shape))
}

fn reduce(node: &Node, inputs: &Inputs) -> Option<Known> {
    let from = inputs.at(0)?;
    let single;
    let list = if node.operator.starts_with("Arg") {
        single = [node.int("axis").unwrap_or(0)];
        Some(&single[..])
    } else {
        listed(node, inputs, 1)
    };
    let gone = match list.filter(|list| !list.is_empty()) {
        Some(list) => axes(list, from.rank())?,
        None if node.flag("noop_with_empty_axes") => Vec::new(),
        None => (0..from.rank()).collect(),
    };
    let keep = node.int("keepdims").unwrap_or(1) == 1;
    let dims = from.shape.iter().enumerate();
    let left = dims.filter_map(|(i, n)| if gone.contains(&i) { keep.then_some(1) } else { Some(*n) });
    Some(Known::shaped(left.collect()))
}
