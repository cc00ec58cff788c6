"""Numbers of the protocol: UUIDs, kinds, lengths, scales. Section numbers refer to docs/protocol.md."""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum

import numpy as np

from unslouch.wire.source import Channel

PROTOCOL_VERSION = 1
_UUID = "fbc3{:04x}-4b40-4233-bf8e-11264f902b4a"
SERVICE_UUID = _UUID.format(1)
CHANNEL_UUIDS: dict[Channel, str] = {
    Channel.STREAM: _UUID.format(2),
    Channel.LOG: _UUID.format(3),
    Channel.CONTROL: _UUID.format(4),
    Channel.STATUS: _UUID.format(5),
    Channel.CALIBRATION: _UUID.format(6),
    Channel.REFUSED: _UUID.format(2),
}
COMPANY_ID = 0xFFFF

ACC_LSB = 0.244e-3 * 9.80665
"""m/s^2 per count (4.2), the LSM6DS3TR-C's own at 8 g."""
GYR_LSB = math.radians(0.035)
"""rad/s per count (4.3), the LSM6DS3TR-C's own at 1000 deg/s."""
TICK_US = 2
"""Microseconds per unit of dt (1)."""
NO_ACC = -32768
RESENT = 0x80
HEADER_SIZE = 16
COMPACT_SIZE = 20
EVENT_SIZE = 20
LOG_HEADER_SIZE = 21
TIME_SIZE = 26
LOG_END_SIZE = 14
STATUS_SIZE = 60
STATUS_SHORT = 20
CALIBRATION_SIZE = 100
MAX_LOG_SAMPLES = 40
COMPACT_TICK_US = 16
SEQ_SPAN = 1 << 32
TIME_SPAN = 1 << 48


class Kind(IntEnum):
    """Low nibble of byte 0 (3)."""

    FUSED = 1
    RAW = 2
    FUSED_GYRO = 3
    COMPACT = 4
    ANCHOR = 5
    EVENT = 6
    LOG = 8
    TIME = 9
    LOG_END = 10
    STATUS = 12
    CALIBRATION = 13

    @property
    def head(self) -> int:
        """Byte 0 of a packet of this kind."""
        return PROTOCOL_VERSION << 4 | self


class Content(StrEnum):
    """What a sample carries."""

    FUSED = "fused"
    """Orientation and acceleration."""
    RAW = "raw"
    """Acceleration and angular rate, uncorrected."""
    FUSED_GYRO = "fused_gyro"
    """Orientation, acceleration and angular rate."""
    ORIENTATION = "orientation"
    """Orientation alone (the flash log)."""


class WireFault(StrEnum):
    """Why a packet was dropped (3)."""

    EMPTY = "empty"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_KIND = "unknown_kind"
    WRONG_LENGTH = "wrong_length"
    BAD_VALUE = "bad_value"
    TIME_BACKWARD = "time_backward"
    FRAGMENT = "fragment"
    NO_ANCHOR = "no_anchor"


SAMPLE_SIZE: dict[Kind, int] = {Kind.FUSED: 12, Kind.RAW: 12, Kind.FUSED_GYRO: 18}
MAX_SAMPLES: dict[Kind, int] = {Kind.FUSED: 18, Kind.RAW: 18, Kind.FUSED_GYRO: 12}

HEADER = np.dtype(
    [
        ("head", "u1"),
        ("flags", "u1"),
        ("boot", "<u2"),
        ("seq", "<u4"),
        ("t_low", "<u4"),
        ("t_high", "<u2"),
        ("dt", "<u2"),
    ]
)
LOG_HEADER = np.dtype(
    [
        ("head", "u1"),
        ("flags", "u1"),
        ("step", "u1"),
        ("id", "<u4"),
        ("boot", "<u2"),
        ("seq", "<u4"),
        ("t_low", "<u4"),
        ("t_high", "<u2"),
        ("dt", "<u2"),
    ]
)


def log_payload_size(n: int) -> int:
    """Bytes that n log quaternions take (5)."""
    return 11 * (n // 2) + 6 * (n % 2)


LOG_SAMPLES: dict[int, int] = {LOG_HEADER_SIZE + log_payload_size(n): n for n in range(1, MAX_LOG_SAMPLES + 1)}
"""Length of a LOG record to its number of samples; unambiguous because 6 is no multiple of 11."""


def stream_samples(kind: Kind, length: int) -> int:
    """How many samples a FUSED, RAW or FUSED_GYRO packet of that length holds; 0 when the length is wrong."""
    n, rest = divmod(length - HEADER_SIZE, SAMPLE_SIZE[kind])
    return n if rest == 0 and 1 <= n <= MAX_SAMPLES[kind] else 0
