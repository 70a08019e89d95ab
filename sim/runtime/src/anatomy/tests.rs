use super::*;

fn of(bytes: &[u8]) -> Anatomy {
    dissect(bytes).expect("a model")
}

/// The number that stands after `words` in a model's card.
fn carded(card: &str, words: &str) -> u64 {
    let rest = card.split_once(words).expect("the card says it").1;
    let digits: String =
        rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[test]
fn the_pilots_are_counted_as_their_cards_say() {
    let models: [(&[u8], &str); 2] = [
        (include_bytes!("../../../../assets/models/pilot.onnx"), include_str!("../../../../assets/models/pilot.md")),
        (
            include_bytes!("../../../../assets/models/pilot-wide.onnx"),
            include_str!("../../../../assets/models/pilot-wide.md"),
        ),
    ];
    for (bytes, card) in models {
        let found = of(bytes);
        assert_eq!(found.macs, Some(carded(card, "multiply-accumulates an inference: ")), "{:?}", found.uncounted);
        // The constants that turn a scan into x and y are stored beside the parameters.
        let params = carded(card, "Parameters: ");
        assert!((params..params + 800).contains(&found.params), "{} against {params}", found.params);
    }
}

#[test]
fn a_dense_and_a_convolutional_network() {
    let mlp = of(include_bytes!("../../tests/data/mlp.onnx"));
    assert_eq!(mlp.macs, Some(16 * 24 + 24 * 2));
    assert_eq!((mlp.params, mlp.weight_bytes), (16 * 24 + 24 + 24 * 2, 4 * (16 * 24 + 24 + 24 * 2)));
    assert_eq!(mlp.operators, [("Gemm", 1), ("MatMul", 1), ("Relu", 1)].map(|(n, c)| (n.to_owned(), c)).into());
    // Height and width are open: its weights are known, its work is not.
    let conv = of(include_bytes!("../../tests/data/conv.onnx"));
    assert_eq!((conv.macs, conv.params), (None, 4 * 3 * 3 * 3));
    assert!(conv.uncounted.unwrap().contains("`Conv` needs is not known"));
}

#[test]
fn a_quantised_network_counts_like_the_plain_one() {
    // 3 x 16 x 16 by a 3x3 convolution with stride 2 and padding 1 to 4 x 8 x 8, then 256 x 5.
    let work = Some(8 * 8 * 4 * 27 + 256 * 5);
    let qdq = of(include_bytes!("../../tests/data/qdq.onnx"));
    assert_eq!(qdq.macs, work);
    assert_eq!(qdq.params, 4 * 27 + 4 + 256 * 5 + 5, "without scales and zero points");
    assert_eq!(qdq.weight_bytes, 4 * 27 + 256 * 5 + 4 * (4 + 5), "weights of a byte, biases of four");
    let fused = of(include_bytes!("../../tests/data/qlinear.onnx"));
    assert_eq!(fused.macs, work);
}

#[test]
fn shapes_are_followed_through_their_own_arithmetic() {
    // Shape, Gather, Concat, Reshape, Slice, Transpose, Split and a GRU; numbers beside the script.
    let shapes = of(include_bytes!("../../tests/data/shapes.onnx"));
    assert_eq!((shapes.uncounted, shapes.macs), (None, Some(6 * 8 * 4 + 6 * (3 * 5 * 4 + 3 * 5 * 5))));
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let endless = of(include_bytes!("../../tests/data/loop.onnx"));
    assert_eq!(endless.macs, None);
    assert!(endless.uncounted.unwrap().contains("no rule for operator `Loop`"));
}

#[test]
fn mutated_models_are_counted_or_refused_and_never_panic() {
    let models: [&[u8]; 4] = [
        include_bytes!("../../tests/data/shapes.onnx"),
        include_bytes!("../../tests/data/qdq.onnx"),
        include_bytes!("../../tests/data/qlinear.onnx"),
        include_bytes!("../../tests/data/conv.onnx"),
    ];
    let seed = 0x5eed_0002u64;
    println!("seed {seed:#x}");
    let mut state = seed;
    // xorshift64 (Marsaglia 2003): the same mutations on every machine.
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..50_000 {
        let mut bytes = models[random() % models.len()].to_vec();
        for _ in 0..=random() % 8 {
            let at = random() % bytes.len();
            match random() % 3 {
                0 => bytes[at] = random() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random() as u8),
            }
        }
        let _ = (dissect(&bytes), quantised(&bytes));
    }
}
