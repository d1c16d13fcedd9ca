//! The programs of a language's toolchain: whether they are there, and running them.

use std::process::Command;

use crate::error::AuthorError;

/// A program that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What it is, as in "clang 19, which compiles C,".
    pub what: String,
    /// The command that installs it, or several, a line each.
    pub install: String,
}

/// A program and how to get it.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'a> {
    /// What is run, with arguments that make it end at once: `["cargo", "--version"]`.
    pub probe: &'a [&'a str],
    /// As [`Missing::what`].
    pub what: &'a str,
    /// As [`Missing::install`].
    pub install: &'a str,
}

impl Tool<'_> {
    /// What it says to its probe; where it is not there, or does not work, that it is missing.
    pub fn ask(&self) -> Result<String, Missing> {
        let missing = || Missing { what: self.what.to_owned(), install: self.install.to_owned() };
        let (program, arguments) = self.probe.split_first().ok_or_else(missing)?;
        let output = Command::new(program).args(arguments).output().map_err(|_| missing())?;
        if output.status.success() { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(missing()) }
    }
}

/// What came of a program that did its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error: what a compiler has to say of a program that it takes.
    pub said: String,
}

/// Runs a program to its end; what it says when it fails is the error's, from both outputs.
pub fn run(command: &mut Command) -> Result<Ran, AuthorError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(source) => return Err(AuthorError::Start { program, source }),
    };
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        return Ok(Ran { output: output.stdout, said });
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(AuthorError::Tool { program, output: said.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_command() {
        let tool =
            Tool { probe: &["weir-no-such-program", "--version"], what: "a program", install: "apt-get install it" };
        let missing = tool.ask().unwrap_err();
        let text = AuthorError::Toolchain(vec![missing]).to_string();
        assert_eq!(text, "a program is missing. Install it with:\n    apt-get install it");
    }

    #[test]
    fn what_a_program_says_is_the_error() {
        let error = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh failed\nerr\nout");
        let ran = run(Command::new("sh").args(["-c", "echo out; echo err >&2"])).unwrap();
        assert_eq!(ran, Ran { output: b"out\n".to_vec(), said: "err".to_owned() });
    }
}
