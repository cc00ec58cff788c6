"""``unslouch data``: what is kept of you, how much, and how to be rid of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from unslouch.cli.command import FILE, UnslouchCommand, data_dir_option, examples, json_option
from unslouch.errors import Reason, UnslouchError


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
    """Tell what is kept and how much room it takes."""
    from unslouch.link.known import KnownStraps
    from unslouch.store.paths import data_paths
    from unslouch.store.store import Store

    paths = data_paths(data_dir)
    files = sorted(paths.recordings.glob("*.mcap")) if paths.recordings.is_dir() else []
    value: dict[str, object] = {
        "folder": str(paths.root),
        "recordings": len(files),
        "recordings_bytes": sum(file.stat().st_size for file in files),
        "database_bytes": paths.database.stat().st_size if paths.database.exists() else 0,
        "straps": [strap.name for strap in KnownStraps(paths.root / "straps.json").all()],
        "sessions": 0,
    }
    if paths.database.exists():
        with Store.open(paths, read_only=True) as store:
            value["sessions"] = sum(len(store.sessions(person)) for person in store.persons())
    if as_json:
        click.echo(json.dumps(value))
        return
    straps = value["straps"]
    assert isinstance(straps, list)
    click.echo(f"Everything lies in {paths.root}")
    click.echo(f"  recordings  {len(files)}, {_megabytes(sum(file.stat().st_size for file in files))}")
    click.echo(f"  sessions    {value['sessions']}")
    click.echo(f"  straps      {', '.join(map(str, straps)) or 'none'}")  # pyright: ignore[reportUnknownArgumentType]


@data.command(cls=UnslouchCommand, epilog=examples("unslouch data keep", "unslouch data keep --days 30 --gb 1"))
@click.option("--days", type=click.FloatRange(0), help="Keep raw recordings so many days.")
@click.option("--gb", type=click.FloatRange(0), help="Keep so much of them, the newest.")
@data_dir_option
def keep(days: float | None, gb: float | None, data_dir: Path | None) -> None:
    """Say or set how long raw recordings are kept; older ones go by themselves when a recording ends.

    Results are kept for ever, and a recording of which not all is in the results yet is never deleted.
    """
    from unslouch.cli.settling import SETTING, limits
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
    from unslouch.cli.settling import left_over, prune, settle
    from unslouch.cli.working import Working
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    with Working("Keeping what was recorded"):
        for path in left_over(paths):  # what is not in the results yet is never deleted
            settle(paths, path)
        gone, freed = prune(paths, days, None if gb is None else int(gb * 1e9))
    click.echo(f"{gone} recordings deleted, {_megabytes(freed)} freed. Results stay.")


@data.command("export", cls=UnslouchCommand, epilog=examples("unslouch data export backup.zip"))
@click.argument("file", type=FILE)
@data_dir_option
def export_all(file: Path, data_dir: Path | None) -> None:
    """Write everything that is kept into one ZIP file."""
    import zipfile

    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    if not paths.root.is_dir():
        raise UnslouchError(Reason.NOT_FOUND, "Nothing is kept yet.")
    if file.exists():
        raise UnslouchError(Reason.BAD_FILE, f"{file} exists already.", "Give another name.")
    with zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(paths.root.rglob("*")):
            if one.is_file() and one.resolve() != file.resolve():
                archive.write(one, one.relative_to(paths.root))
    click.echo(f"{file}: {_megabytes(file.stat().st_size)}. It holds health data: keep it safe.")


@data.command(
    "forget-me", cls=UnslouchCommand, epilog=examples("unslouch data forget-me", "unslouch data forget-me --yes")
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def forget_me(yes: bool, data_dir: Path | None) -> None:
    """Delete everything: recordings, results, settings, backups, known straps.

    What a strap still holds in its memory is on the strap: `unslouch forget` before this undoes the bond.
    """
    from unslouch.store.paths import data_paths

    paths = data_paths(data_dir)
    if not paths.root.is_dir():
        click.echo("Nothing is kept.")
        return
    if not yes:
        click.confirm(f"Delete everything in {paths.root}? There is no way back.", abort=True)
    ours = (paths.recordings, paths.backups, paths.root / "virtual-radio")
    for folder in ours:
        if folder.is_dir():
            shutil.rmtree(folder)
    for name in ("unslouch.db", "unslouch.db-wal", "unslouch.db-shm", "straps.json", "straps.part", ".rebuild.db"):
        (paths.root / name).unlink(missing_ok=True)
    if not any(paths.root.iterdir()):
        paths.root.rmdir()
    click.echo("Everything is deleted.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
