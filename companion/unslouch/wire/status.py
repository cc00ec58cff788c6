"""STATUS and CALIBRATION (docs/protocol.md 7 and 8), both ways."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag

import numpy as np

from unslouch.errors import Reason, WireError
from unslouch.wire.layout import CALIBRATION_SIZE, PROTOCOL_VERSION, STATUS_SHORT, STATUS_SIZE, Kind, WireFault
from unslouch_signal.samples import FloatArray, SampleBlock

GYRO_BIAS_SD_DEFAULT = 0.044
"""rad/s: the sensor's turn-on bias, 2.5 deg/s, when nothing was measured."""


class State(IntFlag):
    """What the strap does just now."""

    STREAMING = 1
    OFF_BODY = 2
    CHARGER = 4
    MOTOR = 8
    BATTERY_LOW = 16
    PAIRING_WINDOW = 32
    TIME_SET = 64
    FLASH_FAULT = 128


class Setup(IntFlag):
    """What the strap has been given."""

    PANIC_TEXT = 1
    GATE_ENABLED = 2
    BIAS = 4
    SCALE = 8
    ACCELERATION = 16
    MOUNT = 32
    SNOOZED = 64


class ResetReason(IntEnum):
    """Why the strap started."""

    UNKNOWN = 0
    POWER_ON = 1
    PIN = 2
    WATCHDOG = 3
    PANIC = 4
    BROWN_OUT = 5
    REQUESTED = 6
    LOW_BATTERY = 7
    LOCKUP = 8


class RejectedError(WireError):
    """A packet that is dropped, with the protocol's reason for counting it."""

    def __init__(self, fault: WireFault, message: str) -> None:
        super().__init__(Reason.UNKNOWN_VERSION if fault is WireFault.UNKNOWN_VERSION else Reason.PROTOCOL, message)
        self.fault = fault


_STATUS = struct.Struct("<BBHIIHBBIIIHHBBBBhBB3BBIHBBIHH")


@dataclass(frozen=True, slots=True)
class Status:
    """The strap's state; the fields after ``log_next`` are None in a notification cut short by the MTU."""

    state: int
    boot: int
    seq: int
    t_us: int
    battery_percent: int | None
    profile: int | None
    log_next: int
    log_oldest: int | None = None
    log_unconfirmed: int | None = None
    battery_mv: int | None = None
    dt_us: int | None = None
    samples_per_packet: int | None = None
    mode: int | None = None
    reset_reason: int | None = None
    setup: int | None = None
    temperature_c: float | None = None
    bonds: int | None = None
    disconnect_reason: int | None = None
    firmware: tuple[int, int, int] | None = None
    board: int | None = None
    ring_oldest_seq: int | None = None
    calibration_boots: int | None = None
    calibration_quality: int | None = None
    samples_lost: int | None = None
    snooze_s: int | None = None
    requests_refused: int | None = None

    def to_bytes(self) -> bytes:
        """The 60 bytes as read from the characteristic; None becomes "unknown" or 0."""
        firmware = self.firmware or (0, 0, 0)
        temperature = -32768 if self.temperature_c is None else round(self.temperature_c * 100)
        return _STATUS.pack(
            Kind.STATUS.head,
            self.state,
            self.boot,
            self.seq,
            self.t_us & 0xFFFFFFFF,
            self.t_us >> 32,
            255 if self.battery_percent is None else self.battery_percent,
            255 if self.profile is None else self.profile,
            self.log_next,
            self.log_oldest or 0,
            self.log_unconfirmed or 0,
            self.battery_mv or 0,
            (self.dt_us or 0) // 2,
            self.samples_per_packet or 0,
            self.mode or 0,
            self.reset_reason or 0,
            self.setup or 0,
            temperature,
            self.bonds or 0,
            self.disconnect_reason or 0,
            *firmware,
            self.board or 0,
            self.ring_oldest_seq or 0,
            65535 if self.calibration_boots is None else self.calibration_boots,
            self.calibration_quality or 0,
            0,
            self.samples_lost or 0,
            self.snooze_s or 0,
            self.requests_refused or 0,
        )


def check_head(data: bytes, kind: Kind) -> None:
    """Judge byte 0.

    Raises
    ------
    RejectedError
        When it is empty, of another version or of another kind.
    """
    if not data:
        raise RejectedError(WireFault.EMPTY, "The strap sent an empty packet.")
    if data[0] >> 4 != PROTOCOL_VERSION:
        raise RejectedError(
            WireFault.UNKNOWN_VERSION,
            f"The strap speaks protocol version {data[0] >> 4}, this program {PROTOCOL_VERSION}.",
        )
    if data[0] & 15 != kind:
        raise RejectedError(WireFault.UNKNOWN_KIND, f"Expected a packet of kind {int(kind)}, not {data[0] & 15}.")


