"""`unslouch-strap fuse`: the strap's fusion as a process, on movements with a known truth."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from unslouch_signal import quaternion

FloatArray = NDArray[np.float64]
G = 9.80665
HZ = 52.0


def fuse(binary: Path, acc: FloatArray, gyr: FloatArray, *options: str, rate: float = HZ) -> tuple[FloatArray, str]:
    frames = np.concatenate((acc, gyr), axis=1).astype("<f4").tobytes()
    done = subprocess.run(
        [binary, "fuse", "--rate", str(rate), *options], input=frames, capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, "<f4").reshape(-1, 4).astype(float), done.stderr.decode()


def refused(binary: Path, *options: str) -> str:
    done = subprocess.run([binary, "fuse", *options], input=b"", capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    return done.stderr.decode()


def sensor(rates: FloatArray, start: FloatArray, bias: FloatArray, rate: float = HZ, seed: int = 1):
    """Truth (n, 4), acceleration and rate of a sensor that turns in place.

    Its rate (n, 3), rad/s in its own frame, runs straight from sample to sample.
    """
    rng = np.random.default_rng(seed)
    over = 4
    n = len(rates)
    at = (np.arange(over * n) + 0.5) / over
    fine = np.stack([np.interp(at, np.arange(n + 1), np.concatenate((rates[:1, j], rates[:, j]))) for j in range(3)], 1)
    steps = quaternion.from_rotvec(fine / (rate * over))
    truth = np.empty((over * n, 4))
    w, x, y, z = start.tolist()
    for k, (bw, bx, by, bz) in enumerate(steps.tolist()):
        w, x, y, z = (
            w * bw - x * bx - y * by - z * bz,
            w * bx + x * bw + y * bz - z * by,
            w * by - x * bz + y * bw + z * bx,
            w * bz + x * by - y * bx + z * bw,
        )
        truth[k] = w, x, y, z
    # samples are means over the interval that ends with them
    acc = (quaternion.up_in_sensor(truth) * G).reshape(n, over, 3).mean(axis=1)
    gyr = fine.reshape(n, over, 3).mean(axis=1)
    noise = rng.normal(size=(2, n, 3))
    return truth[over - 1 :: over], acc + 0.005 * noise[0], gyr + bias + 4e-4 * noise[1]


def tilt_and_turn(estimate: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inclination error and heading error, deg."""
    e = quaternion.multiply(estimate, quaternion.conjugate(truth))
    inclination = 2 * np.arccos(np.clip(np.hypot(e[:, 0], e[:, 3]), 0, 1))
    return np.degrees(inclination), np.degrees(np.unwrap(2 * np.arctan2(e[:, 3], e[:, 0])))


POSES = {
    "on a back": [0.7, 0.0, -0.7, 0.14],
    "upside down": [0.0, 1.0, 0.0, 0.0],
    "on its side": [0.7071, 0.7071, 0.0, 0.0],
}


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("rate", [26.0, 52.0, 208.0])
def test_a_turn_of_45_degrees_is_one_from_any_pose_with_a_large_bias(
    strap_binary: Path, pose: str, rate: float
) -> None:
    start = np.array(POSES[pose]) / np.linalg.norm(POSES[pose])
    up = quaternion.up_in_sensor(start)
    n = round(rate)
    speed = np.concatenate([np.zeros(20 * n), np.full(2 * n, np.radians(22.5)), np.zeros(3 * n)])
    bias = np.radians([2.0, -2.5, 1.5])
    truth, acc, gyr = sensor(speed[:, None] * up, start, bias, rate)
    q, said = fuse(strap_binary, acc, gyr, rate=rate)
    tilt, turn = tilt_and_turn(q, truth)
    assert said == ""
    assert tilt[0] < 1.0
    assert tilt[18 * n :].max() < 0.15
    assert abs(turn[-1] - turn[19 * n]) < 0.15


