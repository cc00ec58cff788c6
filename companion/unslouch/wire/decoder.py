"""The receiver's side of docs/protocol.md: packets in, samples in order out. Any bytes are survived and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unslouch.wire.assemble import Sorted, assemble, merge, to_blocks, unwrap_boots
from unslouch.wire.boots import BootWatch
from unslouch.wire.fragments import LogAssembler
from unslouch.wire.layout import WireFault
from unslouch.wire.parse import Parsed, parse_log, parse_stream
from unslouch.wire.records import Anchor, ClockPoints, Decoded, DecodedBlock, Gap, StrapEvent, TimeRecord
from unslouch.wire.runs import Runs
from unslouch.wire.source import Channel, Packet
from unslouch.wire.status import RejectedError, Status, StrapCalibration, parse_calibration, parse_status
from unslouch.wire.table import CHANNEL_NUMBER, PacketTable
from unslouch_signal.samples import SampleFlag

PATIENCE_S = 1.0
"""How long (in sample time) the live decoder waits for resent samples: below every dwell, above a resend's way."""
_BOOTS = 1 << 16
_REMEMBERED = 8
"""Boots whose samples are remembered to drop copies."""
_REBOOT_S = 1.0
"""Distance put between two boots whose clocks nothing relates."""
_RESENT = 0x80


def decode_all(packets: Sequence[Packet] | PacketTable) -> Decoded:
    """Everything a recording holds, in order at once.

    Late, resent and logged samples are put where they belong; a sample that came twice is kept from the stream. The
    clocks of several boots are joined by the arrival of their packets (or their TIME records).
    """
    table = packets if isinstance(packets, PacketTable) else PacketTable.of(packets)
    table, strangers = BootWatch().sift(table, flush=True)
    step = _Step(table, LogAssembler(), None)
    step.errors[WireFault.BAD_VALUE] += strangers
    reference = step.newest_boot()
    ordered = None if reference is None else assemble(step.parsed.groups, reference, 0, step.errors)
    if ordered is None or reference is None:
        return step.decoded((), (), ())
    offset = _boot_offsets(ordered, step.parsed.times, reference)
    return step.decoded(tuple(to_blocks(ordered, offset)), (), tuple(_gaps(ordered, offset)))


