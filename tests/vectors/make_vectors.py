"""Writes the vectors beside it: bytes and values of docs/protocol.md.

Plain integer arithmetic that shares no code with wire/. Run: python tests/vectors/make_vectors.py
"""

# ruff: noqa: E501  (tables read better in one line)
from __future__ import annotations

import json
import math
import struct
import zlib
from decimal import ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path

getcontext().prec = 60
HERE = Path(__file__).parent
M = {15: 16383, 14: 8191}
LIMIT = {15: 402_640_000, 14: 100_657_000}
ACC = 0.244e-3 * 9.80665
GYR = math.radians(0.035)
S = math.sqrt(0.5)


def codes(q: list[float], bits: int) -> tuple[list[int], int]:
    """Section 4.5, in decimal arithmetic: the three signed codes and m."""
    exact = [Decimal(v) for v in q]
    norm = sum(v * v for v in exact).sqrt()
    exact = [v / norm for v in exact]
    m = max(range(4), key=lambda k: (abs(exact[k]), -k))
    sign = -1 if exact[m] < 0 else 1
    out = []
    for k in range(4):
        if k != m:
            c = sign * exact[k] * Decimal(2).sqrt() * M[bits]
            out.append(max(-M[bits], min(M[bits], int(c.to_integral_value(ROUND_HALF_UP)))))
    return out, m


def packed(three: list[int], m: int, bits: int) -> int:
    return sum((c + M[bits] + 1) << (k * bits) for k, c in enumerate(three)) | m << (3 * bits)


def decoded(three: list[int], m: int, bits: int) -> list[float]:
    c = [v / (math.sqrt(2) * M[bits]) for v in three]
    big = math.sqrt(1 - sum(v * v for v in three) / (2 * M[bits] ** 2))
    return [*c[:m], big, *c[m:]]


def fused(q: list[float], counts: list[int]) -> bytes:
    three, m = codes(q, 15)
    return packed(three, m, 15).to_bytes(6, "little") + struct.pack("<3h", *counts)


def header(kind: int, flags: int, boot: int, seq: int, t: int, dt: int) -> bytes:
    return struct.pack("<BBHI", 0x10 | kind, flags, boot, seq) + t.to_bytes(6, "little") + struct.pack("<H", dt)


def sample(boot, seq, t_us, flags, quat=None, acc=None, gyr=None):
    out = {"boot": boot, "seq": seq, "t_us": t_us, "flags": flags}
    if quat is not None:
        out["quat"] = decoded(*codes(quat, 15), 15)
    if acc is not None:
        out["acc"] = [v * ACC for v in acc]
    if gyr is not None:
        out["gyr"] = [v * GYR for v in gyr]
    return out


QUATS = [
    ("identity", [1, 0, 0, 0]),
    ("negated identity is the same", [-1, 0, 0, 0]),
    ("half turn about x", [0, 1, 0, 0]),
    ("half turn about y", [0, 0, 1, 0]),
    ("half turn about z", [0, 0, 0, 1]),
    ("quarter turn about z: a tie, w wins", [S, 0, 0, S]),
    ("a tie of all four, w wins", [0.5, 0.5, 0.5, 0.5]),
    ("a tie of all four, w negative", [-0.5, 0.5, -0.5, 0.5]),
    ("a tie of x and z, x wins", [0, S, 0, S]),
    ("a tie of x and y, x negative", [0, -S, S, 0]),
    ("largest negative y", [0.1, 0.2, -0.9, 0.3]),
    ("largest negative z", [-0.3, 0.2, 0.1, -0.92]),
    ("largest x", [0.4, 0.8, -0.3, 0.2]),
    ("small tilt forward", [math.cos(0.1), 0, math.sin(0.1), 0]),
    ("small tilt backward", [math.cos(0.1), 0, -math.sin(0.1), 0]),
    (
        "one code of 15 bits",
        [math.sqrt(1 - 2 * (1 / 32766) ** 2), 1 / (math.sqrt(2) * 16383), 0, -1 / (math.sqrt(2) * 16383)],
    ),
    ("three small ones of both signs", [0.99, -0.05, 0.07, -0.09]),
]