def test_fast_coning_motion_is_followed(strap_binary: Path) -> None:
    t = np.arange(30 * 52) / HZ
    moving = t > 5
    cone = 3.0 * np.stack([np.sin(9 * t), np.cos(9 * t), 0.2 * np.sin(2 * t)], axis=1) * moving[:, None]
    truth, acc, gyr = sensor(cone, np.array([1.0, 0, 0, 0]), np.zeros(3))
    tilt, turn = tilt_and_turn(fuse(strap_binary, acc, gyr)[0], truth)
    # without the coning term the heading alone is off by tens of degrees
    assert np.abs(turn[300:] - turn[250]).max() < 1.0
    assert tilt[300:].max() < 1.2


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.5])
def test_a_slow_turn_is_no_bias(strap_binary: Path, speed: float) -> None:
    lasts = round(40 / speed * HZ)
    rates = np.concatenate([np.zeros(60 * 52), np.full(lasts, np.radians(speed)), np.zeros(5 * 52)])
    truth, acc, gyr = sensor(
        rates[:, None] * np.array([0, 0, 1.0]), np.array([1.0, 0, 0, 0]), np.radians([0.5, -0.4, 0.3])
    )
    _, turn = tilt_and_turn(fuse(strap_binary, acc, gyr)[0], truth)
    assert abs(turn[-1] - turn[59 * 52]) < 0.5


def test_sick_frames_are_told_and_turn_nothing(strap_binary: Path) -> None:
    truth, acc, gyr = sensor(np.zeros((20 * 52, 3)), np.array([1.0, 0, 0, 0]), np.zeros(3))
    acc[600, 1] = np.nan
    gyr[610:613] = [0, np.inf, 0]
    gyr[700:710, 2] = np.radians(1000.0)
    acc[800:803, 0] = 8 * G
    gyr[900:950] = gyr[900] + np.array([0, 0, 0.5])
    acc[900:950] = acc[900]
    q, said = fuse(strap_binary, acc, gyr, "--range", "1000,8")
    assert np.isfinite(q).all()
    for count, why in [(4, "not finite"), (10, "gyroscope at"), (3, "accelerometer at")]:
        assert f"{count} frames not integrated: {why}" in said
    assert "sensor stuck" in said
    tilt, turn = tilt_and_turn(q, truth)
    # what a stuck sensor shows is believed for its first three frames
    assert np.abs(turn).max() < 2.5
    assert tilt.max() < 0.5


def calibration(bias: FloatArray, matrix: FloatArray, offset: FloatArray, scale: FloatArray) -> bytes:
    body = struct.pack("<BBHIhBB", 0x1D, 7, 1, 0, 2500, 90, 0)
    body += np.concatenate([bias, np.full(3, 2e-4), matrix.ravel(), offset, scale]).astype("<f4").tobytes()
    return body + struct.pack("<I", zlib.crc32(body))


def test_a_stored_calibration_takes_scale_and_offset_off(strap_binary: Path, tmp_path: Path) -> None:
    bias, offset, scale = np.radians([1.0, -2.0, 0.5]), np.array([0.3, -0.2, 0.1]), np.array([1.01, 0.99, 1.02])
    matrix = np.array([[1.02, 0.004, 0], [0, 0.98, -0.005], [0.003, 0, 1.015]])
    rates = np.concatenate([np.zeros(52), np.full(4 * 52, np.radians(90.0)), np.zeros(52)])
    truth, acc, gyr = sensor(rates[:, None] * np.array([0, 0, 1.0]), np.array([1.0, 0, 0, 0]), np.zeros(3))
    raw_acc, raw_gyr = acc / scale + offset, gyr @ np.linalg.inv(matrix).T + bias
    path = tmp_path / "strap.cal"
    path.write_bytes(calibration(bias, matrix, offset, scale))
    known = tilt_and_turn(fuse(strap_binary, raw_acc, raw_gyr, "--calibration", str(path))[0], truth)
    unknown = tilt_and_turn(fuse(strap_binary, raw_acc, raw_gyr)[0], truth)
    assert abs(known[1][-1] - known[1][0]) < 0.3 < 1.5 < abs(unknown[1][-1] - unknown[1][0])
    assert known[0][-1] < 0.2 < 1.0 < unknown[0][-1]
    # a bias alone helps from the first sample on
    only_bias, _ = fuse(strap_binary, acc, gyr + bias, "--bias", ",".join(str(b) for b in bias))
    assert abs(tilt_and_turn(only_bias, truth)[1][50]) < 0.05


