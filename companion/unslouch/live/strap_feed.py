"""A known strap as a feed: recorded first, confirmed when on the disk, judged, and told what it must know alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from unslouch.errors import FileError, WireError
from unslouch.link.gate import gate_values, mount_values
from unslouch.link.known import KnownStrap, KnownStraps
from unslouch.link.ledger import Ledger, Position
from unslouch.link.radios import Radio
from unslouch.link.records import RecordWatch
from unslouch.link.states import LinkStatus
from unslouch.link.strap import StrapOptions
from unslouch.link.worn import strap_type
from unslouch.live.chain import Chain
from unslouch.live.conveyor import Conveyor
from unslouch.live.dating import Dating
from unslouch.recording.reader import read_packets
from unslouch.recording.writer import RecordingWriter
from unslouch.wire.control import Op
from unslouch.wire.source import Channel, SourceInfo, SourceKind
from unslouch.wire.status import parse_status
from unslouch_signal.analyser import AnalyserParameters
from unslouch_signal.calibration import Calibration
from unslouch_signal.slouch import SlouchParameters, Zone

RESUMED_S = 300.0
"""What was confirmed last was taken this much before at most: a fetch, and the tries of a hole, take a minute."""
SLOUCH = "slouch"
"""Key of the thresholds among what a recording knows of its strap."""
FRESH_S = 12 * 3600.0
"""A body calibration is of one wearing: an older one waits for the protocol, or for the person to say so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a known strap is to be used now.

    Attributes
    ----------
    slouch
        Thresholds, also for the strap alone.
    calibration
        Used from the first sample on; None takes the strap's last one while it is fresh.
    record
        The recording; None makes one among the recordings, named by time and strap.
    pair
        Make a bond where there is none.
    profile
        What is streamed, this time; None as the strap is set.
    """

    slouch: SlouchParameters = field(default_factory=SlouchParameters)
    calibration: Calibration | None = None
    record: Path | None = None
    pair: bool = False
    profile: int | None = None


def recording_path(folder: Path, name: str, now: float) -> Path:
    """Return a name that sorts by time and is free."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name) or "strap"
    stem = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{safe}"
    path = folder / f"{stem}.mcap"
    number = 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.mcap", number + 1
    return path


def resumed(known: KnownStrap) -> Position:
    """Return up to where a strap's samples are on this disk.

    After a kill the last recording holds more than what was confirmed: its packets are gone through. Each status says
    what the strap had taken by then, as it does at a connection: what did not come after it is missing.
    """
    path = Path(known.recording) if known.recording else None
    if path is None or not path.exists():
        return known.position
    ledger, records = Ledger(known.position, judged=True), RecordWatch()
    table, _ = read_packets(path, known.used_utc - RESUMED_S)
    for i in range(len(table)):
        packet = table.packet(i)
        ledger.take(packet)
        if packet.channel is Channel.STATUS:
            with suppress(WireError):
                status = parse_status(packet.data)
                ledger.expect(status.boot, status.seq, status.t_us)
        if packet.channel is Channel.LOG:
            for record_id in records.take(packet.data):
                ledger.log_record(record_id)
    return ledger.position()


def slouch_text(slouch: SlouchParameters) -> str:
    """Return thresholds as text: a recording keeps those by which the strap judged when it was alone."""
    return json.dumps(
        [*(astuple(zone) for zone in (slouch.flexion, slouch.extension, slouch.lean)), slouch.dwell_s, slouch.quiet_s]
    )


def slouch_of(text: str | None) -> SlouchParameters | None:
    """Return thresholds from their text; None where there is none."""
    try:
        flexion, extension, lean, dwell_s, quiet_s = json.loads(text or "null")
        return SlouchParameters(Zone(*flexion), Zone(*extension), Zone(*lean), float(dwell_s), float(quiet_s))
    except (TypeError, ValueError):
        return None


def strap_feed(
    straps: KnownStraps,
    known: KnownStrap,
    recordings: Path,
    radio: Radio,
    wanted: Wanted | None = None,
    *,
    on_status: Callable[[LinkStatus], None] | None = None,
    on_recorded: Callable[[Path, float, float], None] | None = None,
    on_closed: Callable[[], None] | None = None,
) -> Conveyor:
    """Open a known strap as a feed.

    Parameters
    ----------
    straps
        Where what becomes known of it is kept.
    recordings
        Folder of recordings.
    on_recorded
        Called, in the conveyor's thread, when the recording is closed, with its begin and end (UTC, s).
    on_closed
        Called last, in the conveyor's thread, whatever happened.

    Raises
    ------
    FileError
        When the recording cannot be made.
    """
    wanted = wanted or Wanted()
    begun = time.time()
    calibration = wanted.calibration
    if calibration is None and known.calibration and begun - known.calibrated_utc < FRESH_S:
        calibration = Calibration.from_json(known.calibration)
    parameters = AnalyserParameters(slouch=wanted.slouch)
    address = known.address

    def confirmed(position: Position) -> None:
        with suppress(FileError):  # the recording tells it too: the next start goes through more of it
            straps.change(address, position=position, used_utc=time.time())

    strap = strap_type(radio)(
        address,
        known.name,
        StrapOptions(
            samples=18 if known.economy else 2,
            economy=known.economy,
            profile=known.profile if wanted.profile is None else wanted.profile,
            pair=wanted.pair,
            serial=known.serial,
        ),
        start=resumed(known),
        radio=radio,
        on_status=on_status,
        on_position=confirmed,
        seed=int(begun),
    )
    path = wanted.record or recording_path(recordings, known.name, begun)
    info = SourceInfo(SourceKind.STRAP, known.name, address, (("serial", known.serial),))
    recorder = RecordingWriter(path, info, begun, tidy=False)
    recorder.device({SLOUCH: slouch_text(wanted.slouch)})
    straps.put(replace(known, recording=str(path.resolve()), position=strap.mark(), used_utc=begun))
    # by the last one the strap judged when it was alone, also when it is too old for what comes now
    last = calibration or (Calibration.from_json(known.calibration) if known.calibration else None)
    if last is not None:
        recorder.calibration(0.0, last.to_json())
        strap.wish(Op.SET_MOUNT, mount_values(last))
    strap.wish(Op.SET_GATE, gate_values(wanted.slouch, stand_alone=known.stand_alone))
    if known.motor is not None:
        strap.wish(Op.SET_MOTOR, {"pattern": known.motor, "strength": known.strength})

    def calibrated(made: Calibration) -> None:
        strap.wish(Op.SET_MOUNT, mount_values(made))
        straps.change(address, calibration=made.to_json(), calibrated_utc=time.time())

    def closed() -> None:
        try:
            # where the recording stopped (a full disk) what was taken after that is nowhere: it must come again, and
            # the next start looks through the file for what is in it
            if recorder.whole:
                straps.change(address, position=strap.mark(), recording="", used_utc=time.time())
            if wanted.record is None and strap.empty:
                path.unlink(missing_ok=True)
            elif on_recorded is not None:
                on_recorded(path, begun, time.time())
        finally:
            if on_closed is not None:
                on_closed()

    dating = Dating()
    return Conveyor(
        strap,
        lambda _: Chain(strap.info.rate_hz, calibration, parameters=parameters, dating=dating),
        recorder,
        on_calibration=calibrated,
        on_close=closed,
        dating=dating,
    )
