//! Whether a network can drive a robot: its declared tensors against the contracts.

use pilot::{Contract, TensorSpec};
use plant::Robot;
use runtime::{Element, ModelInfo};

/// A network that is nearly, but not quite, one that could drive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model is no pilot of this robot: {found}; {expected}")]
pub struct Misfit {
    /// What does not fit.
    pub found: String,
    /// What the contract asks.
    pub expected: String,
}

/// The contract that a model follows with this robot; `None` for a stranger, such as an image classifier, which can be run
/// and timed but not drive.
///
/// # Errors
/// When at least half of its inputs are named, perhaps in other letters, as a pilot's are, or all of them as those of
/// another robot's, and yet something does not fit: it was meant to drive.
pub fn fit(model: &ModelInfo, robot: &Robot) -> Result<Option<Contract>, Misfit> {
    let contracts = Contract::of(robot);
    let misfit = |found: String| Misfit { found, expected: expected(contracts) };
    let names = || model.inputs.iter().map(|input| input.name.as_str());
    match Contract::named(names()) {
        Some(contract) if contracts.contains(&contract) => {
            tensors(model, contract).map_or(Ok(Some(contract)), |found| Err(misfit(found)))
        }
        Some(_) => Err(misfit(format!("its inputs {} are another robot's", declared(&model.inputs)))),
        None => {
            let known = || contracts.iter().flat_map(|contract| contract.inputs()).map(|input| input.name);
            let alike = names().filter(|name| known().any(|known| meant(name, known))).count();
            if 2 * alike < model.inputs.len() || alike == 0 {
                return Ok(None);
            }
            Err(misfit(format!("its inputs are {}", declared(&model.inputs))))
        }
    }
}

/// Whether somebody who wrote `name` meant `known`: other letters, a plural, an underscore.
fn meant(name: &str, known: &str) -> bool {
    let name = name.to_lowercase();
    name.trim_matches(|c: char| !c.is_alphabetic()).trim_end_matches('s') == known
}

/// The first tensor that does not fit.
fn tensors(model: &ModelInfo, contract: Contract) -> Option<String> {
    let fits = |tensor: &runtime::TensorSpec, shape: &[usize]| {
        let axes = tensor.shape.len() == shape.len()
            && tensor.shape.iter().zip(shape).all(|(has, is)| has.is_none_or(|n| n == *is));
        axes && matches!(tensor.element, Element::F32 | Element::F16)
    };
    for input in &model.inputs {
        let wanted = contract.inputs().iter().find(|wanted| wanted.name == input.name)?;
        if !fits(input, wanted.shape) {
            return Some(format!("its input is {input}"));
        }
    }
    match model.outputs.first() {
        Some(output) if output.name == contract.output().name && fits(output, contract.output().shape) => None,
        Some(output) => Some(format!("its first output is {output}")),
        None => Some("it has no output".into()),
    }
}

fn declared(tensors: &[runtime::TensorSpec]) -> String {
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn expected(contracts: &[Contract]) -> String {
    let shape = |shape: &[usize]| shape[1..].iter().fold(String::new(), |text, n| text + &format!(", {n}"));
    let tensor = |input: &TensorSpec| format!("`{}` f32 [N{}]", input.name, shape(input.shape));
    let one = |contract: &Contract| {
        let inputs: Vec<String> = contract.inputs().iter().map(tensor).collect();
        format!("{} in, {} out", inputs.join(", "), tensor(&contract.output()))
    };
    let all: Vec<String> = contracts.iter().map(one).collect();
    format!(
        "a pilot takes {}; or, to be timed only while the expert drives, `pilot = \"surrogate\"`",
        all.join("; or ")
    )
}

#[cfg(test)]
mod tests {
    use plant::{balancer_default, rover_default};

    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> runtime::TensorSpec {
        let axes = shape.iter().enumerate().map(|(i, n)| (i > 0).then_some(*n)).collect();
        runtime::TensorSpec { name: name.into(), element: Element::F32, shape: axes }
    }

    fn model(inputs: &[(&str, &[usize])], output: (&str, &[usize])) -> ModelInfo {
        ModelInfo {
            path: "m.onnx".into(),
            sha256: String::new(),
            inputs: inputs.iter().map(|(name, shape)| tensor(name, shape)).collect(),
            outputs: vec![tensor(output.0, output.1)],
            bytes: 0,
        }
    }

    const SCAN: (&str, &[usize]) = ("scan", &[1, 3, 360]);
    const STATE: (&str, &[usize]) = ("state", &[1, 6]);
    const DEPTH: (&str, &[usize]) = ("depth", &[1, 1, 48, 64]);
    const LOGITS: (&str, &[usize]) = ("logits", &[1, 65]);

    fn rover(model: &ModelInfo) -> Result<Option<Contract>, String> {
        fit(model, &Robot::Rover(rover_default())).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn the_contract_is_told_by_the_inputs() {
        assert_eq!(rover(&model(&[STATE, SCAN], LOGITS)), Ok(Some(Contract::Rover)));
        assert_eq!(rover(&model(&[DEPTH, STATE, SCAN], LOGITS)), Ok(Some(Contract::CameraRover)));
        let balancer = model(&[("body", &[1, 4])], ("acceleration", &[1, 1]));
        assert_eq!(fit(&balancer, &Robot::Balancer(balancer_default())), Ok(Some(Contract::Balancer)));
    }

    #[test]
    fn a_stranger_is_only_timed() {
        assert_eq!(rover(&model(&[("image", &[1, 3, 224, 224])], ("classes", &[1, 1000]))), Ok(None));
        assert_eq!(rover(&model(&[("tokens", &[1, 8]), ("mask", &[1, 8]), ("state", &[1, 6])], LOGITS)), Ok(None));
        assert_eq!(rover(&model(&[], LOGITS)), Ok(None));
    }

    #[test]
    fn what_was_meant_to_drive_is_told_what_the_contract_asks() {
        let mut halves = model(&[SCAN, STATE], LOGITS);
        halves.inputs[1].element = Element::I64;
        for (model, found) in [
            (model(&[("Scans", SCAN.1), STATE], LOGITS), "its inputs are `Scans` f32 [?, 3, 360], `state` f32 [?, 6]"),
            (model(&[SCAN, STATE, ("image", DEPTH.1)], LOGITS), "`image` f32 [?, 1, 48, 64]"),
            (model(&[SCAN, STATE, ("depth", &[1, 48, 64, 1])], LOGITS), "its input is `depth` f32 [?, 48, 64, 1]"),
            (model(&[SCAN, STATE], ("logits", &[1, 12])), "its first output is `logits` f32 [?, 12]"),
            (model(&[SCAN, STATE], ("y", &[1, 65])), "its first output is `y` f32 [?, 65]"),
            (model(&[("body", &[1, 4])], ("acceleration", &[1, 1])), "are another robot's"),
            (halves, "its input is `state` i64 [?, 6]"),
        ] {
            let said = rover(&model).unwrap_err();
            assert!(said.contains(found), "{said}");
            assert!(said.contains("`depth` f32 [N, 1, 48, 64] in, `logits` f32 [N, 65] out"), "{said}");
        }
    }
}