class Decoder:
    """Decodes a running stream.

    Parameters
    ----------
    patience_s
        How long, in sample time, samples behind a hole are held back for resent ones; 0 delivers at once.

    Notes
    -----
    Blocks continue each other strictly in time over calls, whatever arrives twice, late or not at all; see section 9 of
    docs/protocol.md. Log records and samples that come after their place was passed leave in ``late``; there ``t`` of a
    boot that was never streamed is that boot's own clock (``offset_s`` 0).
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_us = int(patience_s * 1e6)
        self._log = LogAssembler()
        self._boots = BootWatch()
        self._anchor: Anchor | None = None
        self._held: Sorted | None = None
        self._packets = 0
        self._boot: int | None = None
        self._next_seq: int | None = None
        self._last_us = -1
        self._end_s: float | None = None
        self._first_zero: float | None = None
        self._offset: dict[int, float] = {}
        self._seen: dict[int, Runs] = {}
        self._seen_log: dict[int, Runs] = {}
        self._record_ids = Runs()

    def decode(self, packets: Sequence[Packet] | PacketTable) -> Decoded:
        """Take packets in order of arrival; give what can be given now."""
        return self._advance(packets if isinstance(packets, PacketTable) else PacketTable.of(packets), flush=False)

    def finish(self) -> Decoded:
        """Give what is still held back."""
        return self._advance(PacketTable.of(()), flush=True)

    def _advance(self, table: PacketTable, *, flush: bool) -> Decoded:
        table, strangers = self._boots.sift(table, flush=flush)
        step = _Step(table, self._log, self._anchor)
        step.errors[WireFault.BAD_VALUE] += strangers
        self._anchor = step.anchor
        reference = self._boot
        if reference is None:
            reference = step.newest_boot()
        new = None if reference is None else assemble(step.parsed.groups, reference, self._packets, step.errors)
        self._packets += len(table)
        blocks: list[DecodedBlock] = []
        late: list[DecodedBlock] = []
        gaps: list[Gap] = []
        if new is not None:
            late += self._log_samples(new.take(new.from_log))
            new = new.take(~new.from_log)
        if new is not None and len(new):
            if self._boot is None:
                self._enter_boot(int(new.boot[0]), new)
            late += self._late(new.take(self._is_past(new)))
            new = new.take(~self._is_past(new))
        before_us = None if self._next_seq is None else self._last_us
        pending = merge(self._held, new if new is not None and len(new) else None, before_us, step.errors)
        self._held = None
        while pending is not None and len(pending):
            boot = int(pending.boot[0])
            if boot != self._boot:
                self._enter_boot(boot, pending)
            here = pending.boot == boot
            mine, rest = pending.take(here), pending.take(~here)
            ready = self._ready(mine, announced=step.anchors_at(boot), flush=flush or bool(len(rest)), gaps=gaps)
            blocks += self._deliver(mine.take(slice(0, ready)), step.errors)
            if ready < len(mine):
                self._held = mine.take(slice(ready, None))
                break
            pending = rest
        held = 0 if self._held is None else len(self._held)
        events, times = self._new_events(step), self._new_times(step)
        return step.decoded(tuple(blocks), tuple(late), tuple(gaps), events, times, held)

    def _is_past(self, samples: Sorted) -> NDArray[np.bool_]:
        if self._boot is None:
            return np.zeros(len(samples), np.bool_)
        past = samples.boot < self._boot
        if self._next_seq is not None:
            past |= (samples.boot == self._boot) & (samples.seq < self._next_seq)
        return past

    def _enter_boot(self, boot: int, samples: Sorted) -> None:
        here = np.flatnonzero(samples.boot == boot)
        packet = samples.packet[here] == samples.packet[here[0]]
        zero = float(samples.arrival_s[here[0]]) - float(samples.t_us[here[packet]][-1]) * 1e-6
        first_us = float(samples.t_us[here[0]])
        if self._first_zero is None:
            self._first_zero = zero
        offset = zero - self._first_zero
        if self._end_s is not None and first_us * 1e-6 + offset <= self._end_s:
            offset = self._end_s + _REBOOT_S - first_us * 1e-6
        self._boot, self._next_seq, self._last_us = boot, None, -1
        self._offset[boot] = offset
        for seen in (self._offset, self._seen):
            for old in sorted(seen)[:-_REMEMBERED]:
                del seen[old]

    def _ready(self, mine: Sorted, announced: frozenset[int], *, flush: bool, gaps: list[Gap]) -> int:
        """How many of the samples can be delivered now; names the holes that are given up."""
        previous = self._next_seq - 1 if self._next_seq is not None else int(mine.seq[0]) - 1
        previous_us = self._last_us if self._next_seq is not None else int(mine.t_us[0]) - 1
        before_seq = np.r_[previous, mine.seq[:-1]]
        before_us = np.r_[previous_us, mine.t_us[:-1]]
        missing = mine.seq - before_seq - 1
        lost = (mine.flags & SampleFlag.LOST_BEFORE) != 0
        newest = int(mine.t_us[-1])
        offset = self._offset[int(mine.boot[0])]
        # a leap of the clock that seq does not explain waits for a second packet to agree, or for an anchor
        leap = mine.t_us - before_us > (missing + 2) * mine.dt_us + 500_000
        leap[0] &= self._next_seq is not None
        for i in np.flatnonzero((missing > 0) | leap).tolist():
            hole = int(missing[i]) > 0
            waits = hole and not lost[i] and newest - int(before_us[i]) <= self._patience_us
            alone = bool(leap[i]) and int(mine.packet[i]) == int(mine.packet[-1]) and int(mine.seq[i]) not in announced
            if (waits or alone) and not flush:
                return i
            if hole:
                gaps.append(
                    Gap(
                        int(mine.boot[i]) % _BOOTS,
                        int(before_seq[i]) + 1,
                        int(missing[i]),
                        int(before_us[i]) * 1e-6 + offset,
                        int(mine.t_us[i]) * 1e-6 + offset,
                        bool(lost[i]),
                    )
                )
        return len(mine)

    def _deliver(self, mine: Sorted, errors: Counter[WireFault]) -> list[DecodedBlock]:
        rising = mine.t_us > self._last_us
        if not bool(rising.all()):
            errors[WireFault.TIME_BACKWARD] += len(np.unique(mine.packet[~rising]))
            mine = mine.take(rising)
        if not len(mine):
            return []
        boot = int(mine.boot[0])
        self._next_seq = int(mine.seq[-1]) + 1
        self._last_us = int(mine.t_us[-1])
        self._end_s = self._last_us * 1e-6 + self._offset[boot]
        self._seen.setdefault(boot, Runs()).add(mine.seq)
        return to_blocks(mine, self._offset)

    def _late(self, samples: Sorted) -> list[DecodedBlock]:
        return self._unseen(samples, 1)

    def _log_samples(self, samples: Sorted) -> list[DecodedBlock]:
        return self._unseen(samples, None)

    def _unseen(self, samples: Sorted, step: int | None) -> list[DecodedBlock]:
        blocks: list[DecodedBlock] = []
        for boot in np.unique(samples.boot).tolist():
            mine = samples.take(samples.boot == boot)
            for seen in (self._seen, self._seen_log):
                if boot in seen:
                    mine = mine.take(~seen[boot].contains(mine.seq))
            if not len(mine):
                continue
            if step is None:
                spacing = int(np.min(np.diff(mine.seq))) if len(mine) > 1 else 1
                self._seen_log.setdefault(boot, Runs()).add(mine.seq, spacing)
            else:
                self._seen.setdefault(boot, Runs()).add(mine.seq, step)
            blocks += to_blocks(mine, self._offset)
        while len(self._seen_log) > _BOOTS // 256:
            del self._seen_log[min(self._seen_log)]
        return blocks

    def _fresh(self, ids: list[int]) -> NDArray[np.bool_]:
        array = np.array(ids, np.int64)
        first = np.zeros(len(array), np.bool_)
        first[np.unique(array, return_index=True)[1]] = True
        fresh = first & ~self._record_ids.contains(array)
        self._record_ids.add(np.sort(array[fresh]))
        return fresh

    def _new_events(self, step: _Step) -> tuple[StrapEvent, ...]:
        fresh = self._fresh([e.id for e in step.parsed.events])
        return tuple(e for e, new in zip(step.parsed.events, fresh.tolist(), strict=True) if new)

    def _new_times(self, step: _Step) -> tuple[TimeRecord, ...]:
        fresh = self._fresh([r.id for r in step.parsed.times])
        return tuple(r for r, new in zip(step.parsed.times, fresh.tolist(), strict=True) if new)


class _Step:
    """One table of packets taken apart by channel."""

    def __init__(self, table: PacketTable, log: LogAssembler, anchor: Anchor | None) -> None:
        self.parsed = Parsed()
        self._before = anchor
        self.errors = self.parsed.errors
        self.statuses: list[tuple[float, Status]] = []
        self.calibrations: list[tuple[float, StrapCalibration]] = []
        self.responses: list[tuple[float, bytes]] = []
        of = {c: np.flatnonzero(table.channel == CHANNEL_NUMBER[c]) for c in Channel}
        stream = of[Channel.STREAM]
        whole = len(stream) == len(table)
        self.anchor = parse_stream(table if whole else table.take(stream), stream, self.parsed, anchor)
        if len(of[Channel.LOG]):
            records, completed = log.join(table.take(of[Channel.LOG]), self.errors)
            parse_log(records, of[Channel.LOG][completed], self.parsed)
        self.errors[WireFault.BAD_VALUE] += len(of[Channel.REFUSED])
        for i in of[Channel.STATUS].tolist():
            try:
                self.statuses.append((float(table.arrival_s[i]), parse_status(table.data(i))))
            except RejectedError as rejected:
                self.errors[rejected.fault] += 1
        for i in of[Channel.CALIBRATION].tolist():
            data = table.data(i)
            if len(data) == 1:
                continue  # "read again"
            try:
                self.calibrations.append((float(table.arrival_s[i]), parse_calibration(data)))
            except RejectedError as rejected:
                self.errors[rejected.fault] += 1
        for i in of[Channel.CONTROL].tolist():
            self.responses.append((float(table.arrival_s[i]), table.data(i)))

    def newest_boot(self) -> int | None:
        """Boot of the last stream packet, else of the last log record."""
        best: tuple[bool, int, int] | None = None
        for g in self.parsed.groups:
            if len(g.seq):
                last = int(np.argmax(g.order))
                candidate = (not g.from_log, int(g.order[last]), int(g.boot[last]))
                best = candidate if best is None else max(best, candidate)
        return None if best is None else best[2]

    def anchors_at(self, boot: int) -> frozenset[int]:
        """Sequence numbers of the anchors seen for a boot: those of this table, and the last one before."""
        anchors = self.parsed.anchors if self._before is None else [self._before, *self.parsed.anchors]
        return frozenset(a.seq for a in anchors if a.boot == boot % _BOOTS)

    def decoded(
        self,
        blocks: tuple[DecodedBlock, ...],
        late: tuple[DecodedBlock, ...],
        gaps: tuple[Gap, ...],
        events: tuple[StrapEvent, ...] | None = None,
        times: tuple[TimeRecord, ...] | None = None,
        held: int = 0,
    ) -> Decoded:
        p = self.parsed
        return Decoded(
            blocks,
            late,
            gaps,
            tuple({e.id: e for e in p.events}.values()) if events is None else events,
            tuple(p.anchors),
            tuple({r.id: r for r in p.times}.values()) if times is None else times,
            tuple(p.log_ends),
            tuple(self.statuses),
            tuple(self.calibrations),
            tuple(self.responses),
            np.concatenate(p.log_ids) if p.log_ids else np.empty(0, np.int64),
            self._clock(),
            {fault: count for fault, count in p.errors.items() if count},
            held,
        )

    def _clock(self) -> ClockPoints:
        arrival: list[NDArray[np.float64]] = [np.empty(0)]
        boot: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        t_us: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for g in self.parsed.groups:
            if not g.from_log:
                direct = (g.flags & _RESENT) == 0
                arrival.append(g.arrival_s[direct])
                boot.append(g.boot[direct])
                t_us.append((g.t_us + (g.n - 1) * g.dt_us)[direct])
                order.append(g.order[direct])
        at = np.argsort(np.concatenate(order), kind="stable")
        return ClockPoints(np.concatenate(arrival)[at], np.concatenate(boot)[at], np.concatenate(t_us)[at])


def _boot_offsets(ordered: Sorted, times: list[TimeRecord], reference: int) -> dict[int, float]:
    """What to add to each boot's clock so that time goes on over reboots; 0 for the first boot."""
    cuts = np.flatnonzero(np.diff(ordered.boot)) + 1
    starts, stops = np.r_[0, cuts].tolist(), np.r_[cuts, len(ordered)].tolist()
    zero: dict[int, float] = {}
    for r in times:
        zero[int(unwrap_boots(np.array([r.boot]), reference)[0])] = (r.utc_us - r.t_us) * 1e-6
    for start, stop in zip(starts, stops, strict=True):
        direct = np.flatnonzero(~ordered.from_log[start:stop])
        if len(direct):
            first = start + int(direct[0])
            packet = np.flatnonzero(ordered.packet[first : min(stop, first + 64)] == ordered.packet[first])
            zero[int(ordered.boot[first])] = (
                float(ordered.arrival_s[first]) - float(ordered.t_us[first + int(packet[-1])]) * 1e-6
            )
    offset: dict[int, float] = {}
    base: float | None = None
    end: float | None = None
    for start, stop in zip(starts, stops, strict=True):
        boot = int(ordered.boot[start])
        first, last = float(ordered.t_us[start]) * 1e-6, float(ordered.t_us[stop - 1]) * 1e-6
        if end is None:
            offset[boot] = 0.0
        else:
            offset[boot] = zero[boot] - base if boot in zero and base is not None else end + _REBOOT_S - first
            if first + offset[boot] <= end:
                offset[boot] = end + _REBOOT_S - first
        if boot in zero:
            base = zero[boot] - offset[boot]
        end = last + offset[boot]
    return offset


def _gaps(ordered: Sorted, offset: dict[int, float]) -> list[Gap]:
    same = np.diff(ordered.boot) == 0
    missing = np.diff(ordered.seq) - 1
    candidates = np.flatnonzero(same & (missing > 0))
    gaps: list[Gap] = []
    if not len(candidates):
        return gaps
    t = ordered.t_us
    # log samples stand for the stream samples between them
    lone = (t[candidates + 1] - t[candidates]) > 1.5 * np.maximum(
        ordered.dt_us[candidates], ordered.dt_us[candidates + 1]
    )
    for i in candidates[lone].tolist():
        shift = offset.get(int(ordered.boot[i]), 0.0)
        gaps.append(
            Gap(
                int(ordered.boot[i]) % _BOOTS,
                int(ordered.seq[i]) + 1,
                int(missing[i]),
                int(t[i]) * 1e-6 + shift,
                int(t[i + 1]) * 1e-6 + shift,
                bool(ordered.flags[i + 1] & SampleFlag.LOST_BEFORE),
            )
        )
    return gaps
