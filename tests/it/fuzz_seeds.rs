//! Replays every seed of the fuzz targets, and cut and mixed seeds.

use std::fs;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

#[test]
fn what_holds_for_any_bytes_holds_for_every_seed() {
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        for (number, seed) in seeds.iter().enumerate() {
            target(seed);
            let half = seed.len() / 2;
            target(&seed[..half]);
            target(&seed[half..]);
            let other = &seeds[(number + 1) % seeds.len()];
            target(&[&seed[..half], &other[other.len() / 2..]].concat());
        }
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let manifest = fs::read_to_string(format!("{}/Cargo.toml", fuzz())).unwrap();
    for (name, _) in targets::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is no binary of the fuzz crate");
        let target = fs::read_to_string(format!("{}/fuzz_targets/{name}.rs", fuzz())).unwrap();
        assert!(target.contains(&format!("imsgate_fuzz::{name}(data)")), "{target}");
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(format!("{}/seeds/{name}", fuzz()))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn fuzz() -> String {
    format!("{}/fuzz", env!("CARGO_MANIFEST_DIR"))
}
