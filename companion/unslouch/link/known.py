"""The straps this machine knows: name, address, what was stored of each, and how it is used. One small JSON file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from unslouch.errors import FileError, Reason, UnslouchError
from unslouch.link.hold import alone
from unslouch.link.ledger import Position

VERSION = 1


@dataclass(frozen=True, slots=True)
class KnownStrap:
    """A strap that was paired with here.

    Attributes
    ----------
    address
        What this system calls it.
    serial
        What it calls itself; empty where it was never read. Tells two straps apart that swapped addresses.
    position
        Up to where its samples are on this machine's disk, as was confirmed to it.
    recording
        The recording that was being written last; empty when it was closed and ``position`` holds all of it.
    used_utc
        When it was last connected.
    calibration
        Body calibration (JSON of unslouch_signal's Calibration), as it was last used with this strap.
    calibrated_utc
        When that was made.
    stand_alone
        Whether it buzzes by itself.
    economy, profile
        How it streams.
    motor, strength
        How it buzzes by itself (SET_MOTOR); None where that was never chosen here.
    bias_utc, scale_utc, acceleration_utc
        When parts of its sensor were measured from here; 0 for never.
    """

    address: str
    name: str
    serial: str = ""
    position: Position = field(default_factory=Position)
    recording: str = ""
    used_utc: float = 0.0
    calibration: str = ""
    calibrated_utc: float = 0.0
    stand_alone: bool = True
    economy: bool = False
    profile: int = 0
    firmware: str = ""
    motor: int | None = None
    strength: int = 80
    bias_utc: float = 0.0
    scale_utc: float = 0.0
    acceleration_utc: float = 0.0


class KnownStraps:
    """The file of known straps; each change is written at once, in one step.

    Parameters
    ----------
    path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[KnownStrap]:
        """Every known strap, the last used first.

        Raises
        ------
        FileError
            When the file cannot be read or is none of ours.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(Reason.FILE_ACCESS, f"{self.path} cannot be read: {error.strerror}.") from error
        try:
            parsed: object = json.loads(text)
            straps = [_strap(one) for one in cast("dict[str, Any]", parsed)["straps"]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            message = f"{self.path} is damaged."
            raise FileError(Reason.BAD_FILE, message, "Delete it and run `unslouch pair` again.") from error
        return sorted(straps, key=lambda strap: -strap.used_utc)

    def find(self, wanted: str | None = None) -> KnownStrap:
        """Return the strap of a name or address; without one the last used.

        Raises
        ------
        UnslouchError
            NOT_FOUND where there is none.
        """
        straps = self.all()
        for strap in straps:
            if wanted is None or wanted.lower() in (strap.name.lower(), strap.address.lower()):
                return strap
        if wanted is None:
            raise UnslouchError(
                Reason.NOT_FOUND,
                "No strap is known yet.",
                "Run `unslouch pair`; or `unslouch demo`, or --simulated, without one.",
            )
        names = ", ".join(strap.name for strap in straps) or "none"
        raise UnslouchError(Reason.NOT_FOUND, f"No strap is known as {wanted}.", f"Known: {names}.")

    def put(self, strap: KnownStrap) -> None:
        """Keep a strap, in place of what was kept of the same address.

        Raises
        ------
        FileError
            When the file cannot be written.
        """
        with self._alone():
            self._put(strap)

    def change(self, address: str, **changes: Any) -> None:
        """Change what is kept of a strap; one that was forgotten meanwhile stays so."""
        with self._alone():
            for strap in self.all():
                if strap.address == address:
                    self._put(replace(strap, **changes))

    def forget(self, address: str) -> None:
        """Keep nothing of a strap."""
        with self._alone():
            self._write([one for one in self.all() if one.address != address])

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Change the file while no other process does: the screen may run while `unslouch set` is called."""
        with contextlib.ExitStack() as held:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                held.enter_context(alone(self.path.with_suffix(".lock")))
            except OSError as error:
                raise FileError(Reason.FILE_ACCESS, f"{self.path} cannot be written: {error.strerror}.") from error
            yield

    def _put(self, strap: KnownStrap) -> None:
        others = [one for one in self.all() if one.address != strap.address]
        self._write([*others, strap])

    def _write(self, straps: list[KnownStrap]) -> None:
        text = json.dumps({"version": VERSION, "straps": [asdict(strap) for strap in straps]}, indent=1)
        unfinished = self.path.with_suffix(f".{os.getpid()}.part")
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except OSError as error:
            raise FileError(Reason.FILE_ACCESS, f"{self.path} cannot be written: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)


def _strap(value: dict[str, Any]) -> KnownStrap:
    known = {name: value[name] for name in KnownStrap.__slots__ if name in value}
    position = dict(value.get("position", {}))
    beyond = tuple((int(first), int(end)) for first, end in position.pop("beyond", ()))
    known["position"] = Position(**position, beyond=beyond)
    return KnownStrap(**known)
