"""Requests to the strap and its answers (docs/protocol.md 6), table-driven, both ways."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from unslouch.errors import Reason, WireError
from unslouch.wire.layout import PROTOCOL_VERSION
from unslouch.wire.quaternion_codec import SQUARE_LIMIT, STREAM_BITS, largest_code

ANSWER = 0x80
UTC_RANGE_US = (1_577_836_800_000_000, 4_102_444_800_000_000)
"""2020-01-01 to 2100-01-01."""


class Op(IntEnum):
    """What can be asked."""

    START = 0x01
    STOP = 0x02
    MODE = 0x03
    RESEND = 0x04
    LOG_READ = 0x05
    LOG_STOP = 0x06
    LOG_CONFIRM = 0x07
    STORED = 0x08
    SET_GATE = 0x09
    GET_GATE = 0x0A
    SET_MOTOR = 0x0B
    BUZZ = 0x0C
    SET_TIME = 0x0D
    MARK = 0x0E
    FORGET = 0x0F
    CAL_BIAS = 0x10
    CAL_SCALE = 0x11
    CAL_ACC = 0x12
    SET_MOUNT = 0x13
    PANIC = 0x14
    PANIC_CLEAR = 0x15
    SNOOZE = 0x16
    REBOOT = 0x17
    PAIRING = 0x18


class ControlStatus(IntEnum):
    """How the strap answers (6.1)."""

    OK = 0
    WORKING = 1
    BAD_LENGTH = 2
    UNKNOWN_OP = 3
    OUT_OF_RANGE = 4
    BUSY = 5
    NOT_NOW = 6
    GONE = 7
    STORAGE_FAULT = 8
    UNSUPPORTED_VERSION = 9
    FAILED = 10


@dataclass(frozen=True, slots=True)
class Request:
    """A request; ``values`` by the names of docs/protocol.md (48-bit integers for packed quaternions)."""

    op: Op
    tag: int
    values: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    ``values`` holds the results of an OK, ``text`` those of PANIC; ``op`` is None for what was no request.
    """

    op: Op | None
    tag: int
    status: ControlStatus
    values: Mapping[str, int] = field(default_factory=dict[str, int])
    text: bytes = b""


_GATE = (
    "B6HHH",
    (
        "enable",
        "flexion_enter",
        "flexion_leave",
        "extension_enter",
        "extension_leave",
        "lean_enter",
        "lean_leave",
        "dwell",
        "quiet",
    ),
)
_Fields = tuple[str, tuple[str, ...]]
_NONE: _Fields = ("", ())
_ARGUMENTS: dict[Op, _Fields] = {
    Op.START: ("BBB", ("version", "profile", "samples")),
    Op.MODE: ("B", ("mode",)),
    Op.RESEND: ("HIH", ("boot", "seq", "count")),
    Op.LOG_READ: ("II", ("first", "last")),
    Op.LOG_CONFIRM: ("I", ("id",)),
    Op.STORED: ("HI", ("boot", "seq")),
    Op.SET_GATE: _GATE,
    Op.SET_MOTOR: ("BB", ("pattern", "strength")),
    Op.BUZZ: ("BB", ("pattern", "strength")),
    Op.SET_TIME: ("Q", ("utc_us",)),
    Op.MARK: ("H", ("value",)),
    Op.FORGET: ("B", ("whom",)),
    Op.CAL_SCALE: ("BBi", ("axis", "phase", "angle")),
    Op.CAL_ACC: ("B", ("face",)),
    Op.SET_MOUNT: ("BIHIH", ("flags", "mount_low", "mount_high", "neutral_low", "neutral_high")),
    Op.PANIC: ("H", ("offset",)),
    Op.SNOOZE: ("H", ("seconds",)),
    Op.REBOOT: ("B", ("how",)),
    Op.PAIRING: ("B", ("seconds",)),
}
_RESULTS: dict[Op, _Fields] = {
    Op.START: ("BH", ("samples", "dt")),
    Op.RESEND: ("IH", ("seq", "count")),
    Op.LOG_READ: ("II", ("first", "last")),
    Op.LOG_CONFIRM: ("I", ("oldest",)),
    Op.STORED: ("I", ("oldest",)),
    Op.GET_GATE: _GATE,
    Op.SET_TIME: ("IH", ("t_low", "t_high")),
    Op.MARK: ("I", ("id",)),
}


def _gate_ok(v: Mapping[str, int]) -> bool:
    pairs = [(v[f"{way}_enter"], v[f"{way}_leave"]) for way in ("flexion", "extension", "lean")]
    return (
        v["enable"] < 16
        and all(200 <= leave < enter <= 9000 for enter, leave in pairs)
        and 10 <= v["dwell"] <= 6000
        and v["quiet"] <= 7200
    )


def _scale_ok(v: Mapping[str, int]) -> bool:
    angle = abs(v["angle"])
    return v["axis"] <= 2 and (9000 <= angle <= 360_000 if v["phase"] == 1 else v["phase"] in (0, 2) and angle == 0)


def _packed_ok(packed: int) -> bool:
    mask = (1 << STREAM_BITS) - 1
    stored = [packed >> k * STREAM_BITS & mask for k in range(3)]
    offset = largest_code(STREAM_BITS) + 1
    return 0 not in stored and sum((s - offset) ** 2 for s in stored) <= SQUARE_LIMIT[STREAM_BITS]


