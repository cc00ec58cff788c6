"""The doctor's findings about a system, each with its mend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unslouch.link import checks
from unslouch.link.checks import BAD, OK, mac_permission, rfkill_findings


def switch(folder: Path, number: int, kind: str, *, soft: bool = False, hard: bool = False) -> None:
    path = folder / f"rfkill{number}"
    path.mkdir()
    for name, value in (("type", kind), ("soft", int(soft)), ("hard", int(hard))):
        (path / name).write_text(f"{value}\n")


def test_rfkill_tells_soft_from_hard_and_bluetooth_from_wifi(tmp_path: Path) -> None:
    switch(tmp_path, 0, "wlan", soft=True, hard=True)
    switch(tmp_path, 1, "bluetooth")
    assert rfkill_findings(tmp_path) == []
    switch(tmp_path, 2, "bluetooth", soft=True)
    switch(tmp_path, 3, "bluetooth", soft=True, hard=True)
    soft, hard = rfkill_findings(tmp_path)
    assert (soft.level, soft.mend) == (BAD, "Run: rfkill unblock bluetooth")
    assert hard.text == "Bluetooth is switched off by a hardware switch."
    assert rfkill_findings(tmp_path / "absent") == []
    (tmp_path / "rfkill2" / "soft").unlink()  # a switch that goes while it is looked at
    assert len(rfkill_findings(tmp_path)) == 1


def test_macos_permission() -> None:
    assert [mac_permission(value).level for value in (3, 2, 1, 0)] == [OK, BAD, BAD, OK]
    assert "Privacy & Security, Bluetooth" in mac_permission(2).mend
    assert mac_permission(0).text == "macOS will ask whether this terminal may use Bluetooth."


@pytest.mark.parametrize(
    ("error", "check", "words"),
    [
        ("org.freedesktop.DBus.Error.AccessDenied", "permission", "usermod -aG bluetooth"),
        ("the system bus cannot be reached: [Errno 2]", "dbus", "systemctl start dbus"),
    ],
)
def test_why_bluez_does_not_answer(error: str, check: str, words: str) -> None:
    found = checks._no_bluez(error)
    assert (found.check, found.level) == (check, BAD)
    assert words in found.mend


def test_a_service_that_is_missing_is_told_from_one_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "org.freedesktop.DBus.Error.ServiceUnknown"
    monkeypatch.setattr(checks, "DAEMONS", (str(tmp_path / "bluetoothd"),))
    assert "apt install bluez" in checks._no_bluez(error).mend
    (tmp_path / "bluetoothd").touch()
    assert "systemctl enable --now bluetooth" in checks._no_bluez(error).mend


def test_an_adapter_that_the_kernel_has_and_bluez_has_not(tmp_path: Path) -> None:
    assert checks._no_adapter(tmp_path).text == "There is no Bluetooth adapter."
    (tmp_path / "hci0").mkdir()
    found = checks._no_adapter(tmp_path)
    assert "The kernel has hci0" in found.text
    assert "restart bluetooth" in found.mend


@pytest.mark.skipif(sys.platform != "linux", reason="asks BlueZ")
async def test_without_a_bus_the_whole_look_ends_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    *_, last = await checks.system_findings()
    assert (last.check, last.level) == ("dbus", BAD)
    [bond] = await checks.system_bond("C1:F5:B1:65:22:91", "Unslouch-2291")
    assert bond.text.startswith("The bluetooth service was asked for Unslouch-2291 and failed (")
