"""status, set, buzz, doctor: what the strap tells and is told, and that it keeps it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from unslouch.cli.status import NEWEST_FIRMWARE
from unslouch.wire.control import Op


async def _gate(connection: Any) -> dict[str, int]:
    return (await connection.demand(Op.GET_GATE)).values


def test_the_newest_firmware_is_the_one_beside_this_program(repository: Path) -> None:
    cargo = tomllib.loads((repository / "firmware/Cargo.toml").read_text())
    package = tomllib.loads((repository / "firmware/strap/Cargo.toml").read_text())["package"]
    version = package["version"]
    if not isinstance(version, str):
        version = cargo["workspace"]["package"]["version"]
    assert ".".join(map(str, NEWEST_FIRMWARE)) == version


def test_status_in_words_and_for_machines(paired: Any) -> None:
    lines = paired.ok("status").splitlines()
    assert lines[0] == "Unslouch-2291  C1:F5:B1:65:22:91"
    told = dict(line.strip().split("  ", 1) for line in lines[1:])
    told = {name: text.strip() for name, text in told.items()}
    assert re.fullmatch(r"\d+%", told["battery"])
    assert told["signal"] == "-50 dBm, strong"
    assert told["firmware"] == "0.1.0, up to date (desktop process)"
    assert re.match(r"0% full, ", told["log"])
    assert told["your posture"] == "not taught yet: `unslouch calibrate`"
    assert told["buzzes alone"] == "no: it does not know your posture yet"
    assert told["gyro bias"] == "never measured: `unslouch calibrate --sensor bias`"
    paired.do("charger on", first=True)
    paired.speed = 20.0  # the strap looks at its charger every few seconds
    value = json.loads(paired.ok("status", "--json"))
    assert value["charger"] is True
    assert value["rssi_dbm"] == -50
    assert value["outdated"] is False
    assert 0 < value["battery"] <= 1
    assert 0 <= value["log_fill"] < 0.05
    assert value["body_calibration_age_s"] is None
    assert value["serial"] == "C1F5B1652291"


def test_what_is_set_outlives_a_power_cut(paired: Any) -> None:
    done = paired.run("set", "--flexion", 14, "--dwell", 20, "--no-stand-alone", "--motor", "double", "--json")
    assert done.code == 0, done.err
    assert done.err == "Unslouch-2291 has taken it.\n"
    value = json.loads(done.out)
    assert (value["flexion_deg"], value["dwell_s"], value["stand_alone"]) == (14.0, 20.0, False)
    assert (value["motor"], value["strength"]) == ("double", 80)
    # the strap's process was killed with the command: its cell was pulled
    gate = paired.ask(_gate)
    assert (gate["flexion_enter"], gate["dwell"], gate["enable"]) == (1400, 200, 7)
    assert gate["extension_enter"] == 1200
    lines = dict(line.split(maxsplit=1) for line in paired.ok("set").splitlines())
    assert lines["forward"] == "14°"
    assert lines["dwell"].startswith("20 s")
    assert lines["motor"] == "double, 80 %"


def test_what_is_beyond_its_range_is_refused(paired: Any) -> None:
    for option, value, sentence in (
        ("--flexion", 30, "The threshold forward in degrees can be 6 to 25, not 30."),
        ("--dwell", 1, "The dwell in seconds can be 5 to 120, not 1."),
        ("--quiet", "nan", "The time between cues in seconds can be 10 to 600, not nan."),
    ):
        done = paired.run("set", option, value)
        assert (done.code, done.out, done.err) == (1, "", f"Error: {sentence}\n")
    assert paired.run("set", "--strength", 101).code == 2
    lines = dict(line.split(maxsplit=1) for line in paired.ok("set").splitlines())
    assert lines["forward"] == "12°"


def test_a_strap_that_is_away_is_told_at_the_next_connection(paired: Any) -> None:
    paired.do("away", first=True)
    done = paired.run("set", "--lean", 9)
    assert done.code == 0
    assert done.err.startswith("Unslouch-2291 is told at the next connection. Unslouch-2291 was not heard.")
    paired.do("near", first=True)
    paired.ok("record", "--duration", 1)
    assert paired.ask(_gate)["lean_enter"] == 900


def test_buzz_and_its_refusals(paired: Any) -> None:
    assert paired.ok("buzz", "--times", 2, "--pattern", "short") == "Unslouch-2291 buzzes (strong signal).\n"
    nobody = paired.run("buzz", "--strap", "Unslouch-AAAA")
    assert nobody.err == "Error: No strap is known as Unslouch-AAAA.\n       Known: Unslouch-2291.\n"
    assert paired.run("buzz", "--strength", 0).code == 2


def test_doctor_measures_the_stream(paired: Any) -> None:
    done = paired.run("doctor", "--seconds", 2, "--json")
    found = {one["check"]: one for one in map(json.loads, done.out.splitlines())}
    assert done.code == 0, done.out
    assert found["bond"]["level"] == "ok"
    assert "samples in 2 s, 0.00% missing, MTU 247" in found["stream"]["text"]
    assert re.search(r"median \d+ ms, p95 \d+ ms", found["stream"]["text"])
    paired.do("away", first=True)
    away = paired.run("doctor", "--seconds", 1)
    assert away.code == 1
    assert "note No strap is heard.\n     Is it charged, near" in away.out
    assert "BAD  Unslouch-2291 was not heard." in away.out
    paired.assert_whole()
