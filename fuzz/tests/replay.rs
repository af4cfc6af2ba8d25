//! The checks of the fuzzer on stable: every example of the corpus, and a short loop of seeded mutations of them.
//!
//! The same input is made on every run. Longer runs, led by coverage: `make fuzz`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and prints the input that failed")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use automap_core::random::Rng;
use automap_fuzz::{TARGETS, Target};

/// Mutated inputs of each target.
const MUTATIONS: usize = 400;
/// Longest input that a mutation makes.
const MAX_BYTES: usize = 64 << 10;
/// Pieces that parsers take for something: ends of strings and lists, odd numbers, characters that names must not keep.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\n",
    b"\0",
    b",",
    b":",
    b"NaN",
    b"1e309",
    b"-1",
    b"99999999999999999999",
    b"null",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x1b[31m",
    b"&a",
    b"*a",
    b"- ",
    b"{{",
    b"\xe2\x80\xae",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The examples of a target, by name.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let own = format!("fuzz/corpus/{}", target.name);
    let folders = std::iter::once(own.as_str()).chain(target.seeds.iter().copied());
    let mut files: Vec<PathBuf> = folders
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.is_file() && file.extension().is_none_or(|e| e != "rs" && e != "key" && e != "crt"));
    files.sort();
    files.into_iter().map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect()
}

fn up_to(random: &mut Rng, most: usize) -> usize {
    random.below(most + 1)
}

/// One to four changes: bits, pieces, what is left out, what is doubled, what another example begins with.
fn mutated(mut data: Vec<u8>, other: &[u8], random: &mut Rng) -> Vec<u8> {
    for _ in 0..=up_to(random, 3) {
        let at = up_to(random, data.len());
        let end = (at + up_to(random, 40)).min(data.len());
        match random.bits() % 6 {
            0 if at < data.len() => data[at] ^= 1 << (random.bits() % 8),
            1 => drop(data.splice(at..at, PIECES[up_to(random, PIECES.len() - 1)].iter().copied())),
            2 => drop(data.drain(at..end)),
            3 => {
                let piece = data[at..end].repeat(1 + up_to(random, 20));
                data.splice(at..at, piece);
            }
            4 => drop(data.splice(at..end, PIECES[up_to(random, PIECES.len() - 1)].iter().copied())),
            _ => {
                let from = up_to(random, other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
        data.truncate(MAX_BYTES);
    }
    data
}

fn passes(target: &Target, name: &str, data: &[u8]) -> bool {
    let result = catch_unwind(AssertUnwindSafe(|| (target.check)(data)));
    if result.is_err() {
        eprintln!("{}: {name} fails: {:?}", target.name, String::from_utf8_lossy(data));
    }
    result.is_ok()
}

#[test]
fn every_example_holds() {
    for target in &TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{} has no examples", target.name);
        for (name, data) in corpus {
            assert!(passes(target, &name, &data), "{name}");
        }
    }
}

#[test]
fn mutations_of_examples_hold() {
    for (number, target) in TARGETS.iter().enumerate() {
        let corpus = corpus(target);
        let mut random = Rng::new(number as u64);
        for i in 0..MUTATIONS {
            let (name, data) = &corpus[up_to(&mut random, corpus.len() - 1)];
            let other = &corpus[up_to(&mut random, corpus.len() - 1)].1;
            let input = mutated(data.clone(), other, &mut random);
            assert!(passes(target, &format!("mutation {i} of {name}"), &input));
        }
    }
}

#[test]
fn targets_are_listed_by_name() {
    let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let text = fs::read_to_string(root().join("scripts/fuzz.sh")).unwrap();
    assert!(names.iter().all(|name| text.contains(name)), "scripts/fuzz.sh runs every target: {names:?}");
}
