use super::*;

fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "found {found}, expected {wanted}");
}

#[test]
fn wilson_as_published() {
    // Newcombe, Statistics in Medicine 17:857-872 (1998), table I, method 3.
    for (r, n, lo, hi) in
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    {
        let found = wilson(r, n);
        near(found.lo, lo, 5e-5);
        near(found.hi, hi, 5e-5);
    }
}

#[test]
fn wilson_at_its_borders() {
    assert_eq!(wilson(0, 0), Estimate { rate: 0.0, lo: 0.0, hi: 1.0 });
    assert_eq!((wilson(0, 7).lo, wilson(7, 7).hi), (0.0, 1.0));
    for n in 1..60 {
        for r in 0..=n {
            let e = wilson(r, n);
            assert!(0.0 <= e.lo && e.lo <= e.rate && e.rate <= e.hi && e.hi <= 1.0, "{r} of {n}: {e:?}");
        }
    }
}

#[test]
fn mcnemar_as_published() {
    // Fay, "Exact McNemar's test" (vignette of the R package exact2x2): 21, 9, 2, 12 gives p = 0.06543.
    let fay = Pairs { both: 21, only_a: 9, only_b: 2, neither: 12 };
    near(fay.mcnemar(), 0.065_43, 5e-6);
    // Bentur et al. 2009 and Cavo et al. 2012, in Fagerland, Lydersen, Laake, "Statistical Analysis of Contingency
    // Tables" (2017), chapter 8: exact conditional P = 0.0703 and 0.0525.
    near(Pairs { both: 1, only_a: 1, only_b: 7, neither: 12 }.mcnemar(), 0.0703, 5e-5);
    near(Pairs { both: 59, only_a: 6, only_b: 16, neither: 80 }.mcnemar(), 0.0525, 5e-5);
}

#[test]
fn mcnemar_without_a_difference() {
    assert_eq!(Pairs { both: 5, neither: 3, ..Pairs::default() }.mcnemar(), 1.0);
    assert_eq!(Pairs { only_a: 4, only_b: 4, ..Pairs::default() }.mcnemar(), 1.0);
    near(Pairs { only_a: 6, ..Pairs::default() }.mcnemar(), 2.0 / 64.0, 1e-12);
}

#[test]
fn newcombe_as_published() {
    // Cavo et al. 2012 in Fagerland, Lydersen, Laake (2017), chapter 8: -0.0621 (-0.1186 to -0.0046).
    let found = Pairs { both: 59, only_a: 6, only_b: 16, neither: 80 }.difference();
    near(found.rate, -0.0621, 5e-5);
    near(found.lo, -0.1186, 5e-5);
    near(found.hi, -0.0046, 5e-5);
}

#[test]
fn newcombe_turns_with_its_arms_and_stays_within_one() {
    for (both, only_a, only_b, neither) in
        [(3, 9, 1, 4), (0, 10, 0, 0), (10, 0, 0, 0), (0, 0, 0, 10), (5, 0, 0, 5), (0, 5, 5, 0)]
    {
        let there = Pairs { both, only_a, only_b, neither }.difference();
        let back = Pairs { both, only_a: only_b, only_b: only_a, neither }.difference();
        near(there.rate, -back.rate, 1e-12);
        near(there.lo, -back.hi, 1e-12);
        assert!(-1.0 <= there.lo && there.lo <= there.rate && there.rate <= there.hi && there.hi <= 1.0, "{there:?}");
    }
}

#[test]
fn holm_as_published() {
    // The example of R's documentation of `p.adjust` and of many textbooks: .01, .04, .03, .005.
    let found = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, wanted) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        near(*found, wanted, 1e-12);
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn a_mean_effect_of_one_kind_of_case_has_no_spread() {
    assert_eq!(mean_effect(&[0.5; 9]), Estimate { rate: 0.5, lo: 0.5, hi: 0.5 });
    let found = mean_effect(&[1.0, -1.0, 1.0, -1.0]);
    near(found.rate, 0.0, 1e-12);
    near(found.hi, 1.959_964 * (4.0f64 / 3.0 / 4.0).sqrt(), 1e-6);
}
