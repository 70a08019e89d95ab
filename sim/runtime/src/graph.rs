//! Walks an ONNX model's bytes and refuses what must not reach an engine. Opens no file.

use std::collections::{BTreeMap, BTreeSet};

use crate::TensorSpec;
use crate::declared::{element_bytes, elements, text_field, value_info};
use crate::wire::{Message, Value};

/// Graphs within graphs (the bodies of `If`, `Loop`, `Scan`). Exporters stay below 4; an engine recurses over them.
const MAX_DEPTH: usize = 16;
/// Domains that ONNX Runtime's processor build implements. Anything else would need a library of operators.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    pub(crate) external: Vec<External>,
}

/// A tensor whose bytes are in another file.
#[derive(Debug)]
pub(crate) struct External {
    pub(crate) tensor: String,
    pub(crate) location: String,
    pub(crate) offset: String,
    pub(crate) length: String,
    /// Bytes the declared shape needs; `None` for element types that are not counted in bytes.
    pub(crate) needs: Option<u64>,
}

/// Why a model is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Not a protobuf message, or one cut short.
    Garbled(String),
    /// A graph that cannot be run.
    Graph(String),
    Operator {
        operator: String,
        domain: String,
        reason: String,
    },
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Garbled(text)
    }
}

pub(crate) type Walk<T> = Result<T, Refusal>;

/// Reads a whole `ModelProto`.
pub(crate) fn read(bytes: &[u8]) -> Walk<Graph> {
    let model = Message::whole(bytes);
    let mut walker = Walker::default();
    let mut graphs = Vec::new();
    let mut opsets = 0;
    let mut functions = Vec::new();
    let mut fields = model.fields();
    while let Some(field) = fields.next()? {
        match field {
            (7, Value::Bytes(graph)) => graphs.push(graph),
            (8, Value::Bytes(_)) => opsets += 1,
            (20, _) => return Err(Refusal::Graph("it carries training graphs; export it for inference".to_owned())),
            (25, Value::Bytes(function)) => functions.push(function),
            _ => {}
        }
    }
    let [graph] = graphs[..] else {
        return Err(Refusal::Garbled(format!("it holds {} graphs instead of one", graphs.len())));
    };
    if opsets == 0 {
        return Err(Refusal::Garbled("it names no operator set".to_owned()));
    }
    for function in &functions {
        walker.declare(*function)?;
    }
    for function in functions {
        walker.function(function)?;
    }
    walker.no_endless_functions()?;
    walker.main_graph(graph)?;
    Ok(walker.found)
}

#[derive(Default)]
struct Walker {
    found: Graph,
    /// Functions the model brings along: (domain, name) and what each of them calls.
    functions: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    /// Operators of the function or graph being walked.
    calls: BTreeSet<(String, String)>,
}

impl Walker {
    fn main_graph(&mut self, graph: Message) -> Walk<()> {
        let mut initialised = BTreeSet::new();
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let mut fields = graph.fields();
        while let Some(field) = fields.next()? {
            match field {
                (5, Value::Bytes(tensor)) => {
                    initialised.insert(text_field(tensor, 8)?.to_owned());
                }
                (11, Value::Bytes(value)) => inputs.push(value),
                (12, Value::Bytes(value)) => outputs.push(value),
                _ => {}
            }
        }
        // Old models list their weights among the inputs.
        let is_input = |value: &Message| text_field(*value, 1).is_ok_and(|name| !initialised.contains(name));
        for value in inputs.into_iter().filter(is_input) {
            let spec = value_info(value, "input")?;
            self.found.inputs.push(spec);
        }
        for value in outputs {
            let spec = value_info(value, "output")?;
            self.found.outputs.push(spec);
        }
        if self.found.outputs.is_empty() {
            return Err(Refusal::Graph("it has no outputs; export it with at least one".to_owned()));
        }
        self.graph(graph, 0)
    }

