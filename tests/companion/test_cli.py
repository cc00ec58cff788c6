"""The command line as it is typed: exit codes, errors in one sentence, JSON, pages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from unslouch.cli.main import COMMANDS, LazyGroup, unslouch
from unslouch.cli.params import NEUTRAL, POSITION

KEYS = [
    "file", "recording", "calibration", "posture", "slouches", "rotations", "rotation_summary", "holds", "activity",
]  # fmt: skip


def call(*args: object, text: str | None = None, **env: str) -> Result:
    return CliRunner(env={"UNSLOUCH_DATA_DIR": "", **env}).invoke(unslouch, [str(arg) for arg in args], input=text)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "demo.mcap"
    result = call("simulate", path, "--seed", 4)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def seated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "seated.csv"
    result = call("simulate", path, "--scenario", "seated", "--raw", "--mounting", "down,right,back")
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def report(demo: Path) -> dict[str, object]:
    result = call("analyze", demo, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name: str):
    result = call(name, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert f"unslouch {name}" in result.output
    command = LazyGroup().get_command(click.Context(unslouch), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name} says nothing"


def test_the_overview_lists_every_command():
    result = call("--help")
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(entry.summary)}", result.output, re.M)


def test_bare_without_a_terminal_is_the_overview():
    result = call()
    assert result.exit_code == 0
    assert "demo" in result.output


def test_a_misspelt_command_is_a_usage_error_with_the_right_one():
    result = call("analyse")
    assert result.exit_code == 2
    assert "Did you mean analyze" in result.output


def test_a_missing_file_is_one_sentence_and_exit_1(tmp_path: Path):
    for command in ("analyze", "info", "replay", "export"):
        extra = ["--to", "csv"] if command == "export" else ["--plain"] if command == "replay" else []
        result = call(command, tmp_path / "nothing.mcap", *extra)
        assert result.exit_code == 1, command
        assert "nothing.mcap" in result.stderr
        assert "Traceback" not in result.output
        assert result.stdout == ""


def test_errors_are_json_when_asked_for(tmp_path: Path):
    result = call("analyze", tmp_path / "nothing.mcap", "--json")
    assert result.exit_code == 1
    line = json.loads(result.stdout)
    assert set(line["error"]) == {"reason", "message", "advice"}
    assert line["error"]["reason"] == "not_found"
    assert result.stderr == ""


def test_the_json_has_the_keys_of_the_contract(report: dict[str, object], demo: Path):
    assert list(report)[: len(KEYS)] == KEYS
    assert report["file"] == str(demo)
    shape = {key: set(value) for key, value in report.items() if isinstance(value, dict)}
    assert shape["recording"] >= {"duration_s", "rate_hz", "samples", "gaps_s"}
    assert shape["calibration"] >= {"source", "quality", "reasons"}
    assert shape["posture"] >= {"upright_s", "slouched_s", "unknown_s"}
    assert shape["rotation_summary"] >= {"left_deg", "right_deg", "arc_deg", "asymmetry_deg"}
    first = {key: set(value[0]) for key, value in report.items() if isinstance(value, list) and value}
    assert first["slouches"] >= {"start_s", "end_s", "peak_deg", "alert_s"}
    assert first["rotations"] >= {
        "side", "position", "start_s", "peak_s", "end_s", "range_deg", "valid", "reasons",
    }  # fmt: skip
    assert first["activity"] >= {"kind", "start_s", "end_s"}


def test_the_json_agrees_with_the_truth(report: dict[str, list[dict[str, float]]], demo: Path):
    truth = json.loads(demo.with_suffix(".truth.json").read_text())
    assert report["calibration"]["source"] == "protocol"  # type: ignore[call-overload]
    assert len(report["slouches"]) == len(truth["slouches"]) == 1
    mine, really = report["slouches"][0], truth["slouches"][0]
    assert mine["alert_s"] == pytest.approx(really["alert_s"], abs=1.0)
    assert mine["peak_deg"] == pytest.approx(really["peak_deg"], abs=2.0)
    assert [rep["side"] for rep in report["rotations"]] == [rep["side"] for rep in truth["rotations"]]
    for rep, true in zip(report["rotations"], truth["rotations"], strict=True):
        assert rep["range_deg"] == pytest.approx(true["range_deg"], abs=2.0)
        assert rep["start_s"] < rep["peak_s"] < rep["end_s"]
    seconds = report["posture"]
    total = seconds["upright_s"] + seconds["slouched_s"] + seconds["unknown_s"]  # type: ignore[call-overload]
    assert total == pytest.approx(report["recording"]["duration_s"], abs=0.5)  # type: ignore[call-overload]


def test_held_rotations_are_holds(report: dict[str, list[dict[str, float]]], demo: Path):
    truth = json.loads(demo.with_suffix(".truth.json").read_text())
    assert len(truth["holds"]) >= 8
    assert [hold["technique"] for hold in report["holds"]] == [hold["technique"] for hold in truth["holds"]]
    for hold, true in zip(report["holds"], truth["holds"], strict=True):
        assert hold["side"] == true["side"]
        assert hold["held_s"] == pytest.approx(true["held_s"], abs=0.8)


def test_times_are_those_of_the_file(seated: Path, tmp_path: Path):
    rows = seated.read_text().splitlines()
    shifted = tmp_path / "shifted.csv"
    moved = [",".join([f"{float(row.split(',')[0]) + 1000:.6f}", *row.split(",")[1:]]) for row in rows[1:]]
    shifted.write_text("\n".join([rows[0], *moved]) + "\n")
    before = json.loads(call("analyze", seated, "--json").stdout)
    after = json.loads(call("analyze", shifted, "--json").stdout)
    assert after["recording"]["start_s"] == pytest.approx(before["recording"]["start_s"] + 1000, abs=1e-3)
    assert len(after["rotations"]) == len(before["rotations"]) >= 10
    for a, b in zip(after["rotations"], before["rotations"], strict=True):
        assert a["peak_s"] == pytest.approx(b["peak_s"] + 1000, abs=0.1)
    start = after["recording"]["start_s"]
    neutral = json.loads(call("analyze", shifted, "--json", "--neutral", f"{start + 1}:{start + 5}").stdout)
    assert neutral["calibration"]["source"] == "neutral"
    outside = call("analyze", shifted, "--json", "--neutral", "1:5")
    assert outside.exit_code == 1
    assert json.loads(outside.stdout)["error"]["reason"] == "bad_option"


def test_a_mount_tells_forward_where_no_bow_does(seated: Path, tmp_path: Path):
    rows = seated.read_text().splitlines()
    start = float(rows[1].split(",")[0])
    late = tmp_path / "late.csv"
    late.write_text("\n".join([rows[0], *(row for row in rows[1:] if float(row.split(",")[0]) > start + 21)]) + "\n")
    without = json.loads(call("analyze", late, "--json").stdout)
    assert not without["calibration"]["forward_known"]
    with_mount = json.loads(call("analyze", late, "--json", "--mount", "down,right,back").stdout)
    assert with_mount["calibration"]["source"] == "mount"
    assert with_mount["calibration"]["forward_known"]


@pytest.mark.parametrize("mount", ["up,down,left", "up,left", "up,left,sideways", "down,right,front"])
def test_a_mount_that_cannot_be_is_refused_in_a_sentence(mount: str, seated: Path):
    result = call("analyze", seated, "--mount", mount)
    assert result.exit_code == 1
    assert "--mount" in result.stderr


def test_a_calibration_goes_from_one_recording_to_another(demo: Path, seated: Path, tmp_path: Path):
    saved = tmp_path / "calibration.json"
    assert call("analyze", demo, "--json", "--save-calibration", saved).exit_code == 0
    by_json = json.loads(call("analyze", demo, "--json", "--calibration", saved).stdout)
    by_file = json.loads(call("analyze", demo, "--json", "--calibration", demo).stdout)
    assert by_json["calibration"]["source"] == by_file["calibration"]["source"] == "file"
    assert by_json["slouches"] == by_file["slouches"]
    saved.write_text('{"version": 1}')
    assert call("analyze", demo, "--calibration", saved).exit_code == 1
    both = call("analyze", demo, "--calibration", demo, "--neutral", "1:3")
    assert both.exit_code == 1
    assert "--calibration" in both.stderr


def test_many_files_keep_their_order_and_a_bad_one_stops_nobody(demo: Path, seated: Path, tmp_path: Path):
    bad = tmp_path / "bad.csv"
    bad.write_text("t,acc_x\n0,1\n")
    result = call("analyze", "--json", demo, bad, seated, tmp_path / "none.csv", demo)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(p) for p in (demo, bad, seated, tmp_path / "none.csv", demo)]
    assert ["error" in line for line in lines] == [False, True, False, True, False]
    assert lines[0] == lines[4]


def test_one_process_says_the_same_as_many(demo: Path, seated: Path):
    alone = call("analyze", "--json", "--jobs", 1, demo, seated)
    many = call("analyze", "--json", "--jobs", 2, demo, seated)
    assert alone.exit_code == many.exit_code == 0
    assert alone.stdout == many.stdout


@pytest.mark.parametrize("width", [38, 80, 140])
def test_the_page_fits_the_terminal(demo: Path, width: int):
    result = call("analyze", demo, COLUMNS=str(width))
    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert "\x1b" not in result.stdout
    if width >= 80:
        assert max(len(row) for row in rows) <= min(width, 100)
    assert any(row.startswith("Slouches") for row in rows)
    assert "▲" in result.stdout
    assert "arc " in result.stdout


def test_colours_obey_force_color_and_no_color(demo: Path):
    assert "\x1b[" in call("analyze", demo, FORCE_COLOR="1").stdout
    assert "\x1b[" not in call("analyze", demo, FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_picture_is_drawn(demo: Path, tmp_path: Path):
    out = tmp_path / "out.png"
    assert call("analyze", demo, "--json", "--plot", out).exit_code == 0
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    wrong = call("analyze", demo, "--plot", tmp_path / "out.doc")
    assert wrong.exit_code == 1
    assert ".doc" in wrong.stderr


def test_pictures_are_of_one_file_at_a_time(demo: Path, tmp_path: Path):
    assert call("analyze", demo, demo, "--plot", tmp_path / "out.png").exit_code == 2


def test_a_missing_extra_is_named(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = call("analyze", demo, "--json", "--plot", tmp_path / "out.png")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["reason"] == "missing_extra"
    assert "unslouch[plot]" in error["advice"]


def test_info_tells_what_a_file_holds(demo: Path, seated: Path):
    text = call("info", demo, seated).stdout
    assert "orientation, acceleration" in text
    assert "acceleration, angular rate" in text
    told = json.loads(call("info", "--json", demo).stdout)
    assert told["format"] == "mcap"
    assert told["recording"]["samples"] > 8000
    assert told["start_utc"].startswith("2026-01-05T09:00")


def test_import_and_export_go_round(seated: Path, tmp_path: Path):
    recording = tmp_path / "seated.mcap"
    assert call("import", seated, recording, "--started", "2026-02-01T12:00:00Z").exit_code == 0
    assert json.loads(call("info", "--json", recording).stdout)["start_utc"].startswith("2026-02-01T12:00:00")
    a = json.loads(call("analyze", "--json", seated).stdout)
    b = json.loads(call("analyze", "--json", recording).stdout)
    assert len(a["rotations"]) == len(b["rotations"])
    for x, y in zip(a["rotations"], b["rotations"], strict=True):
        assert x["range_deg"] == pytest.approx(y["range_deg"], abs=0.5)
    for form, suffix in (("csv", ".csv"), ("json", ".jsonl"), ("parquet", ".parquet")):
        out = tmp_path / f"again{suffix}"
        assert call("export", recording, out).exit_code == 0, form
        assert out.stat().st_size > 10_000
    again = json.loads(call("analyze", "--json", tmp_path / "again.csv").stdout)
    assert again["recording"]["samples"] == a["recording"]["samples"]


def test_nothing_is_overwritten_unless_forced(seated: Path, tmp_path: Path):
    out = tmp_path / "out.mcap"
    out.write_text("precious")
    refused = call("import", seated, out)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert out.read_text() == "precious"
    assert call("import", seated, out, "--force").exit_code == 0


def test_units_are_converted_when_named_and_noticed_when_not(seated: Path, tmp_path: Path):
    rows = [row.split(",") for row in seated.read_text().splitlines()]
    in_g = tmp_path / "g.csv"
    lines = [",".join([row[0], *(f"{float(v) / 9.80665:.6f}" for v in row[1:4]), *row[4:]]) for row in rows[1:]]
    in_g.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")
    refused = call("import", in_g)
    assert refused.exit_code == 1
    assert "--units g" in refused.stderr
    assert call("import", in_g, "--units", "g").exit_code == 0
    same = json.loads(call("analyze", "--json", in_g, "--units", "g").stdout)
    assert len(same["rotations"]) >= 10


def test_simulations_repeat_themselves(tmp_path: Path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        call("simulate", tmp_path / f"{name}.csv", "--scenario", "seated", "--seed", seed)
    a, b, c = (tmp_path.joinpath(f"{name}.csv").read_text() for name in "abc")
    assert a == b
    assert a != c


def test_simulated_faults_are_in_the_file(tmp_path: Path):
    path = tmp_path / "bad.mcap"
    assert call("simulate", path, "--loss", "0.1", "--outage", "60:75").exit_code == 0
    told = json.loads(call("info", "--json", path).stdout)
    assert told["recording"]["gaps_s"] > 15 + 0.05 * 140
    assert any(notice["kind"] == "missing" for notice in told["notices"])


def test_a_duration_is_for_scenarios_that_have_one(tmp_path: Path):
    assert call("simulate", tmp_path / "a.mcap", "--duration", "90").exit_code == 1
    assert call("simulate", tmp_path / "b.mcap", "--scenario", "desk", "--duration", "2:00").exit_code == 0
    told = json.loads(call("info", "--json", tmp_path / "b.mcap").stdout)
    assert told["recording"]["duration_s"] == pytest.approx(120, abs=0.5)


def test_desk_and_coach_say_that_there_is_no_strap_yet():
    for command in ("desk", "coach"):
        result = call(command, "--plain")
        assert result.exit_code == 1
        assert "--simulated" in result.stderr


def test_progress_of_nobody(tmp_path: Path):
    result = call("progress", "--data-dir", tmp_path / "none")
    assert result.exit_code == 0
    assert "Nothing is kept" in result.stdout
    assert json.loads(call("progress", "--json", "--data-dir", tmp_path / "none").stdout)["rotation"] == []


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1:30", 90), ("1:01:01.5", 3661.5)])
def test_positions_are_seconds_or_clock_times(text: str, seconds: float):
    assert POSITION.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "a", "-3", "1:2:3:4", "nan"])
def test_other_positions_are_refused(text: str):
    with pytest.raises(click.BadParameter):
        POSITION.convert(text, None, None)


def test_neutral_spans():
    assert NEUTRAL.convert("-1.5:3", None, None) == (-1.5, 3.0)
    for wrong in ("3", "3:1", "1:2:3", "a:b", "1:inf"):
        with pytest.raises(click.BadParameter):
            NEUTRAL.convert(wrong, None, None)


def test_a_replay_from_beyond_the_end_says_how_long_it_is(demo: Path):
    result = call("replay", demo, "--plain", "--speed", "max", "--from", "1:00:00")
    assert result.exit_code == 1
    assert re.search(r"lasts 1\d\d s", result.stderr)
    assert "3600" in result.stderr
