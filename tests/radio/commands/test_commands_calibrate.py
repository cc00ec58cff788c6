"""calibrate: the posture, guided in lines; the sensor on a table, turned, and moved when it should lie still."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from unslouch.link.radio.wearing import TABLE_BIAS
from unslouch.wire.status import Setup, Status, StrapCalibration
from unslouch_signal.calibration import Calibration


async def _strap(connection: Any) -> tuple[Status, StrapCalibration]:
    return await connection.status(), await connection.calibration()


def test_a_posture_is_taught_in_lines(paired: Any, read: Any) -> None:
    guided = paired.start("calibrate", "--plain")
    out, error = read(guided.stdout), read(guided.stderr)
    out.until("Sit or stand tall and still.")
    paired.do("wearer calibrate")
    out.until("Bow forward, twice (1 of 2).")
    out.until("Turn to one side and back, or stay as you are")
    out.until("Calibrated, quality")
    assert guided.wait(60) == 0
    assert error.rest().count("Streaming.") == 1
    [known] = paired.known
    assert time.time() - known.calibrated_utc < 600
    assert Calibration.from_json(known.calibration).forward_known
    assert len(list((paired.data / "recordings").glob("*.mcap"))) == 1
    status, _ = paired.ask(_strap)
    assert (status.setup or 0) & Setup.MOUNT  # it can judge alone
    value = json.loads(paired.ok("status", "--json"))
    assert value["stand_alone"] is True
    assert 0 <= value["body_calibration_age_s"] < 600
    paired.assert_whole()


def test_no_calibration_in_time_is_said(paired: Any) -> None:
    done = paired.run("calibrate", "--plain", "--timeout", 5)
    assert done.code == 1
    assert "Error: The calibration did not come to its end.\n       Stay still for five seconds first" in done.err
    assert paired.known[0].calibration == ""
    paired.assert_whole()


def test_bias_and_scale_on_the_table(paired: Any, read: Any) -> None:
    paired.speed = 5.0
    paired.do("table", first=True)
    begun = time.time()
    said = paired.ok("calibrate", "--sensor", "bias", text="\n\n\n").splitlines()
    assert said[0] == "Lay the strap on a table, press Enter, and do not touch it for ten seconds."
    assert said[-2].startswith("Gyro bias +0.63, -0.97, +0.34 °/s")
    assert said[-1] == "It is kept on the strap."
    turning = paired.start("calibrate", "--sensor", "scale", "--turns", 1, stdin=-1)
    lines = read(turning.stdout)
    while not (line := lines.line()).startswith("Gyro scale"):
        if line.startswith("Turn it to the left, 1 full turn, back against the edge"):
            paired.do("turn z 360")
            time.sleep(0.3)  # its last samples are on their way
        # asked again where the machine was so busy that samples were lost
        turning.stdin.write("\n")
        turning.stdin.flush()
    assert re.fullmatch(r"Gyro scale about z: (0\.999\d|1\.000\d) of what it read before\.", line.strip())
    assert lines.said[0].startswith("Lay the strap against an edge, its z axis pointing up")
    assert turning.wait(60) == 0
    status, sensor = paired.ask(_strap)
    assert (status.setup or 0) & (Setup.BIAS | Setup.SCALE) == Setup.BIAS | Setup.SCALE
    assert sensor.gyro_bias == pytest.approx(TABLE_BIAS, abs=2e-4)
    assert begun - 2 <= sensor.utc_s <= time.time() + 300  # its clock runs fast here
    [known] = paired.known
    assert begun <= known.bias_utc <= known.scale_utc <= time.time()
    paired.speed = 1.0
    lines = paired.ok("status")
    assert "  gyro bias     measured " in lines
    assert "  gyro scale    measured " in lines


def test_a_sensor_that_moves_is_asked_for_again_and_refused(paired: Any) -> None:
    done = paired.run("calibrate", "--sensor", "bias", text="\n\n\n")
    assert done.code == 1
    assert done.out.count("It moved. Once more: lay it down") == 2
    assert "Error: The strap refused to measure its gyro's bias" in done.err
    before = paired.run("calibrate", "--sensor", "scale", text="\n")
    assert before.err.startswith("Error: The strap refused to begin: its gyro's bias is not known well enough.\n")
    assert "Run `unslouch calibrate --sensor bias` first." in before.err
    nobody = paired.run("calibrate", "--sensor", "bias")
    assert nobody.code == 1
    assert "Somebody must press Enter" in nobody.err
    assert paired.known[0].bias_utc == 0.0
    paired.assert_whole()
