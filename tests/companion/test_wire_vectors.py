"""The bytes and values under tests/vectors, which the firmware's own tests read too."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unslouch.errors import WireError
from unslouch.wire.control import (
    ControlStatus,
    Op,
    Request,
    Response,
    encode_request,
    encode_response,
    parse_request,
    parse_response,
)
from unslouch.wire.decoder import Decoder, decode_all
from unslouch.wire.quaternion_codec import pack, unpack_packed
from unslouch.wire.records import Decoded
from unslouch.wire.source import Channel, Packet
from unslouch.wire.status import RejectedError, Status, StrapCalibration, parse_calibration, parse_status

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


QUATERNION, STREAM, LOG, CONTROL, STATUS = (load(n) for n in ("quaternion", "stream", "log", "control", "status"))


def test_the_script_makes_the_committed_vectors(tmp_path: Path) -> None:
    script = tmp_path / "make_vectors.py"
    script.write_bytes((VECTORS / "make_vectors.py").read_bytes())
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path)
    made = sorted(tmp_path.glob("*.json"))
    assert [p.name for p in made] == sorted(p.name for p in VECTORS.glob("*.json"))
    for path in made:
        assert json.loads(path.read_text()) == load(path.stem)


@pytest.mark.parametrize("bits", [15, 14])
@pytest.mark.parametrize("case", QUATERNION["cases"], ids=lambda c: c["name"])
def test_quaternions_both_ways(case: dict[str, Any], bits: int) -> None:
    want = case[f"bits{bits}"]
    got = int(pack(np.array([case["quat"]], float), bits)[0])
    mask = (1 << bits) - 1
    assert got >> 3 * bits == want["largest"]
    for k, code in enumerate(want["codes"]):
        assert abs((got >> k * bits & mask) - (mask // 2 + 1) - code) <= QUATERNION["encode_tolerance_codes"]
    out = np.empty((1, 4))
    assert unpack_packed(np.array([want["packed"]]), bits, out)[0]
    np.testing.assert_allclose(out[0], want["decoded"], atol=QUATERNION["tolerance"], rtol=0)


@pytest.mark.parametrize("case", QUATERNION["invalid"], ids=lambda c: c["name"])
def test_impossible_quaternions_are_refused(case: dict[str, Any]) -> None:
    assert not unpack_packed(np.array([case["packed"]]), case["bits"], np.empty((1, 4)))[0]


def test_quaternions_at_the_limit_are_accepted() -> None:
    for case in QUATERNION["valid_edge"]:
        assert unpack_packed(np.array([case["packed"]]), case["bits"], np.empty((1, 4)))[0]


def packets(case: dict[str, Any], channel: str) -> list[Packet]:
    return [Packet(1.7e9 + k, Channel(channel), bytes.fromhex(h)) for k, h in enumerate(case["packets"])]


def check(decoded: Decoded, case: dict[str, Any], tolerance: float, blocks: list[Any]) -> None:
    wanted = case.get("samples", [])
    seqs = np.concatenate([b.seq for b in blocks]) if blocks else np.empty(0)
    assert seqs.tolist() == [s["seq"] for s in wanted]
    k = 0
    for block in blocks:
        for i in range(len(block)):
            want = wanted[k]
            k += 1
            assert block.boot == want["boot"]
            assert round((block.samples.t[i] - block.offset_s) * 1e6) == want["t_us"]
            assert block.samples.flags[i] == want["flags"]
            for name in ("quat", "acc", "gyr"):
                values = getattr(block.samples, name)
                if name in want:
                    np.testing.assert_allclose(values[i], want[name], atol=tolerance, rtol=0)
                else:
                    assert values is None
    assert {f.value: n for f, n in decoded.errors.items()} == case.get("errors", {})
    assert [
        {n: getattr(e, n) for n in ("code", "value", "id", "boot", "seq", "t_us")} for e in decoded.events
    ] == case.get("events", [])
    anchors = [{n: getattr(a, n) for n in ("flags", "boot", "seq", "t_us", "dt_us")} for a in decoded.anchors]
    assert anchors == case.get("anchors", [])
    times = [{n: getattr(r, n) for n in ("id", "boot", "seq", "t_us", "utc_us")} for r in decoded.times]
    assert times == case.get("times", [])
    ends = [{n: getattr(e, n) for n in ("status", "first", "next", "count")} for e in decoded.log_ends]
    assert ends == case.get("ends", [])
    assert sorted(decoded.log_ids.tolist()) == case.get("ids", [])


@pytest.mark.parametrize("case", STREAM["cases"], ids=lambda c: c["name"])
def test_stream(case: dict[str, Any]) -> None:
    decoded = decode_all(packets(case, "stream"))
    check(decoded, case, STREAM["tolerance"], list(decoded.blocks))


@pytest.mark.parametrize("case", LOG["cases"], ids=lambda c: c["name"])
def test_log(case: dict[str, Any]) -> None:
    decoded = decode_all(packets(case, "log"))
    check(decoded, case, LOG["tolerance"], list(decoded.blocks))


@pytest.mark.parametrize("case", LOG["cases"], ids=lambda c: c["name"])
def test_log_arrives_late_in_a_live_decoder_one_notification_at_a_time(case: dict[str, Any]) -> None:
    decoder = Decoder()
    late = []
    seen = 0
    for packet in packets(case, "log"):
        decoded = decoder.decode([packet])
        assert not decoded.blocks
        late += decoded.late
        seen += sum(decoded.errors.values())
    assert [s for b in late for s in b.seq.tolist()] == [s["seq"] for s in case.get("samples", [])]
    assert seen == sum(case.get("errors", {}).values())


@pytest.mark.parametrize("case", CONTROL["requests"], ids=lambda c: c["op"])
def test_requests_both_ways(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    request = parse_request(data)
    assert isinstance(request, Request)
    assert (request.op, dict(request.values)) == (Op[case["op"]], case["values"])
    assert encode_request(request) == data
    assert len(data) <= 20


def test_every_request_has_a_vector() -> None:
    assert {c["op"] for c in CONTROL["requests"]} == {op.name for op in Op}


@pytest.mark.parametrize("case", CONTROL["refused"], ids=lambda c: c["hex"] or "nothing")
def test_refused_requests(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    answer = parse_request(data)
    assert isinstance(answer, Response)
    assert encode_response(answer, data[0] if len(data) > 1 else 0x7F).hex() == case["answer"]


@pytest.mark.parametrize("case", CONTROL["responses"], ids=lambda c: c["op"] + c["status"])
def test_responses_both_ways(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    response = parse_response(data)
    assert (response.op, response.status) == (Op[case["op"]], ControlStatus[case["status"]])
    assert dict(response.values) == case["values"]
    assert encode_response(response) == data
    assert len(data) <= 20


@pytest.mark.parametrize("text", CONTROL["broken_responses"])
def test_broken_responses(text: str) -> None:
    with pytest.raises(WireError):
        parse_response(bytes.fromhex(text))


def test_a_request_out_of_range_is_never_made() -> None:
    with pytest.raises(WireError, match="out of range"):
        encode_request(Request(Op.SNOOZE, 1, {"seconds": 7201}))
    with pytest.raises(WireError, match="too large"):
        encode_request(Request(Op.SNOOZE, 1, {"seconds": 70000}))
    with pytest.raises(WireError, match="takes seconds"):
        encode_request(Request(Op.SNOOZE, 1, {}))


@pytest.mark.parametrize("case", STATUS["status"], ids=lambda c: c["name"])
def test_status(case: dict[str, Any]) -> None:
    status = parse_status(bytes.fromhex(case["hex"]))
    for name in Status.__slots__:
        want = case["values"].get(name)
        assert getattr(status, name) == (tuple(want) if isinstance(want, list) else want), name
    if len(case["hex"]) == 120:
        assert status.to_bytes().hex() == case["hex"]


@pytest.mark.parametrize("case", STATUS["calibration"], ids=["calibration"])
def test_calibration(case: dict[str, Any]) -> None:
    calibration = parse_calibration(bytes.fromhex(case["hex"]))
    for name, want in case["values"].items():
        np.testing.assert_allclose(getattr(calibration, name), want, atol=STATUS["tolerance"])
    assert calibration.to_bytes().hex() == case["hex"]


def test_calibration_defaults_are_harmless() -> None:
    calibration = parse_calibration(StrapCalibration().to_bytes())
    assert calibration.gyro_matrix == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert math.isclose(calibration.gyro_bias_sd[1], math.radians(2.5), rel_tol=0.01)


@pytest.mark.parametrize("what", ["status", "calibration"])
def test_status_and_calibration_errors(what: str) -> None:
    parse = parse_status if what == "status" else parse_calibration
    for case in STATUS[f"{what}_errors"]:
        data = bytes.fromhex(case["hex"])
        with pytest.raises(RejectedError) as caught:
            parse(data)
        assert caught.value.fault.value == case["error"], case
        decoded = decode_all([Packet(0.0, Channel(what), data)])
        assert {f.value: n for f, n in decoded.errors.items()} == {case["error"]: 1}
