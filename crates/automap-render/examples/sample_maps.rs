//! Draws made-up service maps of 14 to 1,000 services, for people to look at: `cargo run --release -p automap-render --features png --example sample_maps -- DIR`.
#![expect(clippy::unwrap_used, reason = "an example may panic")]
#![expect(clippy::print_stdout, reason = "an example may print")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use automap_core::service_map::ServiceMap;
use automap_render::map::{SvgOptions, Theme, dot, graphml, mermaid, svg};

#[path = "../src/map/sample.rs"]
mod sample;

fn main() {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/maps".to_owned());
    fs::create_dir_all(&dir).unwrap();
    for (name, map) in [
        ("shop", sample::shop()),
        ("difference", sample::difference()),
        ("hostile", sample::hostile(sample::HOSTILE[0])),
        ("30", sample::generated(30, 45, 10)),
        ("100", sample::generated(100, 170, 60)),
        ("300", sample::generated(300, 600, 900)),
        ("1000", sample::generated(1000, 2000, 0)),
    ] {
        draw(Path::new(&dir), name, &map);
    }
}

fn draw(dir: &Path, name: &str, map: &ServiceMap) {
    let start = Instant::now();
    let drawing = svg(map, &SvgOptions { theme: Theme::Light, embedded: false });
    let drawn = start.elapsed().as_millis();
    let png = automap_render::png::png(&drawing).unwrap();
    let painted = start.elapsed().as_millis() - drawn;
    let (svg_kib, png_kib) = (drawing.len() / 1024, png.len() / 1024);
    println!("{name:<12} svg {drawn:>5} ms, {svg_kib:>5} KiB; png {painted:>5} ms, {png_kib:>5} KiB");
    fs::write(dir.join(format!("{name}.png")), png).unwrap();
    fs::write(dir.join(format!("{name}.svg")), svg(map, &SvgOptions::default())).unwrap();
    fs::write(dir.join(format!("{name}.dot")), dot(map)).unwrap();
    fs::write(dir.join(format!("{name}.graphml")), graphml(map)).unwrap();
    fs::write(dir.join(format!("{name}.mmd")), mermaid(map)).unwrap();
}
