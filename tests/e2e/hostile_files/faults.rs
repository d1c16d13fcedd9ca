//! What happens to a log: what is there before, all of which is read, and the fault.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::Log;

type Step = fn(&mut Log);

/// Name, before, fault. Behind each, `app.log` gets two more lines.
pub(super) const ALL: [(&str, Step, Step); 21] = [
    ("rename", some, |log| {
        log.append_lines("app.log", 3);
        log.rename("app.log", "app.log.1");
        log.append_lines("app.log", 3);
    }),
    ("rename_and_write_on", some, |log| {
        let mut old = fs::OpenOptions::new().append(true).open(log.path("app.log")).unwrap();
        log.rename("app.log", "app.log.1");
        log.append_lines("app.log", 3);
        old.write_all(log.lines(3).as_bytes()).unwrap();
    }),
    ("copytruncate", some, |log| {
        fs::copy(log.path("app.log"), log.path("app.log.1")).unwrap();
        fs::File::options().write(true).open(log.path("app.log")).unwrap().set_len(0).unwrap();
        log.append_lines("app.log", 3);
    }),
    ("copytruncate_with_the_same_head_and_more", banner_and_some, |log| {
        fs::copy(log.path("app.log"), log.path("app.log.1")).unwrap();
        let text = banner() + &log.lines(30);
        fs::write(log.path("app.log"), text).unwrap();
    }),
    ("delete", some, |log| {
        if !log.away {
            log.append_lines("app.log", 2);
        }
        log.delete("app.log");
        log.append_lines("app.log", 3);
    }),
    ("delete_without_a_last_line_end", some, |log| {
        let line = log.line();
        log.append("app.log", line);
        if log.away {
            log.rename("app.log", "app.log.1");
        } else {
            log.delete("app.log");
        }
    }),
    ("an_inode_again_with_the_same_head", banner_and_some, |log| {
        log.delete("app.log");
        let text = banner() + &log.lines(30);
        log.append("app.log", text);
    }),
    (
        "a_symbolic_link_that_moves_on",
        |log| {
            log.append_lines("day1", 4);
            symlink("day1", log.path("app.log")).unwrap();
        },
        |log| {
            log.append_lines("day1", 2);
            log.append_lines("day2", 3);
            symlink("day2", log.path("next")).unwrap();
            log.rename("next", "app.log");
            if log.away {
                // nothing says that day1 was the log once: it is beside it, under its inode
                log.rename("day1", "app.log.1");
            }
        },
    ),
    ("identical_heads", banner_and_some, |log| {
        log.append_lines("app.log", 1);
        log.rename("app.log", "app.log.1");
        let text = banner() + &log.lines(30);
        log.append("app.log", text);
    }),
    ("rotate_to_gz", some, |log| {
        if !log.away {
            log.append_lines("app.log", 3);
        }
        log.rename("app.log", "app.log.1");
        log.append_lines("app.log", 3);
        // what gzip does: the compressed file beside it, then the other one goes
        let mut gzip = flate2::write::GzEncoder::new(
            fs::File::create(log.path("app.log.1.gz")).unwrap(),
            flate2::Compression::fast(),
        );
        gzip.write_all(&fs::read(log.path("app.log.1")).unwrap()).unwrap();
        gzip.finish().unwrap();
        log.delete("app.log.1");
    }),
    ("many_rotations", some, |log| {
        // names that no glob finds, and no look saw the younger ones before
        for n in (2..6).rev() {
            log.append_lines("app.log", 3);
            log.rename("app.log", &format!("app.log.{n}"));
        }
        log.append_lines("app.log", 3);
    }),
    ("half_a_line_over_a_rotation", some, |log| {
        let (mut old, line) = (fs::OpenOptions::new().append(true).open(log.path("app.log")).unwrap(), log.line());
        old.write_all(&line.as_bytes()[..9]).unwrap();
        log.rename("app.log", "app.log.1");
        log.append_lines("app.log", 3);
        old.write_all(&line.as_bytes()[9..]).unwrap();
        old.write_all(b"\n").unwrap();
    }),
    ("half_a_line", some, |log| {
        let line = log.line();
        log.append("app.log", &line[..7]);
        log.append("app.log", &line[7..]);
        log.append("app.log", "\n");
    }),
    ("a_line_of_64_MiB", some, |log| {
        let line = log.line();
        log.append("app.log", line + &"x".repeat(64 << 20) + "\n");
        log.append_lines("app.log", 3);
    }),
    ("nul_bytes", some, |log| {
        let line = log.line();
        log.append("app.log", line + "\0\0 \0\n");
        log.append("app.log", "\0".repeat(5000) + "\n");
        log.append_lines("app.log", 3);
    }),
    ("not_utf_8", some, |log| {
        let line = log.line();
        log.append("app.log", [line.as_bytes(), b"\xff\xfe\xed\xa0\x80\n"].concat());
        log.append_lines("app.log", 3);
    }),
    ("utf_16_little_endian", |log| utf16(log, true, u16::to_le_bytes), |log| utf16_rotated(log, u16::to_le_bytes)),
    ("utf_16_big_endian", |log| utf16(log, true, u16::to_be_bytes), |log| utf16_rotated(log, u16::to_be_bytes)),
    ("carriage_returns", some, |log| {
        let text = log.lines(3).replace('\n', "\r\n");
        log.append("app.log", text);
    }),
    ("replaced_by_a_directory", some, |log| {
        log.append_lines("app.log", 2);
        log.rename("app.log", "app.log.1");
        fs::create_dir(log.path("app.log")).unwrap();
        fs::remove_dir(log.path("app.log")).unwrap();
        log.append_lines("app.log", 3);
    }),
    ("no_permission_for_a_while", some, |log| {
        let allow = |mode| fs::set_permissions(log.path("app.log"), fs::Permissions::from_mode(mode)).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(log.path("app.log")).unwrap();
        allow(0o000);
        file.write_all(format!("{}-{:06} .\n", log.name, log.next).as_bytes()).unwrap();
        allow(0o644);
        log.next += 1;
    }),
];

fn some(log: &mut Log) {
    log.append_lines("app.log", 5);
}

/// Longer than what is remembered of a head.
fn banner() -> String {
    "=".repeat(3000) + "\n"
}

fn banner_and_some(log: &mut Log) {
    log.append("app.log", banner());
    log.append_lines("app.log", 5);
}

fn utf16(log: &mut Log, mark: bool, bytes: fn(u16) -> [u8; 2]) {
    let text = if mark { "\u{feff}" } else { "" }.to_owned() + &log.lines(3);
    log.append("app.log", text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>());
}

/// More of the same; then a file in UTF-8.
fn utf16_rotated(log: &mut Log, bytes: fn(u16) -> [u8; 2]) {
    utf16(log, false, bytes);
    log.rename("app.log", "app.log.1");
    log.append_lines("app.log", 2);
}
