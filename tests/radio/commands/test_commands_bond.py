"""scan, pair, forget: the bond as a person makes and undoes it."""

from __future__ import annotations

import json
from typing import Any

from unslouch.wire.status import Status


def _bonds(commands: Any) -> dict[str, Any]:
    kept = json.loads((commands.data / "virtual-radio" / "bonds.json").read_text())
    return {peer: keys for one in kept.values() for peer, keys in one.items()}


def test_scan_and_pair_at_the_first_start(commands: Any) -> None:
    [line] = commands.ok("scan", "--seconds", 1.5).splitlines()
    assert line.startswith("Unslouch-2291  C1:F5:B1:65:22:91  -50 dBm (strong), battery ")
    assert line.endswith("ready to pair: `unslouch pair`")
    said = commands.ok("pair").splitlines()
    assert said[0] == "Pairing with Unslouch-2291."
    assert said[-1].startswith("Paired with Unslouch-2291.")
    assert "Hold" not in said[0]  # the window is open at the first start
    [known] = commands.known
    assert (known.name, known.address, known.serial) == ("Unslouch-2291", "C1:F5:B1:65:22:91", "C1F5B1652291")
    [heard] = [json.loads(line) for line in commands.ok("scan", "--seconds", 1.5, "--json").splitlines()]
    assert heard["known"] is True
    assert heard["pairing_open"] is False
    assert (heard["rssi_dbm"], heard["protocol"], heard["charger"]) == (-50, 1, False)
    assert list(_bonds(commands)) == ["C1:F5:B1:65:22:91"]


def test_pair_says_what_to_press(paired: Any) -> None:
    before = paired.known
    said = paired.ok("pair").splitlines()
    assert said[0] == "Unslouch-2291 is near. Hold its button for three seconds, until its lamp blinks fast."
    assert said[-1].startswith("Paired with Unslouch-2291.")
    assert [one.position for one in paired.known] == [one.position for one in before]


def test_pair_gives_up_with_the_mend(commands: Any) -> None:
    commands.do("away", first=True)
    done = commands.run("pair", "--wait", 1)
    assert done.code == 1
    assert done.out == "No strap is heard yet. Is it charged, and near?\n"
    assert done.err.startswith("Error: No strap was heard.\n       Is it charged, near")
    named = commands.run("pair", "--wait", 1, "--strap", "Unslouch-AAAA")
    assert "Unslouch-AAAA was not heard." in named.err
    assert commands.known == []
    commands.assert_whole()


def test_forget_on_both_sides_and_pair_again(paired: Any) -> None:
    assert paired.ok("forget") == "Unslouch-2291 is forgotten.\n"
    assert paired.known == []
    assert _bonds(paired) == {}
    done = paired.run("status")
    assert done.code == 1
    assert done.err == (
        "Error: No strap is known yet.\n       Run `unslouch pair`; or `unslouch demo`, or --simulated, without one.\n"
    )
    # the strap forgot it too: it has one bond, not two, when it is paired anew
    paired.ok("pair")

    async def status(connection: Any) -> Status:
        return await connection.status()

    assert paired.ask(status).bonds == 1


def test_forget_a_strap_that_is_away(paired: Any) -> None:
    paired.do("away", first=True)
    here = paired.run("forget", "--here")
    assert (here.code, here.out, here.err) == (0, "Unslouch-2291 is forgotten.\n", "")
    assert paired.known == []
    assert _bonds(paired) == {}
    paired.assert_whole()


def test_one_program_at_a_time(paired: Any, read: Any) -> None:
    recording = paired.start("record")
    read(recording.stderr).until("Streaming.")
    done = paired.run("status")
    assert done.code == 1
    assert done.err == (
        "Error: Unslouch-2291 is in use by another unslouch on this machine.\n       Close it there first.\n"
    )
    told = paired.run("set", "--dwell", 30)
    assert told.code == 0
    assert "is told at the next connection. Unslouch-2291 is in use" in told.err
    recording.terminate()
    assert recording.wait(60) == 143
    paired.assert_whole()
