"""Noise on the air: notifications are lost, doubled, delayed, put out of order and broken."""

from __future__ import annotations

import random
import time

from unslouch.link.radio.medium import Controller

NOTIFICATION = 0x1B
"""Opcode of the Attribute Protocol."""


class Noise:
    """Does things to notifications in both directions."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.lost = self.doubled = self.delayed = self.shuffled = self.broken = 0.0
        self._last = 0.0
        self.broke = 0

    def calm(self) -> None:
        """Do nothing any more."""
        self.lost = self.doubled = self.delayed = self.shuffled = self.broken = 0.0

    def __call__(self, _from: Controller, _to: Controller, pdu: bytes) -> list[tuple[float, bytes]] | None:
        """Return what arrives instead of a packet."""
        if pdu[0] != NOTIFICATION:
            return None
        chance = self._chance
        if chance.random() < self.lost:
            return []
        if chance.random() < self.broken:
            pdu = self._break(pdu)
        wait = 0.0
        if self.delayed:
            now = time.monotonic()
            self._last = max(self._last, now + chance.uniform(0.0, self.delayed))  # the order stays
            wait = self._last - now
        if chance.random() < self.shuffled:
            wait += chance.uniform(0.0, 0.12)
        arriving = [(wait, pdu)]
        if chance.random() < self.doubled:
            arriving.append((wait + chance.choice([0.0, 0.03, 0.4]), pdu))
        return arriving

    def _break(self, pdu: bytes) -> bytes:
        chance = self._chance
        self.broke += 1
        head, value = pdu[:3], bytearray(pdu[3:])
        kind = chance.randrange(5)
        if not value:
            return pdu
        if kind <= 1:
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del value[chance.randrange(len(value)) :]
        elif kind == 3:
            value = bytearray(chance.randbytes(len(value)))
        else:
            value += chance.randbytes(chance.randrange(1, 8))
        return head + bytes(value)
