"""From packets to what they mean: decoder, fusion where needed, calibration, analyser. No thread, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unslouch.live.dating import Dating
from unslouch.live.feed import Press
from unslouch.live.presses import Presses
from unslouch.live.watch import ProtocolWatch
from unslouch.wire.decoder import Decoder
from unslouch.wire.layout import WireFault
from unslouch.wire.records import Decoded, DecodedBlock
from unslouch.wire.source import Packet
from unslouch.wire.table import PacketTable
from unslouch_signal.analyser import Analyser, AnalyserParameters, join
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import Event
from unslouch_signal.fusion import CausalFusion
from unslouch_signal.samples import SampleBlock, SampleFlag
from unslouch_signal.track import PostureFrame, Track

LOOK_S, GLANCE_S = 0.5, 10.0
"""How often (sample time) to look for the protocol when it is wanted, and to see whether it is."""
DAMAGED = (
    "Some packets from the strap are damaged and are left out. There is nothing to do, unless figures go missing: then "
    "run `unslouch doctor`."
)
UNKNOWN = (
    "Some packets from the strap are of a kind this program does not know and are left out. If figures go missing, "
    "update this program."
)
_STRANGE = frozenset({WireFault.UNKNOWN_VERSION, WireFault.UNKNOWN_KIND})


@dataclass(frozen=True, slots=True)
class Digest:
    """What some packets meant; see :class:`~unslouch.live.feed.Update` for the fields."""

    events: tuple[Event, ...] = ()
    frame: PostureFrame | None = None
    track: Track | None = None
    activity: NDArray[np.uint8] | None = None
    samples: SampleBlock | None = None
    battery: float | None = None
    calibration: Calibration | None = None
    notices: tuple[str, ...] = ()
    presses: tuple[Press, ...] = ()


class Chain:
    """Decodes and analyses packets in their order; how they are cut into calls changes nothing but the cut.

    Whether to look for the protocol is decided at fixed sample times: twice a second while there is no calibration or
    one in doubt, else every ten seconds.

    Parameters
    ----------
    rate_hz
        Nominal sample rate, for the fusion of raw samples.
    calibration
        Used from the first sample on; None waits for the protocol.
    watch
        Whether the protocol is looked for at all.
    parameters
        Of the analyser.
    dating
        Is told what the packets say about the strap's clock.
    """

    def __init__(
        self,
        rate_hz: float,
        calibration: Calibration | None = None,
        *,
        watch: bool = True,
        parameters: AnalyserParameters | None = None,
        dating: Dating | None = None,
    ) -> None:
        self._decoder = Decoder()
        self._dating = dating
        self._fusion = CausalFusion(rate_hz)
        self._analyser = Analyser(calibration, parameters, rate_hz)
        self._watch = ProtocolWatch() if watch else None
        self._presses = Presses()
        self._check_at = -math.inf
        self._boot: int | None = None
        self._told = calibration is None
        self._said: set[str] = set()

    @property
    def calibration(self) -> Calibration | None:
        """The calibration in use."""
        return self._analyser.calibration

    @property
    def latest(self) -> PostureFrame | None:
        """The newest state; None before the first sample."""
        return self._analyser.latest

    def set_calibration(self, calibration: Calibration) -> None:
        """Use a calibration from the next sample on."""
        self._analyser.set_calibration(calibration)
        self._told = False
        if self._watch is not None:
            self._watch.forget()

    def expect_rotations(self, usual_range: float | None) -> None:
        """Count repetitions as in a coached session; see :meth:`unslouch_signal.analyser.Analyser.expect_rotations`."""
        self._analyser.expect_rotations(usual_range)

    def feed(self, packets: Sequence[Packet] | PacketTable) -> Digest:
        """Take the next packets."""
        return self._digest(self._decoder.decode(packets))

    def finish(self) -> Digest:
        """End of the stream: what was held back comes out, what is open is closed."""
        digest = self._digest(self._decoder.finish())
        return replace(digest, events=(*digest.events, *self._analyser.finish()))

    def _digest(self, decoded: Decoded) -> Digest:
        events: list[Event] = []
        tracks: list[Track] = []
        codes: list[NDArray[np.uint8]] = []
        blocks: list[SampleBlock] = []
        if self._dating is not None:
            self._dating.take(decoded.clock, decoded.blocks)
        before = None if not self._told else self._analyser.calibration
        self._told = True
        for decoded_block in decoded.blocks:
            block = self._fused(decoded_block)
            blocks.append(block)
            for piece in self._pieces(block):
                found = self._analyser.process(piece)
                events += found
                if self._analyser.track is not None and self._analyser.activity is not None and len(piece):
                    tracks.append(self._analyser.track)
                    codes.append(self._analyser.activity)
                if self._watch is not None:
                    self._watch.feed(piece)
                    self._watch.doubted(found)
        now = self._analyser.calibration
        presses, impossible = self._presses.take(decoded)
        return Digest(
            tuple(events),
            self._analyser.latest,
            join(tracks) if tracks else None,
            np.concatenate(codes) if codes else None,
            joined(blocks),
            _battery(decoded),
            now if now is not before else None,
            (*self._notices(decoded), *impossible),
            presses,
        )

    def _pieces(self, block: SampleBlock) -> Iterator[SampleBlock]:
        """Cut at the times of the checks, and check there."""
        while len(block):
            first = float(block.t[0])
            if first >= self._check_at:
                self._check()
                period = LOOK_S if self._looking else GLANCE_S
                self._check_at = period * (math.floor(first / period) + 1)
            n = int(np.searchsorted(block.t, self._check_at))
            yield block[:n]
            block = block[n:]

    @property
    def _looking(self) -> bool:
        frame = self._analyser.latest
        return self._watch is not None and (frame is None or not frame.calibrated or frame.doubt is not None)

    def _check(self) -> None:
        """Look for the protocol in what has come, while there is something to gain."""
        found = self._watch.look() if self._watch is not None and self._looking else None
        if found is not None:
            self._analyser.set_calibration(found)

    def _fused(self, block: DecodedBlock) -> SampleBlock:
        begins, self._boot = self._boot not in (None, block.boot), block.boot
        samples = block.samples
        if samples.quat is None:
            return self._fusion.process(samples)
        if not begins or not len(samples):
            return samples
        # a strap that began anew faces anywhere
        flags = samples.flags.copy()
        flags[0] |= np.uint8(SampleFlag.HEADING_LOST)
        return replace(samples, flags=flags)

    def _notices(self, decoded: Decoded) -> tuple[str, ...]:
        """Say once what is wrong with packets, in words of what it means to a person."""
        meant = dict.fromkeys(UNKNOWN if fault in _STRANGE else DAMAGED for fault in decoded.errors)
        new = tuple(notice for notice in meant if notice not in self._said)
        self._said.update(new)
        return new


def joined(blocks: list[SampleBlock]) -> SampleBlock | None:
    """Put consecutive blocks together; a column that one of them lacks is left out. None for no samples."""
    blocks = [block for block in blocks if len(block)]
    if len(blocks) < 2:
        return blocks[0] if blocks else None

    def column(name: str) -> NDArray[np.float64] | None:
        parts = [getattr(block, name) for block in blocks]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return SampleBlock(
        np.concatenate([block.t for block in blocks]),
        column("quat"),
        column("acc"),
        column("gyr"),
        np.concatenate([block.flags for block in blocks]),
    )


def _battery(decoded: Decoded) -> float | None:
    """Return the newest battery level, 0 to 1."""
    for _, status in reversed(decoded.statuses):
        if status.battery_percent is not None:
            return status.battery_percent / 100
    return None
