use super::*;

fn work(mb: f64) -> Workload {
    Workload { name: "n".into(), macs: 1e9, weights: mb * 1e6, activations: 1e6, int8: true }
}

fn typical(text: &str, own: &Workload) -> f64 {
    median_ms(&device(text, Some(own), &Conditions::default()).unwrap().profile)
}

#[test]
fn every_device_and_point_that_ships_is_sound() {
    let all = roofline();
    assert!(all.devices.len() >= 7 && all.networks.len() >= 12 && all.points.len() >= 21);
    for spec in &all.devices {
        assert!(spec.sound(), "{}", spec.name);
        for mode in std::iter::once(String::new()).chain(spec.modes.iter().map(|mode| format!("@{}", mode.name))) {
            let name = format!("{}{mode}:resnet50", spec.name);
            let modelled = device(&name, None, &Conditions::default()).unwrap();
            assert!(median_ms(&modelled.profile) > 0.1, "{name}");
            assert!(
                modelled.profile.label.contains("roofline") && modelled.profile.source.contains("general knowledge")
            );
            assert!(modelled.body.thermal.active_w >= modelled.body.thermal.idle_w);
        }
    }
    for point in &all.points {
        profile(&point.profile).unwrap();
        find(&all, &point.device).unwrap();
        network(&all, &point.network).unwrap();
    }
    assert!(all.networks.iter().all(|(_, work, source)| work.macs > 0.0 && !source.is_empty()));
}

#[test]
fn weights_beyond_the_sram_fall_off_a_cliff() {
    let at = |mb: f64| typical("coral-usb", &work(mb));
    assert_eq!(at(6.0), at(8.0), "what fits costs nothing");
    let ms_per_mb = (at(20.0) - at(15.0)) / 5.0;
    // A MB at 0.4 GB/s takes 2.5 ms.
    assert!((2.0..3.0).contains(&ms_per_mb), "{ms_per_mb}");
    assert!(at(20.0) > 3.0 * at(8.0), "{} against {}", at(20.0), at(8.0));
}

#[test]
fn less_power_is_slower_and_floats_are_slower() {
    let own = Workload { macs: 1e11, ..work(30.0) };
    let floats = Workload { int8: false, ..own.clone() };
    for (full, less) in [("agx-orin", "agx-orin@15w"), ("orin-nx", "orin-nx@10w"), ("jetson-nano", "jetson-nano@5w")] {
        assert!(typical(less, &own) > 1.3 * typical(full, &own), "{less}");
    }
    assert!(typical("agx-orin", &floats) > 1.5 * typical("agx-orin", &own));
    assert_eq!(typical("jetson-nano", &floats), typical("jetson-nano", &own), "it has no INT8");
    let label = device("coral-usb", Some(&floats), &Conditions::default()).unwrap().profile.label;
    assert!(label.contains("as if quantised"), "{label}");
}

#[test]
fn the_tail_is_the_recorded_one_in_proportion() {
    let modelled = device("xavier-nx", Some(&work(20.0)), &Conditions::default()).unwrap().profile;
    let recorded = profile("xavier-nx-resnet50").unwrap();
    for ((_, own), (q, theirs)) in modelled.quantiles.iter().zip(&recorded.quantiles) {
        let (own, theirs) = (own.ms() / median_ms(&modelled), theirs.ms() / median_ms(&recorded));
        assert!((own - theirs).abs() < 1e-4, "at {q}: {own} against {theirs}");
    }
}

#[test]
fn mistakes_are_told() {
    let error = |text: &str| device(text, None, &Conditions::default()).unwrap_err();
    assert!(error("agx-orn:vgg16").help_line().starts_with("did you mean `agx-orin`?"));
    assert!(error("agx-orin@31w:vgg16").help_line().contains("modes: 50w, 30w, 15w"));
    assert!(error("agx-orin:vgg").help_line().starts_with("did you mean `vgg16`?"));
    assert!(error("agx-orin").message().contains("no network runs"));
    assert!(error("nowhere.toml#x:vgg16").message().contains("cannot be read"));
}
