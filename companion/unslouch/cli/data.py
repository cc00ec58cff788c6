"""``unslouch data``: what is kept of you, how much, and how to be rid of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unslouch.cli.command import FILE, UnslouchCommand, data_dir_option, examples, json_option
from unslouch.cli.working import Working
from unslouch.errors import Reason, StoreError, UnslouchError
from unslouch.report.words import counted

if TYPE_CHECKING:
    from unslouch.store.paths import DataPaths


@click.group(
    epilog=examples(
        "unslouch data show",
        "unslouch data keep --days 30",
        "unslouch data export backup.zip",
        "unslouch data forget-me",
    )
)
def data() -> None:
    """Show, prune, export or delete what is kept. Everything lies in one folder on this machine."""


@data.command(cls=UnslouchCommand, epilog=examples("unslouch data show", "unslouch data show --json"))
@json_option("One JSON object.")
@data_dir_option
def show(as_json: bool, data_dir: Path | None) -> None:
    """Tell what is kept, how much room it takes, and for how long."""
    from unslouch.link.known import KnownStraps
    from unslouch.live.retention import KEEP_DAYS, KEEP_GB, left_over, limits
    from unslouch.store.paths import data_paths
    from unslouch.store.rows import RecordingRow
    from unslouch.store.store import Store

    paths = data_paths(data_dir)
    straps = [strap.name for strap in KnownStraps(paths.root / "straps.json").all()]
    recordings = _sizes(paths.recordings, "*.mcap")
    backups = _sizes(paths.backups, "*")
    database = sum(_sizes(paths.root, "unslouch.db*"))
    sessions = waiting = pruned = 0
    days, gb = KEEP_DAYS, KEEP_GB
    persons: list[str] = []
    if paths.database.exists():
        with Store.open(paths, read_only=True) as store:
            persons = store.persons()
            sessions = sum(len(store.sessions(person)) for person in persons)
            pruned = sum(row.pruned_utc is not None for row in store.select(RecordingRow))
            days, gb = limits(store)
        waiting = len(left_over(paths))
    if as_json:
        value: dict[str, object] = {
            "folder": str(paths.root),
            "recordings": len(recordings),
            "recordings_bytes": sum(recordings),
            "recordings_waiting": waiting,
            "recordings_pruned": pruned,
            "keep_days": days,
            "keep_gb": gb,
            "database_bytes": database,
            "backups": len(backups),
            "backups_bytes": sum(backups),
            "straps": straps,
            "persons": persons,
            "sessions": sessions,
        }
        click.echo(json.dumps(value))
        return
    click.echo(f"Everything lies in {paths.root}")
    more = f"; {waiting} not in the results yet" if waiting else ""
    click.echo(f"  recordings  {len(recordings)}, {_megabytes(sum(recordings))}{more}")
    click.echo(f"              kept for {days:g} days, {gb:g} GB at most (`unslouch data keep`); {pruned} gone so far")
    click.echo(f"  sessions    {sessions}, kept for ever; database {_megabytes(database)}")
    click.echo(f"  backups     {len(backups)} of the database, {_megabytes(sum(backups))}")
    click.echo(f"  straps      {', '.join(straps) or 'none'}")


def _sizes(folder: Path, pattern: str) -> list[int]:
    return [one.stat().st_size for one in sorted(folder.glob(pattern)) if one.is_file()] if folder.is_dir() else []


@data.command(cls=UnslouchCommand, epilog=examples("unslouch data keep", "unslouch data keep --days 30 --gb 1"))
@click.option("--days", type=click.FloatRange(0), help="Keep raw recordings so many days.")
@click.option("--gb", type=click.FloatRange(0), help="Keep so much of them, the newest.")
@data_dir_option
def keep(days: float | None, gb: float | None, data_dir: Path | None) -> None:
    """Say or set how long raw recordings are kept; older ones go by themselves when a recording ends.

    Results are kept for ever, and a recording of which not all is in the results yet is never deleted.
    """
    from unslouch.live.retention import SETTING, limits
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    with Store.open(data_paths(data_dir)) as store:
        before = limits(store)
        chosen = (before[0] if days is None else days, before[1] if gb is None else gb)
        if chosen != before:
            store.set_setting(SETTING, {"days": chosen[0], "gb": chosen[1]})
    click.echo(f"Raw recordings are kept for {chosen[0]:g} days, {chosen[1]:g} GB at most. Results stay for ever.")


@data.command(cls=UnslouchCommand, epilog=examples("unslouch data prune", "unslouch data prune --days 30 --gb 1"))
@click.option("--days", type=click.FloatRange(0), help="Keep so many days (default: as set with `data keep`).")
@click.option("--gb", type=click.FloatRange(0), help="Keep so much, the newest (default: as set).")
@data_dir_option
def prune(days: float | None, gb: float | None, data_dir: Path | None) -> None:
    """Delete old raw recordings now; their results stay."""
    from unslouch.cli.settling import one_at_a_time, settle_left_over
    from unslouch.live.retention import prune
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    if not paths.root.is_dir():
        click.echo("Nothing is kept.")
        return
    with Working("Keeping what was recorded"), one_at_a_time(paths):
        failure = settle_left_over(paths)  # what is not in the results yet is never deleted
        gone, freed = prune(paths, days, None if gb is None else int(gb * 1e9))
    click.echo(f"{counted(gone, 'recording')} deleted, {_megabytes(freed)} freed. Results stay.")
    if failure is not None:
        raise failure


@data.command("export", cls=UnslouchCommand, epilog=examples("unslouch data export backup.zip"))
@click.argument("file", type=FILE)
@data_dir_option
def export_all(file: Path, data_dir: Path | None) -> None:
    """Write everything that is kept into one ZIP file, also while another unslouch is at work.

    Unpacked into a folder, it is a data directory: `unslouch progress --data-dir FOLDER` reads it.
    """
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    if not paths.root.is_dir():
        raise UnslouchError(Reason.NOT_FOUND, "Nothing is kept yet.", "`unslouch desk` and `unslouch coach` begin it.")
    if file.exists():
        raise UnslouchError(Reason.BAD_FILE, f"{file} exists already.", "Give another name.")
    unfinished = file.with_name(f".{file.name}.part")
    try:
        with Working("Exporting"):
            write_archive(paths, unfinished)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{file}: {_megabytes(file.stat().st_size)}. It holds health data: keep it safe.")


def write_archive(paths: DataPaths, out: Path) -> None:
    """Write everything that is kept into a ZIP file that its owner alone can read.

    The database is copied as it was last committed; what a program needs while it runs is left out.

    Raises
    ------
    OSError, StoreError
        When something cannot be read or the file not written.
    """
    import tempfile
    import zipfile

    from unslouch.link.hold import FOLDER
    from unslouch.recording.compact import DRAFT
    from unslouch.store.database import DamagedError
    from unslouch.store.store import Store

    ours = paths.database.name
    passing = {f"{ours}-wal", f"{ours}-shm", f"{ours}-journal", "straps.lock"}
    with (
        tempfile.TemporaryDirectory(prefix="unslouch-") as folder,
        os.fdopen(os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as raw,
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        if paths.database.exists():
            whole = Path(folder) / ours
            try:
                with Store.open(paths, read_only=True) as store:
                    store.copy_to(whole)
            except DamagedError:
                shutil.copyfile(paths.database, whole)  # as it is: somebody may save something from it
            archive.write(whole, ours)
        for one in sorted(paths.root.rglob("*")):
            name = one.relative_to(paths.root)
            if (
                name.parts[0] in (FOLDER, ours)
                or name.parts[0].startswith(".rebuild.db")
                or one.name in passing
                or one.name.endswith((".part", DRAFT))
                or not one.is_file()
            ):
                continue
            with suppress(FileNotFoundError):  # pruned just now
                archive.write(one, name)


@data.command(
    "forget-me", cls=UnslouchCommand, epilog=examples("unslouch data forget-me", "unslouch data forget-me --yes")
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def forget_me(yes: bool, data_dir: Path | None) -> None:
    """Delete everything: recordings, results, settings, backups, known straps.

    Files that you wrote elsewhere (`record FILE`, `export`) are yours to delete. What a strap still holds in its memory
    is on the strap, and the system keeps its own key of the bond: `unslouch forget` before this undoes both.
    """
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    if not paths.root.is_dir():
        click.echo("Nothing is kept.")
        return
    if not yes:
        click.confirm(f"Delete everything in {paths.root}? There is no way back.", abort=True)
    with nobody_else(paths):
        for folder in (paths.recordings, paths.backups, paths.root / "virtual-radio"):
            if folder.is_dir():
                shutil.rmtree(folder)
        for pattern in ("unslouch.db*", ".rebuild.db*", "straps.*"):
            for file in paths.root.glob(pattern):
                file.unlink(missing_ok=True)
    shutil.rmtree(paths.root / "in-use", ignore_errors=True)
    left = sorted(one.name for one in paths.root.iterdir())
    if not left:
        paths.root.rmdir()
        click.echo("Everything is deleted.")
        return
    click.echo(f"Everything of unslouch is deleted. Left in {paths.root}, for it is none of ours: {', '.join(left)}.")


@contextmanager
def nobody_else(paths: DataPaths) -> Generator[None]:
    """Make sure that no other unslouch writes into a data directory, and keep new ones off its straps.

    Raises
    ------
    LinkError, StoreError
        When one is at work; its files would come back when it ends.
    """
    from unslouch.link.hold import FOLDER, Hold
    from unslouch.store.database import in_use

    with ExitStack() as holds:
        for lock in sorted((paths.root / FOLDER).glob("*")):
            holds.enter_context(Hold(paths.root, lock.name, "This data directory"))
        if in_use(paths.database):
            text = f"The database {paths.database} is in use by another program."
            raise StoreError(Reason.STORE, text, "Close the other one and try again.")
        yield


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
