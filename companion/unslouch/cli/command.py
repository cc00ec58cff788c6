"""What all commands share: exit codes, errors as one sentence or one JSON object, common options."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from unslouch.errors import UnslouchError

F = TypeVar("F", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """What a process started with ``unslouch`` returns; docs/cli.md lists them."""

    OK = 0
    FAILURE = 1
    """Something failed; the reason was printed."""
    USAGE = 2
    """The command line itself is wrong."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT); what was begun is closed and readable."""


def error_object(error: UnslouchError) -> dict[str, str]:
    """Return what ``--json`` prints under ``error``."""
    return {"reason": error.reason.value, "message": error.message, "advice": error.advice}


def show_error(error: UnslouchError, *, as_json: bool, file: Path | None = None) -> None:
    """Print a failure: a JSON line on stdout for machines, a sentence and its mend on stderr for people."""
    if as_json:
        line: dict[str, Any] = {} if file is None else {"file": str(file)}
        click.echo(json.dumps({**line, "error": error_object(error)}, ensure_ascii=False))
        return
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {error.message}", err=True, color=colour(sys.stderr))
    if error.advice:
        click.echo(f"       {error.advice}", err=True)


def colour(stream: Any) -> bool | None:
    """Whether to write colours to a stream: NO_COLOR and FORCE_COLOR win, else a terminal gets them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return None if stream.isatty() else False


def at_terminal() -> bool:
    """Whether a person sits before this process: input and output are a terminal that can show a screen."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class UnslouchCommand(click.Command):
    """A command whose failures end the process with a documented exit code, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn known failures into a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except UnslouchError as error:
            show_error(error, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(ExitCode.FAILURE)
        except BrokenPipeError:
            raise  # click ends quietly when the reader (head, less) has gone
        except OSError as error:
            show_error(_os_error(error), as_json=bool(ctx.params.get("as_json")))
            ctx.exit(ExitCode.FAILURE)
        except KeyboardInterrupt:
            click.echo("", err=True)
            ctx.exit(ExitCode.INTERRUPTED)


def _os_error(error: OSError) -> UnslouchError:
    """Make a sentence of what the system refused (disk full, no permission, a folder where a file should be)."""
    from unslouch.errors import Reason

    what = error.strerror or str(error)
    where = f"{error.filename}: " if error.filename else ""
    reason = Reason.NOT_FOUND if isinstance(error, FileNotFoundError) else Reason.FILE_ACCESS
    return UnslouchError(reason, f"{where}{what}.", "Check the path, its permissions and the free space.")


def examples(*lines: str) -> str:
    """Make a help epilog of command lines that is not re-wrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def json_option(help_text: str = "One JSON object a line, for machines.") -> Callable[[F], F]:
    """Add ``--json``; errors are then printed as JSON too."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def plain_option(function: F) -> F:
    """Add ``--plain``."""
    return click.option(
        "--plain", is_flag=True, help="One line per event instead of the screen (also without a terminal)."
    )(function)


def data_dir_option(function: F) -> F:
    """Add ``--data-dir``, which UNSLOUCH_DATA_DIR sets too."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="UNSLOUCH_DATA_DIR",
        show_envvar=True,
        help="Where sessions, results and recordings lie (default: the system's place for a user's data).",
    )(function)


FILE = click.Path(path_type=Path)
"""A file argument; whether it exists is the reader's question (exit 1, JSON with --json), not one of usage."""
