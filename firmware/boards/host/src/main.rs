//! `unslouch-strap`: the strap as a desktop process.

use std::process::ExitCode;

mod clock;
mod flash;
mod fuse;
mod gate;
mod imu;
mod last_words;
mod lockstep;
mod stimuli;
mod strap;
mod watchdog;

const HELP: &str = "\
The unslouch strap as a desktop process.

Usage: unslouch-strap --hci tcp:HOST:PORT --imu SOURCE --flash FILE [OPTIONS]
       unslouch-strap COMMAND [OPTIONS]

Without a command it is the strap; `unslouch-strap strap --help` says more.

Commands:
  strap  the strap application (the same as without a command)
  fuse   orientation from raw accelerometer and gyroscope frames, stdin to stdout
  gate   what the strap would buzz for, from fused samples on stdin

`unslouch-strap COMMAND --help` says more about one.

Options:
  -h, --help      this text
  -V, --version   the version
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("unslouch-strap: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next().map_err(|e| e.to_string())? {
        Some(lexopt::Arg::Value(command)) if command == "fuse" => fuse::run(parser),
        Some(lexopt::Arg::Value(command)) if command == "gate" => gate::run(parser),
        Some(lexopt::Arg::Value(command)) if command == "strap" => strap::run(parser),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => {
            print!("{HELP}");
            Ok(())
        }
        Some(lexopt::Arg::Short('V') | lexopt::Arg::Long("version")) => {
            println!("unslouch-strap {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some(lexopt::Arg::Value(command)) => Err(format!(
            "no command {:?}; `unslouch-strap --help` lists them",
            command.to_string_lossy()
        )),
        // options without a command are the strap's: read them again from the start
        Some(lexopt::Arg::Long(_)) => strap::run(lexopt::Parser::from_env()),
        Some(other) => Err(other.unexpected().to_string()),
        None => Err("a command is missing; `unslouch-strap --help` lists them".into()),
    }
}
