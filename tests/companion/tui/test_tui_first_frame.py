"""The first frame waits for nothing heavy."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import asyncio, sys, threading
from unslouch.tui.app import UnslouchApp
from unslouch.tui.options import Options
HEAVY = ("numpy", "scipy", "scipy.signal", "pandas", "matplotlib", "pyarrow", "sqlite3", "bleak", "mcap", "vqf",
         "textual.widgets._markdown", "textual.widgets._data_table")
gate = threading.Event()
async def main():
    app = UnslouchApp(lambda: None, options=Options(fps=None, keep=False))
    app._make = gate.wait  # the loading is held until the frame has been looked at
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        rows = app.screen._compositor.render_strips(app.size)
        text = "".join(segment.text for strip in rows for segment in strip)
        print("LOADED", *sorted(set(sys.modules) & set(HEAVY)))
        print("SHOWN", "STARTING" in text and "\\u2580" in text)
        gate.set()
asyncio.run(main())
"""


def test_the_first_frame_shows_a_figure_and_loads_nothing_heavy():
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    loaded, shown = run.stdout.splitlines()[-2:]
    assert loaded == "LOADED"
    assert shown == "SHOWN True"