    fn graph(&mut self, graph: Message, depth: usize) -> Walk<()> {
        if depth > MAX_DEPTH {
            let reason = format!("its graphs are nested more than {MAX_DEPTH} deep; flatten its loops and branches");
            return Err(Refusal::Graph(reason));
        }
        let mut fields = graph.fields();
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(node)) => self.node(node, depth)?,
                (5, Value::Bytes(tensor)) => self.tensor(tensor, true)?,
                (15, Value::Bytes(sparse)) => self.sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, node: Message, depth: usize) -> Walk<()> {
        let operator = text_field(node, 4)?.to_owned();
        let domain = text_field(node, 7)?.to_owned();
        self.operator(&operator, &domain)?;
        self.calls.insert((domain, operator));
        let mut fields = node.fields();
        while let Some((number, value)) = fields.next()? {
            if let (5, Value::Bytes(attribute)) = (number, value) {
                self.attribute(attribute, depth)?;
            }
        }
        Ok(())
    }

    fn operator(&self, operator: &str, domain: &str) -> Walk<()> {
        let refuse = |reason: &str| {
            let domain = if domain.is_empty() { "ai.onnx" } else { domain }.to_owned();
            Err(Refusal::Operator { operator: operator.to_owned(), domain, reason: reason.to_owned() })
        };
        if operator == "EPContext" {
            return refuse(
                "it embeds a compiled engine, which is executable code; use the plain model it was compiled from",
            );
        }
        if operator.is_empty() {
            return refuse("it has no name; export the model again");
        }
        let known = DOMAINS.contains(&domain) || self.functions.contains_key(&(domain.to_owned(), operator.to_owned()));
        if known { Ok(()) } else { refuse("the domain is unknown; export with standard ONNX operators only") }
    }

    fn attribute(&mut self, attribute: Message, depth: usize) -> Walk<()> {
        let mut fields = attribute.fields();
        while let Some(field) = fields.next()? {
            match field {
                (5 | 10, Value::Bytes(tensor)) => self.tensor(tensor, false)?,
                (6 | 11, Value::Bytes(graph)) => self.graph(graph, depth + 1)?,
                (22 | 23, Value::Bytes(sparse)) => self.sparse(sparse)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn sparse(&mut self, sparse: Message) -> Walk<()> {
        let mut fields = sparse.fields();
        let mut dims = Vec::new();
        while let Some(field) = fields.next()? {
            match field {
                (1 | 2, Value::Bytes(tensor)) => self.tensor(tensor, false)?,
                (3, Value::Varint(n)) => dims.push(n),
                (3, Value::Bytes(packed)) => dims.extend(packed.packed()?),
                _ => {}
            }
        }
        elements(&dims, "a sparse tensor").map(|_| ())
    }

    /// Only a graph's initialisers may keep their data elsewhere: those are handed to engines as bytes.
    fn tensor(&mut self, tensor: Message, initialiser: bool) -> Walk<()> {
        let name = text_field(tensor, 8)?;
        let mut dims = Vec::new();
        let (mut data_type, mut place, mut raw) = (0, 0, None);
        let mut entries = BTreeMap::new();
        let mut fields = tensor.fields();
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Varint(n)) => dims.push(n),
                (1, Value::Bytes(packed)) => dims.extend(packed.packed()?),
                (2, Value::Varint(n)) => data_type = n,
                (9, Value::Bytes(bytes)) => raw = Some(bytes.len() as u64),
                (13, Value::Bytes(entry)) => {
                    entries.insert(text_field(entry, 1)?, text_field(entry, 2)?);
                }
                (14, Value::Varint(n)) => place = n,
                _ => {}
            }
        }
        let count = elements(&dims, &format!("tensor `{name}`"))?;
        let needs = element_bytes(data_type).map(|size| size * count);
        // Empty: the numbers are in one of the typed fields.
        if let (Some(raw), Some(needs)) = (raw.filter(|raw| *raw > 0), needs)
            && raw != needs
        {
            let reason = format!("tensor `{name}` has {raw} bytes of data, its shape needs {needs}");
            return Err(Refusal::Garbled(reason));
        }
        if place == 1 || !entries.is_empty() {
            if !initialiser {
                let reason = format!(
                    "tensor `{name}` of an operator keeps its data in another file; save the model as one file"
                );
                return Err(Refusal::Graph(reason));
            }
            let entry = |key| entries.get(key).copied().unwrap_or_default().to_owned();
            self.found.external.push(External {
                tensor: name.to_owned(),
                location: entry("location"),
                offset: entry("offset"),
                length: entry("length"),
                needs,
            });
        }
        Ok(())
    }

    fn declare(&mut self, function: Message) -> Walk<()> {
        let key = (text_field(function, 10)?.to_owned(), text_field(function, 1)?.to_owned());
        self.functions.insert(key, BTreeSet::new());
        Ok(())
    }

    fn function(&mut self, function: Message) -> Walk<()> {
        let key = (text_field(function, 10)?.to_owned(), text_field(function, 1)?.to_owned());
        self.calls.clear();
        let mut fields = function.fields();
        while let Some((number, value)) = fields.next()? {
            if let (7, Value::Bytes(node)) = (number, value) {
                self.node(node, 1)?;
            }
        }
        let calls = std::mem::take(&mut self.calls);
        self.functions.entry(key).or_default().extend(calls);
        Ok(())
    }

    /// An engine expands functions in place, so one that calls itself would never end.
    fn no_endless_functions(&self) -> Walk<()> {
        let mut calls: BTreeMap<_, BTreeSet<_>> = self
            .functions
            .iter()
            .map(|(key, calls)| (key, calls.iter().filter(|call| self.functions.contains_key(call)).collect()))
            .collect();
        // Take away functions that call nothing that is left; a circle stays.
        while !calls.is_empty() {
            let done: BTreeSet<_> = calls.iter().filter(|(_, calls)| calls.is_empty()).map(|(key, _)| *key).collect();
            if done.is_empty() {
                let names: Vec<_> = calls.keys().map(|(_, name)| name.as_str()).collect();
                return Err(Refusal::Graph(format!("its functions call themselves without end: {}", names.join(", "))));
            }
            calls.retain(|key, _| !done.contains(key));
            for calls in calls.values_mut() {
                calls.retain(|call| !done.contains(call));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64 (Marsaglia 2003): the same mutations on every machine.
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as usize
    }

    #[test]
    fn mutated_models_are_read_or_refused_and_never_panic() {
        let models: [&[u8]; 3] = [
            include_bytes!("../tests/data/types.onnx"),
            include_bytes!("../tests/data/external.onnx"),
            include_bytes!("../tests/data/conv.onnx"),
        ];
        let seed = 0x5eed_0001;
        println!("seed {seed:#x}");
        let mut state = seed;
        for _ in 0..50_000 {
            let mut bytes = models[random(&mut state) % models.len()].to_vec();
            for _ in 0..=random(&mut state) % 8 {
                let at = random(&mut state) % bytes.len();
                match random(&mut state) % 3 {
                    0 => bytes[at] = random(&mut state) as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, random(&mut state) as u8),
                }
            }
            let _ = read(&bytes);
        }
    }
}
