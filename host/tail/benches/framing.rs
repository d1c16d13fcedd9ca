//! What framing costs: lines of 226 bytes, as in the log yardstick. Divide by the lines: 1,000 in each run.

use divan::counter::ItemsCount;
use weir_tail::frame::{FrameLimits, Lines, frame_utf8};

const LIMITS: FrameLimits = FrameLimits { line_bytes: 256 << 10, batch_lines: 4096, batch_bytes: 1 << 20 };
const LINES: usize = 1000;

fn main() {
    divan::main();
}

fn page(filler: &str) -> Vec<u8> {
    let mut page = Vec::new();
    for i in 0..LINES {
        let mut line = format!("level=info msg=\"request {i}\" path=/api/v1/orders ");
        while line.len() < 225 {
            line.push_str(filler);
        }
        line.truncate(line.floor_char_boundary(225));
        page.extend_from_slice(line.as_bytes());
        page.push(b'\n');
    }
    page
}

fn run(bencher: divan::Bencher<'_, '_>, page: &[u8]) {
    let mut out = Lines::default();
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        out.text.clear();
        out.ends.clear();
        frame_utf8(divan::black_box(page), &mut false, false, &LIMITS, &mut out)
    });
}

#[divan::bench]
fn ascii(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &page("abcdefgh"));
}

#[divan::bench]
fn accented(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &page("grün äß "));
}

#[divan::bench]
fn one_bad_byte_in_the_chunk(bencher: divan::Bencher<'_, '_>) {
    let mut page = page("abcdefgh");
    if let Some(byte) = page.get_mut(100) {
        *byte = 0xff;
    }
    run(bencher, &page);
}