_IN_RANGE: dict[Op, Callable[[Mapping[str, int]], bool]] = {
    Op.START: lambda v: v["profile"] <= 2 and 2 <= v["samples"] <= 18,
    Op.MODE: lambda v: v["mode"] <= 1,
    Op.RESEND: lambda v: 1 <= v["count"] <= 6240,
    Op.LOG_READ: lambda v: v["first"] <= v["last"],
    Op.SET_GATE: _gate_ok,
    Op.SET_MOTOR: lambda v: v["pattern"] <= 4 and 1 <= v["strength"] <= 100,
    Op.BUZZ: lambda v: 1 <= v["pattern"] <= 4 and 1 <= v["strength"] <= 100,
    Op.SET_TIME: lambda v: UTC_RANGE_US[0] <= v["utc_us"] <= UTC_RANGE_US[1],
    Op.FORGET: lambda v: v["whom"] <= 1,
    Op.CAL_SCALE: _scale_ok,
    Op.CAL_ACC: lambda v: v["face"] <= 5,
    Op.SET_MOUNT: lambda v: v["flags"] <= 3 and _packed_ok(v["mount"]) and _packed_ok(v["neutral"]),
    Op.SNOOZE: lambda v: v["seconds"] <= 7200,
    Op.REBOOT: lambda v: v["how"] <= 1,
    Op.PAIRING: lambda v: v["seconds"] <= 120,
}


def encode_request(request: Request) -> bytes:
    """A request's bytes.

    Raises
    ------
    WireError
        When a value is missing, unknown or out of its range.
    """
    form, names = _ARGUMENTS.get(request.op, _NONE)
    values = _split(request.values)
    if set(values) != set(names):
        raise WireError(Reason.BAD_OPTION, f"{request.op.name} takes {', '.join(names) or 'no values'}.")
    try:
        data = bytes((request.op, request.tag)) + struct.pack("<" + form, *(values[n] for n in names))
    except (struct.error, ValueError):
        raise WireError(Reason.BAD_OPTION, f"A value of {request.op.name} is too large.") from None
    if isinstance(parse_request(data), Response):
        raise WireError(Reason.BAD_OPTION, f"A value of {request.op.name} is out of range.")
    return data


def parse_request(data: bytes) -> Request | Response:
    """A request as the strap judges it: the request, or the answer that refuses it."""
    if len(data) < 2:
        return Response(None, 0, ControlStatus.BAD_LENGTH)
    if data[0] not in _OPS:
        return Response(None, data[1], ControlStatus.UNKNOWN_OP)
    op, tag = Op(data[0]), data[1]
    form, names = _ARGUMENTS.get(op, _NONE)
    if len(data) - 2 != struct.calcsize("<" + form):
        return Response(op, tag, ControlStatus.BAD_LENGTH)
    values = _joined(dict(zip(names, struct.unpack("<" + form, data[2:]), strict=True)))
    if op is Op.START and values["version"] != PROTOCOL_VERSION:
        return Response(op, tag, ControlStatus.UNSUPPORTED_VERSION)
    if op in _IN_RANGE and not _IN_RANGE[op](values):
        return Response(op, tag, ControlStatus.OUT_OF_RANGE)
    return Request(op, tag, values)


def encode_response(response: Response, op_byte: int = 0x7F) -> bytes:
    """An answer's bytes; ``op_byte`` is what the refused request began with where its op is unknown."""
    head = bytes(((response.op if response.op is not None else op_byte) | ANSWER, response.tag, response.status))
    if response.op is None or response.status is not ControlStatus.OK:
        return head
    if response.op is Op.PANIC:
        return head + struct.pack("<H", response.values["total"]) + response.text
    form, names = _RESULTS.get(response.op, _NONE)
    values = _split(response.values)
    return head + struct.pack("<" + form, *(values[n] for n in names))


def parse_response(data: bytes) -> Response:
    """An answer as the companion judges it.

    Raises
    ------
    WireError
        When the bytes are no answer.
    """
    broken = WireError(Reason.PROTOCOL, "The strap's answer to a request cannot be read.")
    if len(data) < 3 or not data[0] & ANSWER or data[2] not in _STATUSES:
        raise broken
    number, tag, status, rest = data[0] & 0x7F, data[1], ControlStatus(data[2]), data[3:]
    op = Op(number) if number in _OPS else None
    if op is None or status is not ControlStatus.OK:
        if rest:
            raise broken
        return Response(op, tag, status)
    if op is Op.PANIC:
        if len(rest) < 2:
            raise broken
        return Response(op, tag, status, {"total": int.from_bytes(rest[:2], "little")}, rest[2:])
    form, names = _RESULTS.get(op, _NONE)
    if len(rest) != struct.calcsize("<" + form):
        raise broken
    return Response(op, tag, status, _joined(dict(zip(names, struct.unpack("<" + form, rest), strict=True))))


_OPS = frozenset(int(op) for op in Op)
_STATUSES = frozenset(int(status) for status in ControlStatus)
_WIDE = {"mount": 32, "neutral": 32, "t": 32}


def _split(values: Mapping[str, int]) -> dict[str, int]:
    """48-bit values in two parts, as struct wants them."""
    out: dict[str, int] = {}
    for name, value in values.items():
        if name in _WIDE:
            out[f"{name}_low"], out[f"{name}_high"] = value & 0xFFFFFFFF, value >> 32
        else:
            out[name] = value
    return out


def _joined(values: dict[str, int]) -> dict[str, int]:
    for name in _WIDE:
        if f"{name}_low" in values:
            values[name] = values.pop(f"{name}_low") | values.pop(f"{name}_high") << 32
    return values