def quaternions() -> dict:
    cases = []
    for name, q in QUATS:
        entry: dict = {"name": name, "quat": q}
        for bits in (15, 14):
            three, m = codes(q, bits)
            entry[f"bits{bits}"] = {
                "codes": three,
                "largest": m,
                "packed": packed(three, m, bits),
                "decoded": decoded(three, m, bits),
            }
        cases.append(entry)
    invalid = []
    for bits in (15, 14):
        top = M[bits]
        edge = math.isqrt(LIMIT[bits] // 3)
        for name, three in (
            ("all extreme", [top, top, top]),
            ("just beyond", [edge + 1, edge + 1, edge + 1]),
            ("two extreme", [top, -top, 9000]),
            ("stored zero", [-top - 1, 0, 0]),
        ):
            invalid.append({"name": f"{name}, {bits} bits", "bits": bits, "packed": packed(three, 2, bits)})
    valid_edge = [{"bits": b, "packed": packed([math.isqrt(LIMIT[b] // 3)] * 3, 1, b)} for b in (15, 14)]
    return {
        "tolerance": 1e-9,
        "encode_tolerance_codes": 1,
        "cases": cases,
        "invalid": invalid,
        "valid_edge": valid_edge,
    }


def stream() -> dict:
    two = [[math.cos(0.2), math.sin(0.2), 0, 0], [0.1, 0.2, -0.9, 0.3]]
    acc = [[0, 0, 4098], [-1, 32767, -32767]]
    gyr = [[0, 1, -1], [28571, -32768, 32767]]
    cases = []

    def case(name, packets, samples=None, events=None, anchors=None, errors=None):
        entry = {"name": name, "packets": [p.hex() for p in packets]}
        more = {"samples": samples, "events": events, "anchors": anchors, "errors": errors}
        entry |= {key: value for key, value in more.items() if value}
        cases.append(entry)

    def two_fused(boot=7, seq=1000, t=123_456_789, dt=9615, flags=0):
        data = header(1, flags, boot, seq, t, dt) + b"".join(fused(q, a) for q, a in zip(two, acc, strict=True))
        first, rest = flags & 0x7F, flags & 0x6F
        return data, [
            sample(boot, seq, t, first, two[0], acc[0]),
            sample(boot, seq + 1, t + 2 * dt, rest, two[1], acc[1]),
        ]

    data, values = two_fused()
    case("fused, two samples", [data], values)
    data, values = two_fused(flags=0x80 | 16 | 8 | 1)
    case("flags: RESENT is taken off, LOST_BEFORE holds for the first sample alone", [data], values)
    data, values = two_fused(boot=65535, seq=2**32 - 2, t=2**48 - 1 - 2 * 65535, dt=65535)
    case("largest boot, seq, time and dt", [data], values)
    data, values = two_fused(boot=0, seq=0, t=0, dt=1)
    case("smallest boot, seq, time and dt", [data], values)
    eighteen = header(1, 0, 7, 50, 10**9, 9615) + b"".join(
        fused([1, 0.01 * k, -0.02 * k, 0], [k, -k, 4098]) for k in range(18)
    )
    case(
        "fused, eighteen samples",
        [eighteen],
        [sample(7, 50 + k, 10**9 + 19230 * k, 0, [1, 0.01 * k, -0.02 * k, 0], [k, -k, 4098]) for k in range(18)],
    )
    one = header(1, 2, 7, 9, 5000, 0) + fused([1, 0, 0, 0], [-32768, -32768, -32768])
    case("fused, one sample, dt 0, no acceleration", [one], [sample(7, 9, 5000, 2, [1, 0, 0, 0])])
    raw = header(2, 32, 7, 3, 77, 9615) + b"".join(struct.pack("<6h", *a, *g) for a, g in zip(acc, gyr, strict=True))
    case(
        "raw",
        [raw],
        [sample(7, 3 + k, 77 + 19230 * k, 32, None, acc[k], gyr[k]) for k in range(2)],
    )
    both = header(3, 64, 7, 3, 77, 9615) + b"".join(
        fused(q, a) + struct.pack("<3h", *g) for q, a, g in zip(two, acc, gyr, strict=True)
    )
    case("fused with gyro", [both], [sample(7, 3 + k, 77 + 19230 * k, 64, two[k], acc[k], gyr[k]) for k in range(2)])

    def compact(seq, t, k=0, flags=0):
        return (
            bytes((0x14, flags))
            + (seq % 2**24).to_bytes(3, "little")
            + ((t >> 4) % 2**24).to_bytes(3, "little")
            + fused(two[k], acc[k])
        )

    anchor = header(5, 0, 9, 2**24 - 1, 2**28 - 16, 9615)
    anchors = [{"flags": 0, "boot": 9, "seq": 2**24 - 1, "t_us": 2**28 - 16, "dt_us": 19230}]
    later = 2**28 - 16 + 19232
    case(
        "compact over the wrap of both counters",
        [anchor, compact(2**24 - 1, 2**28 - 16), compact(2**24, later, 1, 1)],
        [sample(9, 2**24 - 1, 2**28 - 16, 0, two[0], acc[0]), sample(9, 2**24, later, 1, two[1], acc[1])],
        anchors=anchors,
    )
    before = 2**28 - 16 - 60_000_000
    case(
        "compact resent from a minute before its anchor",
        [anchor, compact(2**24 - 3121, before, 0, 0x80)],
        [sample(9, 2**24 - 3121, before - before % 16, 0, two[0], acc[0])],
        anchors=anchors,
    )
    event = struct.pack("<BBHIHI", 0x16, 1, 0, 4711, 7, 1001) + (123_500_000).to_bytes(6, "little")
    case(
        "event: button",
        [event],
        events=[{"code": 1, "value": 0, "id": 4711, "boot": 7, "seq": 1001, "t_us": 123_500_000}],
    )
    good, values = two_fused()
    case(
        "unknown version is kept apart, the rest is read",
        [b"\x21" + good[1:], good],
        values,
        errors={"unknown_version": 1},
    )
    case("unknown kinds", [b"\x17" + good[1:], b"\x18" + good[1:], b"\x1f"], errors={"unknown_kind": 3})
    case("empty", [b""], errors={"empty": 1})
    case(
        "wrong lengths",
        [
            good[:-1],
            good + b"\0",
            good[:16],
            good[:3],
            b"\x11",
            header(5, 0, 1, 1, 1, 1) + b"\0",
            event[:-1],
            compact(1, 16)[:-1],
        ],
        errors={"wrong_length": 8},
    )
    case(
        "nineteen samples",
        [header(1, 0, 1, 0, 0, 9615) + fused([1, 0, 0, 0], [0, 0, 0]) * 19],
        errors={"wrong_length": 1},
    )
    bad = header(1, 0, 7, 1000, 5, 9615) + good[16:28] + packed([16383] * 3, 0, 15).to_bytes(6, "little") + bytes(6)
    case("a packet with one impossible quaternion is dropped whole", [bad], errors={"bad_value": 1})
    case("dt 0 with two samples", [two_fused(dt=0)[0]], errors={"bad_value": 1})
    case("seq beyond 32 bits", [two_fused(seq=2**32 - 1)[0]], errors={"bad_value": 1})
    case("time beyond 48 bits", [two_fused(t=2**48 - 2)[0]], errors={"bad_value": 1})
    case("compact without anchor", [compact(1, 16)], errors={"no_anchor": 1})
    middle = two_fused(seq=1002, t=5)[0]
    last, last_values = two_fused(seq=1004, t=123_456_789 + 4 * 19230)
    case(
        "time that contradicts both neighbours", [good, middle, last], values + last_values, errors={"time_backward": 1}
    )
    case("the same packet twice, then resent", [good, good, two_fused(flags=0x80)[0]], values)
    return {"tolerance": 1e-9, "channel": "stream", "cases": cases}


def log() -> dict:
    quats = [[math.cos(0.01 * k), math.sin(0.01 * k) * 0.6, 0, math.sin(0.01 * k) * 0.8] for k in range(40)]

    def record(n, number=9, flags=8, step=5, boot=3, seq=100, t=4_000_000, dt=9615):
        bits = 0
        for k, q in enumerate(quats[:n]):
            three, m = codes(q, 14)
            bits |= packed(three, m, 14) << (44 * k)
        size = 11 * (n // 2) + 6 * (n % 2)
        head = (
            struct.pack("<BBBIHI", 0x18, flags, step, number, boot, seq)
            + t.to_bytes(6, "little")
            + struct.pack("<H", dt)
        )
        return head + bits.to_bytes(size, "little")

    def values(n, flags=8, step=5, boot=3, seq=100, t=4_000_000, dt=9615):
        return [
            {
                "boot": boot,
                "seq": seq + k * step,
                "t_us": t + 2 * k * step * dt,
                "flags": flags,
                "quat": decoded(*codes(quats[k], 14), 14),
            }
            for k in range(n)
        ]

    def whole(data, number=9):
        return bytes((0x80,)) + struct.pack("<H", number % 65536) + data

    def parts(data, number=9, room=17):
        cut = [data[k : k + room] for k in range(0, len(data), room)]
        return [
            bytes((k | (0x80 if k == len(cut) - 1 else 0),)) + struct.pack("<H", number % 65536) + p
            for k, p in enumerate(cut)
        ]

    time = (
        struct.pack("<BBIHI", 0x19, 0, 10, 3, 101)
        + (5_000_000).to_bytes(6, "little")
        + struct.pack("<Q", 1_790_000_000_000_000)
    )
    event = struct.pack("<BBHIHI", 0x16, 2, 0, 11, 3, 102) + (5_500_000).to_bytes(6, "little")
    end = struct.pack("<BBIII", 0x1A, 0, 9, 12, 3)
    odd, full = record(3), record(40, number=70_000)
    cases = [
        {"name": "three samples", "packets": [whole(odd)], "samples": values(3), "ids": [9]},
        {"name": "forty samples", "packets": [whole(full, 70_000)], "samples": values(40), "ids": [70_000]},
        {"name": "one sample, dt 0", "packets": [whole(record(1, dt=0))], "samples": values(1), "ids": [9]},
        {"name": "forty samples at MTU 23", "packets": parts(full, 70_000), "samples": values(40), "ids": [70_000]},
        {
            "name": "time, event and end",
            "packets": [whole(time, 10), whole(event, 11), whole(end, 0)],
            "times": [{"id": 10, "boot": 3, "seq": 101, "t_us": 5_000_000, "utc_us": 1_790_000_000_000_000}],
            "events": [{"code": 2, "value": 0, "id": 11, "boot": 3, "seq": 102, "t_us": 5_500_000}],
            "ends": [{"status": 0, "first": 9, "next": 12, "count": 3}],
            "ids": [10, 11],
        },
        {
            "name": "a lost fragment drops the record, the next is whole",
            "packets": parts(full)[:3] + parts(full)[4:] + [whole(odd)],
            "samples": values(3),
            "ids": [9],
            "errors": {"fragment": 1},
        },
        {
            "name": "the record breaks off and begins again",
            "packets": parts(odd)[:2] + parts(odd),
            "samples": values(3),
            "ids": [9],
            "errors": {"fragment": 1},
        },
        {"name": "fragments of two records", "packets": [parts(odd)[0], parts(odd, 10)[1]], "errors": {"fragment": 1}},
        {
            "name": "wrong length",
            "packets": [whole(odd[:-1]), whole(odd + b"\0"), whole(b"\x18"), b"\x80\x09"],
            "errors": {"wrong_length": 4},
        },
        {"name": "step 0", "packets": [whole(record(3, step=0))], "errors": {"bad_value": 1}},
        {"name": "dt 0 with three samples", "packets": [whole(record(3, dt=0))], "errors": {"bad_value": 1}},
        {
            "name": "unknown version and kind",
            "packets": [whole(b"\x28" + odd[1:]), whole(b"\x11" + odd[1:])],
            "errors": {"unknown_version": 1, "unknown_kind": 1},
        },
    ]
    for entry in cases:
        entry["packets"] = [p.hex() for p in entry["packets"]]
    return {"tolerance": 1e-9, "channel": "log", "cases": cases}


def control() -> dict:
    q = packed(*codes([math.cos(0.3), 0, math.sin(0.3), 0], 15), 15)
    gate = {
        "enable": 15,
        "flexion_enter": 1200,
        "flexion_leave": 700,
        "extension_enter": 1500,
        "extension_leave": 900,
        "lean_enter": 1000,
        "lean_leave": 600,
        "dwell": 150,
        "quiet": 60,
    }
    gate_bytes = struct.pack("<B8H", *gate.values())
    requests = [
        ("START", "010501000 2".replace(" ", ""), {"version": 1, "profile": 0, "samples": 2}),
        ("STOP", "0206", {}),
        ("MODE", "030701", {"mode": 1}),
        ("RESEND", "0408" + struct.pack("<HIH", 7, 1000, 6240).hex(), {"boot": 7, "seq": 1000, "count": 6240}),
        ("LOG_READ", "0509" + struct.pack("<II", 12, 2**32 - 1).hex(), {"first": 12, "last": 2**32 - 1}),
        ("LOG_STOP", "060a", {}),
        ("LOG_CONFIRM", "070b" + struct.pack("<I", 70_000).hex(), {"id": 70_000}),
        ("STORED", "080c" + struct.pack("<HI", 7, 5000).hex(), {"boot": 7, "seq": 5000}),
        ("SET_GATE", "090d" + gate_bytes.hex(), gate),
        ("GET_GATE", "0a0e", {}),
        ("SET_MOTOR", "0b0f0464", {"pattern": 4, "strength": 100}),
        ("BUZZ", "0c100101", {"pattern": 1, "strength": 1}),
        ("SET_TIME", "0d11" + struct.pack("<Q", 1_790_000_000_000_000).hex(), {"utc_us": 1_790_000_000_000_000}),
        ("MARK", "0e12ffff", {"value": 65535}),
        ("FORGET", "0f1301", {"whom": 1}),
        ("CAL_BIAS", "1014", {}),
        ("CAL_SCALE", "11150201" + struct.pack("<i", -36_000).hex(), {"axis": 2, "phase": 1, "angle": -36_000}),
        ("CAL_SCALE", "11150000" + struct.pack("<i", 0).hex(), {"axis": 0, "phase": 0, "angle": 0}),
        ("CAL_ACC", "121605", {"face": 5}),
        ("SET_MOUNT", "131703" + q.to_bytes(6, "little").hex() * 2, {"flags": 3, "mount": q, "neutral": q}),
        ("PANIC", "14180010", {"offset": 4096}),
        ("PANIC_CLEAR", "1519", {}),
        ("SNOOZE", "161a201c", {"seconds": 7200}),
        ("REBOOT", "171b00", {"how": 0}),
        ("PAIRING", "181c78", {"seconds": 120}),
    ]

    def changed(**values):
        return "090d" + struct.pack("<B8H", *(gate | values).values()).hex()

    refused = [
        ("", "ff0002"),
        ("01", "ff0002"),
        ("7f05", "ff0503"),
        ("0005", "800503"),
        ("8105", "810503"),
        ("0105010002ff", "810502"),
        ("01050100", "810502"),
        ("020600", "820602"),
        ("0105020002", "810509"),
        ("0105000002", "810509"),
        ("0105010302", "810504"),
        ("0105010001", "810504"),
        ("0105010013", "810504"),
        ("030702", "830704"),
        ("0408" + struct.pack("<HIH", 7, 1000, 0).hex(), "840804"),
        ("0408" + struct.pack("<HIH", 7, 1000, 6241).hex(), "840804"),
        ("0509" + struct.pack("<II", 12, 11).hex(), "850904"),
        (changed(enable=16), "890d04"),
        (changed(flexion_leave=1200), "890d04"),
        (changed(extension_enter=9001), "890d04"),
        (changed(lean_leave=199), "890d04"),
        (changed(dwell=9), "890d04"),
        (changed(dwell=6001), "890d04"),
        (changed(quiet=7201), "890d04"),
        ("0b0f0564", "8b0f04"),
        ("0b0f0400", "8b0f04"),
        ("0b0f0465", "8b0f04"),
        ("0c100001", "8c1004"),
        ("0d11" + struct.pack("<Q", 1_577_836_799_999_999).hex(), "8d1104"),
        ("0d11" + struct.pack("<Q", 4_102_444_800_000_001).hex(), "8d1104"),
        ("0f1302", "8f1304"),
        ("11150301" + struct.pack("<i", 36_000).hex(), "911504"),
        ("11150201" + struct.pack("<i", 8_999).hex(), "911504"),
        ("11150201" + struct.pack("<i", -360_001).hex(), "911504"),
        ("11150201" + struct.pack("<i", -(2**31)).hex(), "911504"),
        ("11150202" + struct.pack("<i", 1).hex(), "911504"),
        ("11150203" + struct.pack("<i", 0).hex(), "911504"),
        ("121606", "921604"),
        ("131704" + q.to_bytes(6, "little").hex() * 2, "931704"),
        ("131703" + q.to_bytes(6, "little").hex() + "00" * 6, "931704"),
        ("161a211c", "961a04"),
        ("171b02", "971b04"),
        ("181c79", "981c04"),
    ]
    responses = [
        ("START", "81050002" + struct.pack("<H", 9615).hex(), "OK", {"samples": 2, "dt": 9615}),
        ("STOP", "820600", "OK", {}),
        ("RESEND", "840800" + struct.pack("<IH", 1000, 26).hex(), "OK", {"seq": 1000, "count": 26}),
        ("RESEND", "840807", "GONE", {}),
        ("LOG_READ", "850900" + struct.pack("<II", 12, 99).hex(), "OK", {"first": 12, "last": 99}),
        ("LOG_CONFIRM", "870b00" + struct.pack("<I", 70_001).hex(), "OK", {"oldest": 70_001}),
        ("STORED", "880c00" + struct.pack("<I", 70_001).hex(), "OK", {"oldest": 70_001}),
        ("GET_GATE", "8a0e00" + gate_bytes.hex(), "OK", gate),
        ("SET_TIME", "8d1100" + (2**40 + 5).to_bytes(6, "little").hex(), "OK", {"t": 2**40 + 5}),
        ("MARK", "8e1200" + struct.pack("<I", 5).hex(), "OK", {"id": 5}),
        ("CAL_BIAS", "901401", "WORKING", {}),
        ("CAL_BIAS", "90140a", "FAILED", {}),
        ("PANIC", "941800" + struct.pack("<H", 9).hex() + b"core.rs:1".hex(), "OK", {"total": 9}),
    ]
    return {
        "requests": [{"op": o, "hex": h, "values": v} for o, h, v in requests],
        "refused": [{"hex": h, "answer": a} for h, a in refused],
        "responses": [{"op": o, "hex": h, "status": s, "values": v} for o, h, s, v in responses],
        "broken_responses": ["", "81", "8105", "010500", "8105ff", "8105000100", "84080700", "941800"],
    }


def status() -> dict:
    fields = {
        "state": 0x41, "boot": 65535, "seq": 2**32 - 1, "t_us": 2**48 - 1, "battery_percent": 87, "profile": 0, "log_next": 70_000,
        "log_oldest": 60_000, "log_unconfirmed": 65_000, "battery_mv": 3921, "dt_us": 19230, "samples_per_packet": 18, "mode": 1,
        "reset_reason": 3, "setup": 0x2F, "temperature_c": -3.21, "bonds": 2, "disconnect_reason": 8, "firmware": [1, 2, 3], "board": 2,
        "ring_oldest_seq": 12345, "calibration_boots": 4, "calibration_quality": 93, "samples_lost": 17, "snooze_s": 300, "requests_refused": 5,
    }  # fmt: skip
    data = (
        struct.pack("<BBHI", 0x1C, 0x41, 65535, 2**32 - 1)
        + (2**48 - 1).to_bytes(6, "little")
        + struct.pack("<BBI", 87, 0, 70_000)
        + struct.pack("<IIHHBBBBhBB3BB", 60_000, 65_000, 3921, 9615, 18, 1, 3, 0x2F, -321, 2, 8, 1, 2, 3, 2)
        + struct.pack("<IHBBIHH", 12345, 4, 93, 0, 17, 300, 5)
    )
    assert len(data) == 60
    short = {k: fields[k] for k in ("state", "boot", "seq", "t_us", "battery_percent", "profile", "log_next")}
    unknown = bytearray(data)
    unknown[14], unknown[15], unknown[28:30], unknown[36:38], unknown[48:50] = (
        255,
        255,
        b"\0\0",
        struct.pack("<h", -32768),
        b"\xff\xff",
    )
    body = (
        struct.pack("<BBHIhBB", 0x1D, 7, 12, 1_790_000_000, 2512, 88, 0)
        + struct.pack("<3f", 0.01, -0.02, 0.03)
        + struct.pack("<3f", 0.001, 0.002, 0.003)
        + struct.pack("<9f", 1.01, 0.001, -0.002, 0.003, 0.99, -0.004, 0.005, 0.006, 1.02)
        + struct.pack("<3f", 0.1, -0.2, 0.3)
        + struct.pack("<3f", 1.001, 0.999, 1.002)
    )

    def closed(raw: bytes) -> str:
        return (raw + struct.pack("<I", zlib.crc32(raw))).hex()

    def float_at(at: int, value: float) -> str:
        return closed(body[:at] + struct.pack("<f", value) + body[at + 4 :])

    return {
        "status": [
            {"name": "whole", "hex": data.hex(), "values": fields},
            {"name": "cut to 20 bytes", "hex": data[:20].hex(), "values": short},
            {"name": "longer, of a later program", "hex": (data + b"\x07\x08").hex(), "values": fields},
            {
                "name": "unknown values",
                "hex": bytes(unknown).hex(),
                "values": fields | dict.fromkeys(("battery_percent", "profile", "battery_mv", "temperature_c", "calibration_boots")),
            },
        ],
        "status_errors": [
            {"hex": data[:19].hex(), "error": "wrong_length"},
            {"hex": "", "error": "empty"},
            {"hex": "2c" + data[1:].hex(), "error": "unknown_version"},
            {"hex": "1d" + data[1:].hex(), "error": "unknown_kind"},
        ],
        "calibration": [
            {
                "hex": closed(body),
                "values": {
                    "measured": 7, "boot": 12, "utc_s": 1_790_000_000, "temperature_c": 25.12, "quality": 88,
                    "gyro_bias": [0.01, -0.02, 0.03], "gyro_bias_sd": [0.001, 0.002, 0.003],
                    "gyro_matrix": [1.01, 0.001, -0.002, 0.003, 0.99, -0.004, 0.005, 0.006, 1.02],
                    "acc_offset": [0.1, -0.2, 0.3], "acc_scale": [1.001, 0.999, 1.002],
                },
            }
        ],
        "calibration_errors": [
            {"hex": closed(body)[:-2], "error": "wrong_length"},
            {"hex": closed(body)[:-2] + "00" if not closed(body).endswith("00") else closed(body)[:-2] + "01", "error": "bad_value"},
            {"hex": float_at(12, math.nan), "error": "bad_value"},
            {"hex": float_at(12, 0.36), "error": "bad_value"},
            {"hex": float_at(36, 1.21), "error": "bad_value"},
            {"hex": float_at(40, -0.21), "error": "bad_value"},
            {"hex": float_at(72, 2.1), "error": "bad_value"},
            {"hex": float_at(84, math.inf), "error": "bad_value"},
            {"hex": float_at(84, 0.89), "error": "bad_value"},
        ],
        "tolerance": 1e-6,
    }  # fmt: skip


def main() -> None:
    for name, make in (
        ("quaternion", quaternions),
        ("stream", stream),
        ("log", log),
        ("control", control),
        ("status", status),
    ):
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
