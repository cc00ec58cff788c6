"""A recording as it is made: every packet in the file before anything else looks at it.

While it runs, each message goes to the operating system at once, so a killed process loses nothing that it took; a
thread forces it to the disk twice a second, so a power cut loses at most a second. When it is closed, the file is
written anew in compressed, indexed chunks with decoded channels beside (:mod:`unslouch.recording.compact`) and takes
the name of the first in one step.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from mcap.writer import IndexType, Writer

from unslouch.errors import FileError, Reason
from unslouch.recording.compact import compact, sync_folder
from unslouch.wire.layout import CHANNEL_UUIDS, PROTOCOL_VERSION
from unslouch.wire.source import CHANNELS, Channel, Packet, SourceInfo

PROFILE = "unslouch"
LIBRARY = "unslouch"
ENCODING = "unslouch"
SYNC_EVERY_S = 0.5
"""Half of what a power cut may cost."""
MARKER_TOPIC = "/marker"
CALIBRATION_TOPIC = "/calibration"
DEVICE_TOPIC = "/device"
RESULT_TOPIC = "/result"
JSON_TOPICS: dict[str, dict[str, object]] = {
    MARKER_TOPIC: {
        "title": "unslouch.Marker",
        "type": "object",
        "properties": {"t": {"type": "number"}, "label": {"type": "string"}},
    },
    CALIBRATION_TOPIC: {
        "title": "unslouch.Calibration",
        "type": "object",
        "properties": {"t": {"type": "number"}, "calibration": {"type": "object"}},
    },
    DEVICE_TOPIC: {"title": "unslouch.Device", "type": "object", "properties": {"name": {"type": "string"}}},
    RESULT_TOPIC: {
        "title": "unslouch.Result",
        "type": "object",
        "properties": {"table": {"type": "string"}, "columns": {"type": "object"}},
    },
}


def strap_topic(channel: Channel) -> str:
    """The name of a characteristic's channel."""
    return f"/strap/{channel.value}"


class RecordingWriter:
    """Writes one recording live. Methods may be called from any one thread at a time.

    Parameters
    ----------
    path
        Must not exist yet; its folder is made.
    info
        Of the source.
    started_s
        UTC, s; the time of what is written before the first packet.
    tidy
        Whether ``close`` rewrites the file in chunks with decoded channels; without, it only gets its end.

    Raises
    ------
    FileError
        When the file exists already or cannot be written.
    """

    def __init__(self, path: Path, info: SourceInfo, started_s: float, *, tidy: bool = True) -> None:
        self.path = path
        self._tidy = tidy
        self._now_ns = int(started_s * 1e9)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
        except FileExistsError:
            raise FileError(Reason.BAD_FILE, f"{path} exists already.", "Give another name.") from None
        except OSError as error:
            raise FileError(Reason.BAD_FILE, f"{path} cannot be written: {error.strerror}.") from error
        self._lock = threading.Lock()
        self._ending = threading.Lock()
        """Held while the file is forced to the disk for somebody, and while it is ended."""
        self._dirty = False
        self._closed = False
        self._failure: OSError | None = None
        """What went wrong first: the system tells of lost pages once, to whoever asks next, and then never again."""
        self._told = False
        self._stop = threading.Event()
        self._mcap = Writer(self._file, index_types=IndexType.NONE, use_chunking=False)
        self._mcap.start(profile=PROFILE, library=LIBRARY)
        self._channels = {
            c: self._mcap.register_channel(
                strap_topic(c), ENCODING, 0, {"protocol": str(PROTOCOL_VERSION), "characteristic": CHANNEL_UUIDS[c]}
            )
            for c in CHANNELS
        }
        self._topics: dict[str, int] = {}
        for topic, schema in JSON_TOPICS.items():
            number = self._mcap.register_schema(str(schema["title"]), "jsonschema", json.dumps(schema).encode())
            self._topics[topic] = self._mcap.register_channel(topic, "json", number)
        self._json(
            DEVICE_TOPIC,
            {
                "name": info.name,
                "address": info.address,
                "kind": info.kind.value,
                "rate_hz": info.rate_hz,
                **dict(info.device),
            },
        )
        sync_folder(path.parent)  # what is confirmed to a strap must be found under its name after a power cut
        self._thread = threading.Thread(target=self._sync_often, name="recording-sync", daemon=True)
        self._thread.start()

    def write(self, packet: Packet) -> None:
        """Keep a packet.

        Raises
        ------
        FileError
            When the disk is full or gone.
        """
        self._now_ns = max(0, int(packet.arrival_s * 1e9))
        self._message(self._channels[packet.channel], packet.data)

    def mark(self, t: float, label: str) -> None:
        """Keep a marker at a sample time, s."""
        self._json(MARKER_TOPIC, {"t": t, "label": label})

    def calibration(self, t: float, text: str) -> None:
        """Keep a body calibration (JSON) that came into use at a sample time, s."""
        self._json(CALIBRATION_TOPIC, {"t": t, "calibration": json.loads(text)})

    def result(self, entry: str) -> None:
        """Keep a result (JSON) that went into the database: the database can be made again from it."""
        self._json(RESULT_TOPIC, json.loads(entry))

    def device(self, values: Mapping[str, str]) -> None:
        """Keep what Device Information says."""
        self._json(DEVICE_TOPIC, values)

    @property
    def whole(self) -> bool:
        """Whether it is closed, and everything that was to be written is on the disk."""
        return self._file.closed and self._failure is None

    def sync(self) -> None:
        """Return when everything written is on the disk; only then may the strap be told to forget.

        Raises
        ------
        FileError
            When something written before is not, whoever was told of it first.
        """
        with self._ending:
            if not self._file.closed:
                self._dirty = False
                try:
                    os.fsync(self._file.fileno())
                except OSError as error:
                    raise self._failed(error) from error
            if self._failure is not None:
                raise self._failed(self._failure)

    def close(self) -> None:
        """End the file and tidy it up; safe to call twice.

        Raises
        ------
        FileError
            When it cannot be ended, or lost something that nobody was told of.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop.set()
        self._thread.join()
        with self._ending:
            try:
                self._mcap.finish()
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._failed(error) from error
            finally:
                self._shut()
        if self._failure is not None:
            if not self._told:
                raise self._failed(self._failure)
        elif self._tidy:
            compact(self.path)

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _json(self, topic: str, value: Mapping[str, object]) -> None:
        self._message(self._topics[topic], json.dumps(value, separators=(",", ":")).encode())

    def _message(self, channel: int, data: bytes) -> None:
        with self._lock:
            if self._closed:
                raise FileError(Reason.BAD_FILE, f"{self.path} is closed already.")
            if self._failure is not None:
                raise self._failed(self._failure)
            try:
                self._mcap.add_message(channel, self._now_ns, data, self._now_ns)
                self._file.flush()
            except OSError as error:
                raise self._failed(error) from error
            self._dirty = True

    def _sync_often(self) -> None:
        while not self._stop.wait(SYNC_EVERY_S):
            if self._dirty:
                self._dirty = False
                try:
                    os.fsync(self._file.fileno())
                except OSError as error:
                    self._failure = self._failure or error
                    return  # told at the next message, or when somebody asks whether it is on the disk

    def _shut(self) -> None:
        """Let go of the file, also where what is left cannot be written."""
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> FileError:
        self._failure, self._told = self._failure or error, True
        return FileError(Reason.BAD_FILE, f"{self.path} cannot be written: {error.strerror}.", "Is the disk full?")
