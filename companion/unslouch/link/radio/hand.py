"""Somebody beside the virtual radio: carries out the lines of a file as they are written (``UNSLOUCH_RADIO_HAND``).

| line | what happens |
|---|---|
| ``away``, ``near`` | the strap is carried out of range, brought back |
| ``table``, ``wear`` | it is laid on a table, put on again |
| ``turn z 720`` | lying there, it is turned about one of its axes by so many degrees |
| ``hold 3.5`` | its button is held for so many seconds |
| ``twice`` | its button is pressed twice |
| ``wearer calibrate`` | the wearer does this (``unslouch_signal.synth.COMMANDS``) |
| anything else | typed to the strap's program: ``charger on``, ``battery 3500``, ``button down`` |

What stands in the file at the start is carried out first. How many lines were carried out stands in a file of the same
name with ``.done`` behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unslouch.errors import Reason, UnslouchError

if TYPE_CHECKING:
    from unslouch.link.radio.virtual import VirtualRadio

ENVIRONMENT = "UNSLOUCH_RADIO_HAND"
LOOK_S = 0.05
PRESSED_S = 0.12
"""How long a finger takes: longer than the button bounces, and twice it is a double press."""
AXES = ("x", "y", "z")


class Hand:
    """Reads one file and acts on one radio.

    Parameters
    ----------
    path
        The file; it need not exist yet.
    radio
        What is acted on.
    """

    def __init__(self, path: Path, radio: VirtualRadio) -> None:
        self._path, self._radio = path, radio
        self._read = self._carried_out = 0

    async def follow(self) -> None:
        """Carry out lines as they come, until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(LOOK_S)

    async def catch_up(self) -> None:
        """Carry out the whole lines that have come.

        Raises
        ------
        UnslouchError
            BAD_OPTION for a line that cannot be understood.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        end = text.rfind(b"\n") + 1
        lines = text[self._read : end].decode("utf-8", "replace").splitlines()
        self._read = max(end, self._read)
        for line in lines:
            await self._act(line.split(), line)
            self._carried_out += 1
            self._path.with_name(f"{self._path.name}.done").write_text(f"{self._carried_out}\n", "utf-8")

    async def _act(self, words: list[str], line: str) -> None:
        radio = self._radio
        match words:
            case []:
                pass
            case ["away" | "near" as where]:
                radio.out_of_range(where == "away")
            case ["table"]:
                radio.sensor.take_off()
            case ["wear"]:
                radio.sensor.put_on()
            case ["turn", axis, degrees] if axis in AXES and _number(degrees) is not None:
                radio.sensor.turn(np.eye(3)[AXES.index(axis)], math.radians(float(degrees)))
                while radio.sensor.turning:  # noqa: ASYNC110  # frames are made in another task, at the strap's pace
                    await asyncio.sleep(LOOK_S)
            case ["hold", seconds] if _number(seconds) is not None and radio.strap is not None:
                await radio.strap.press(float(seconds))
            case ["twice"] if radio.strap is not None:
                await radio.strap.press(PRESSED_S)
                await asyncio.sleep(PRESSED_S)
                await radio.strap.press(PRESSED_S)
            case ["wearer", *move]:
                try:
                    radio.ask(" ".join(move), None, None, None)
                except ValueError as error:
                    raise UnslouchError(Reason.BAD_OPTION, f"{self._path}: {error}.") from error
            case _ if radio.strap is not None:
                with contextlib.suppress(ConnectionError):
                    await radio.strap.type(line.strip())
            case _:
                pass


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