def parse_status(data: bytes) -> Status:
    """STATUS from bytes, whole or cut (at least 20), longer ones of a later program included.

    Raises
    ------
    RejectedError
        When the bytes are no STATUS.
    """
    check_head(data, Kind.STATUS)
    if len(data) < STATUS_SHORT:
        raise RejectedError(WireFault.WRONG_LENGTH, f"A status has at least {STATUS_SHORT} bytes, not {len(data)}.")
    whole = len(data) >= STATUS_SIZE
    f = _STATUS.unpack(data[:STATUS_SIZE] if whole else data[:STATUS_SHORT] + bytes(STATUS_SIZE - STATUS_SHORT))
    short = Status(
        state=f[1],
        boot=f[2],
        seq=f[3],
        t_us=f[4] | f[5] << 32,
        battery_percent=None if f[6] > 100 else f[6],
        profile=None if f[7] == 255 else f[7],
        log_next=f[8],
    )
    if not whole:
        return short
    return replace(
        short,
        log_oldest=f[9],
        log_unconfirmed=f[10],
        battery_mv=f[11] or None,
        dt_us=f[12] * 2,
        samples_per_packet=f[13],
        mode=f[14],
        reset_reason=f[15],
        setup=f[16],
        temperature_c=None if f[17] == -32768 else f[17] / 100,
        bonds=f[18],
        disconnect_reason=f[19],
        firmware=(f[20], f[21], f[22]),
        board=f[23],
        ring_oldest_seq=f[24],
        calibration_boots=None if f[25] == 65535 else f[25],
        calibration_quality=f[26],
        samples_lost=f[28],
        snooze_s=f[29],
        requests_refused=f[30],
    )


_CALIBRATION = struct.Struct("<BBHIhBB3f3f9f3f3f")
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class StrapCalibration:
    """The sensor's calibration kept on the strap; ``gyro_matrix`` row by row. SI units."""

    measured: int = 0
    boot: int = 0
    utc_s: int = 0
    temperature_c: float = 0.0
    quality: int = 0
    gyro_bias: Vector = (0.0, 0.0, 0.0)
    gyro_bias_sd: Vector = (GYRO_BIAS_SD_DEFAULT, GYRO_BIAS_SD_DEFAULT, GYRO_BIAS_SD_DEFAULT)
    gyro_matrix: tuple[float, ...] = _IDENTITY
    acc_offset: Vector = (0.0, 0.0, 0.0)
    acc_scale: Vector = (1.0, 1.0, 1.0)

    def to_bytes(self) -> bytes:
        """The 100 bytes of the characteristic."""
        body = _CALIBRATION.pack(
            Kind.CALIBRATION.head,
            self.measured,
            self.boot,
            self.utc_s,
            round(self.temperature_c * 100),
            self.quality,
            0,
            *self.gyro_bias,
            *self.gyro_bias_sd,
            *self.gyro_matrix,
            *self.acc_offset,
            *self.acc_scale,
        )
        return body + struct.pack("<I", zlib.crc32(body))

    def correct(self, block: SampleBlock) -> SampleBlock:
        """Apply it to RAW samples (docs/protocol.md 8)."""
        acc: FloatArray | None = None
        gyr: FloatArray | None = None
        if block.acc is not None:
            acc = (block.acc - np.array(self.acc_offset)) * np.array(self.acc_scale)
        if block.gyr is not None:
            gyr = (block.gyr - np.array(self.gyro_bias)) @ np.array(self.gyro_matrix).reshape(3, 3).T
        return SampleBlock(block.t, block.quat, acc, gyr, block.flags)


def parse_calibration(data: bytes) -> StrapCalibration:
    """CALIBRATION from bytes.

    Raises
    ------
    RejectedError
        When the bytes are no CALIBRATION, the CRC does not match or a value cannot be.
    """
    check_head(data, Kind.CALIBRATION)
    if len(data) != CALIBRATION_SIZE:
        raise RejectedError(WireFault.WRONG_LENGTH, f"A calibration has {CALIBRATION_SIZE} bytes, not {len(data)}.")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise RejectedError(WireFault.BAD_VALUE, "The checksum of the strap's calibration is wrong.")
    f = _CALIBRATION.unpack(data[:-4])
    value = StrapCalibration(f[1], f[2], f[3], f[4] / 100, f[5], f[7:10], f[10:13], f[13:22], f[22:25], f[25:28])
    deviations = (
        (value.gyro_bias, 0.35),
        (tuple(g - i for g, i in zip(value.gyro_matrix, _IDENTITY, strict=True)), 0.2),
        (value.acc_offset, 2.0),
        (tuple(s - 1.0 for s in value.acc_scale), 0.1),
        (value.gyro_bias_sd, 3.4e38),
    )
    if not all(abs(x) <= limit for xs, limit in deviations for x in xs):  # NaN compares false and is refused too
        raise RejectedError(WireFault.BAD_VALUE, "A value of the strap's calibration is out of range.")
    return value
