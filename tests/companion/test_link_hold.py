"""One program at a time on a strap; known straps that two programs change at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unslouch.errors import LinkError, Reason
from unslouch.link.hold import Hold
from unslouch.link.known import KnownStrap, KnownStraps

OTHER = """
import sys
from pathlib import Path
from unslouch.link.hold import Hold
hold = Hold(Path(sys.argv[1]), "AA:BB", "One").take()
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_until_this_one_dies(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(LinkError) as told:
        Hold(tmp_path, "AA:BB", "One").take()
    assert told.value.reason is Reason.TAKEN
    assert told.value.message == "One is in use by another unslouch on this machine."
    with Hold(tmp_path, "CC:DD", "Two"):
        pass  # another strap is free
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    with Hold(tmp_path, "AA:BB", "One") as hold:
        hold.release()
        Hold(tmp_path, "AA:BB", "One").take().release()


def test_changes_of_two_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "straps.json"
    KnownStraps(path).put(KnownStrap("AA", "One"))

    def change(**what: float) -> None:
        straps = KnownStraps(path)
        for number in range(25):
            straps.change("AA", **{name: value + number for name, value in what.items()})

    threads = [
        threading.Thread(target=change, kwargs={name: 100.0})
        for name in ("bias_utc", "scale_utc", "acceleration_utc", "calibrated_utc")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [strap] = KnownStraps(path).all()
    assert (strap.bias_utc, strap.scale_utc, strap.acceleration_utc, strap.calibrated_utc) == (124.0,) * 4
    assert list(tmp_path.glob("*.part")) == []
