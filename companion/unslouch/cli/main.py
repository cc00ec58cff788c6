"""The ``unslouch`` command: a table of subcommands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any

import click

from unslouch import __version__
from unslouch.cli.command import ExitCode, UnslouchCommand, at_terminal, examples
from unslouch.cli.interruption import deaf, end_at_signals


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a subcommand lives and its line in the overview, so that the overview imports none of them."""

    module: str
    attribute: str
    summary: str
    section: str


LIVE, STRAP, RESULTS, FILES = "Now, on your back", "Your strap", "What came of it", "Recordings"

COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", "demo", "See the whole thing without hardware.", LIVE),
    "desk": Entry("desk", "desk", "Watch posture at the desk and cue a slouch.", LIVE),
    "coach": Entry("coach", "coach", "Be coached through a technique.", LIVE),
    "replay": Entry("replay", "replay", "Play a recording as if it were live.", LIVE),
    "calibrate": Entry("calibrate", "calibrate", "Teach the strap your upright; measure its sensor.", LIVE),
    "scan": Entry("scan", "scan", "List the straps that are near.", STRAP),
    "pair": Entry("pairing", "pair", "Make a bond with a strap.", STRAP),
    "forget": Entry("pairing", "forget", "Undo the bond with a strap.", STRAP),
    "status": Entry("status", "status", "Battery, firmware, signal, log and calibration of the strap.", STRAP),
    "set": Entry("settings", "settings", "Thresholds, dwell, the strap's own buzzing, how it streams.", STRAP),
    "buzz": Entry("buzz", "buzz", "Find my strap: let it buzz.", STRAP),
    "sync": Entry("recording", "sync", "Fetch what the strap took while it was alone.", STRAP),
    "record": Entry("recording", "record", "Record what the strap sends.", STRAP),
    "doctor": Entry("doctor", "doctor", "Find out why the strap does not connect.", STRAP),
    "progress": Entry("progress", "progress", "Range of motion and posture over days.", RESULTS),
    "analyze": Entry("analyze", "analyze", "Find slouches, rotations and holds in recordings.", RESULTS),
    "data": Entry("data", "data", "Show, prune, export or delete what is kept.", RESULTS),
    "rebuild": Entry("rebuild", "rebuild", "Make the database again from the recordings.", RESULTS),
    "info": Entry("info", "info", "Tell what a file holds.", FILES),
    "import": Entry("import_csv", "import_csv", "Make a recording of a CSV file, with checks.", FILES),
    "export": Entry("export", "export", "Write a recording as CSV, JSON, Parquet or for Foxglove.", FILES),
    "simulate": Entry("simulate", "simulate", "Make a recording of a simulated person, with the truth.", FILES),
}
"""Every subcommand; a new one is a new module and a line here."""


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when that subcommand is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a subcommand."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(f"unslouch.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; a misspelt one is answered with the nearest names."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=2, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else " `unslouch --help` lists them."
            ctx.fail(f"There is no command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview by section, from the table alone."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section],
                    col_max=12,
                )


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "unslouch                             # open the screen on your strap",
        "unslouch pair                        # the first time",
        "unslouch demo                        # the whole thing on a simulated strap",
        "unslouch analyze monday.mcap         # what a recording holds, as a page",
        "unslouch analyze --json *.csv        # the same for machines, on all cores",
        "unslouch COMMAND --help              # more, with examples",
    ),
)
@click.version_option(__version__, prog_name="unslouch")
@click.pass_context
def unslouch(ctx: click.Context) -> None:
    """Notice slouching, measure thoracic rotation, train range.

    A strap on the upper back streams its orientation; unslouch judges it. It helps to notice and change posture; it is
    no medical device.
    """
    ctx.call_on_close(_settled)
    if ctx.invoked_subcommand is None:
        _bare(ctx)


def _settled() -> None:
    """Wait for what still goes on with closed recordings; not where a signal ends the process: the next one does it."""
    settling = sys.modules.get("unslouch.cli.settling")
    if settling is None or isinstance(sys.exc_info()[1], SystemExit):
        return
    for one in settling.wait_for_all():
        if one.failure is not None:
            click.echo(f"The recording could not be kept yet: {one.failure.message} {one.failure.advice}", err=True)


def _bare(ctx: click.Context) -> None:
    """Without a subcommand: the screen when somebody is there to see it, else the overview."""
    if not at_terminal():
        click.echo(ctx.get_help())
        return
    from unslouch.cli.straps import live_feed, straps_of

    known = straps_of(None).all()
    if known:
        from unslouch.cli.screen import open_screen

        open_screen(lambda: live_feed(known[0], None))
        return
    from unslouch.cli.welcome import welcome

    match welcome(None):
        case "paired":
            _bare(ctx)
        case "demo":
            _call(ctx, "demo")
        case _:
            pass


def _call(ctx: click.Context, name: str) -> None:
    """Run another subcommand with its defaults."""
    command = LazyGroup.get_command(unslouch, ctx, name)  # type: ignore[arg-type]
    assert isinstance(command, UnslouchCommand)
    with command.make_context(name, [], parent=ctx) as inner:
        command.invoke(inner)


def main(argv: list[str] | None = None) -> Any:
    """Run the command line and end the process with an exit code of :class:`ExitCode`."""
    end_at_signals()
    try:
        code = _code(argv)
    finally:
        deaf()  # also where a signal ends it: Python gives the next one to the system while it shuts down
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _code(argv: list[str] | None) -> Any:
    try:
        return unslouch.main(args=argv, prog_name="unslouch", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):  # Ctrl-C outside a command's own body, at a prompt for instance
        click.echo("", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (head, less): nothing to say, and nobody to say it to.
        sys.stdout = None  # type: ignore[assignment]
        return ExitCode.FAILURE


if __name__ == "__main__":
    main()