def test_it_streams(strap_binary: Path) -> None:
    frame = np.array([0, 0, G, 0, 0, 0], "<f4").tobytes()
    process = subprocess.Popen(
        [strap_binary, "fuse", "--rate", "52"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(3):
        # a frame and a half, then the rest: each whole frame is answered at once
        process.stdin.write(frame + frame[:12])
        assert len(os.read(process.stdout.fileno(), 4096)) == 16
        process.stdin.write(frame[12:])
        assert np.allclose(np.frombuffer(os.read(process.stdout.fileno(), 4096), "<f4"), [1, 0, 0, 0], atol=1e-6)
    process.stdin.close()
    assert process.wait(timeout=120) == 0
    process.stdout.close()


def test_it_keeps_up_with_hours(strap_binary: Path) -> None:
    n = round(3600 * HZ)
    acc = np.tile([0.0, 0.0, G], (n, 1))
    before = os.times()
    q, _ = fuse(strap_binary, acc, np.zeros((n, 3)))
    after = os.times()
    assert len(q) == n
    # its own time: the machine may be busy
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5.0


def test_what_it_is_told_wrong_it_says(strap_binary: Path, tmp_path: Path) -> None:
    assert "--rate HZ is needed" in refused(strap_binary)
    assert "between 10 and 1000" in refused(strap_binary, "--rate", "0")
    assert "between 10 and 1000" in refused(strap_binary, "--rate", "nan")
    assert "three numbers" in refused(strap_binary, "--rate", "52", "--bias", "1,2")
    assert "three numbers" in refused(strap_binary, "--rate", "52", "--bias", "nan,0,0")
    assert "two positive numbers" in refused(strap_binary, "--rate", "52", "--range", "-1,8")
    bad = tmp_path / "bad.cal"
    bad.write_bytes(b"\x1d" + bytes(99))
    assert "no calibration of a strap" in refused(strap_binary, "--rate", "52", "--calibration", str(bad))
    assert "absent.cal" in refused(strap_binary, "--rate", "52", "--calibration", str(tmp_path / "absent.cal"))
    cut = subprocess.run([strap_binary, "fuse", "--rate", "52"], input=bytes(30), capture_output=True, check=False)
    assert cut.returncode == 2
    assert len(cut.stdout) == 16
    assert b"6 bytes into a frame" in cut.stderr
    text = subprocess.run([strap_binary, "fuse", "--help"], capture_output=True, check=True, text=True).stdout
    assert "Examples:" in text
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.slow
def test_broad_and_a_bias_step_stay_within_what_is_promised(
    strap_binary: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shared / "fusion" / "broad").is_dir():
        pytest.skip("shared data is absent")
    monkeypatch.syspath_prepend(str(shared / "fusion"))
    import eval as ev

    class Strap:
        @staticmethod
        def fn(acc: FloatArray, gyr: FloatArray, ts: float, mag: None = None) -> dict[str, FloatArray]:
            return {"quat": fuse(strap_binary, acc, gyr, rate=1 / ts)[0]}

    monkeypatch.setitem(sys.modules, "strap_estimator", cast("ModuleType", Strap))
    for rate, augment in (("52", None), ("104", None), ("52", 7), ("52", 8), ("52", 9)):
        done = ev.evaluate("strap_estimator:fn", {}, rate, quant="round", jobs=1, augment=augment)
        m = {name: value["mean"] for name, value in done["aggregate"]["all"].items() if isinstance(value, dict)}
        assert m["incl_rmse"] <= 0.53
        assert m["incl_p95"] <= 0.96
        assert m["rel10_p95"] <= 1.45
    done = ev.evaluate("strap_estimator:fn", {}, "52", quant="round", jobs=1, bias_test=[1.0, -0.8, 0.6])
    assert done["aggregate"]["all"]["bt_move_res30"]["mean"] <= 0.3
