"""What ends well although it went wrong: a task that hangs, a charger, counters at their ends, a radio that stops."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from unslouch.link.radio.bench import CONTROL, STATUS, Bench, Wearing, until

WATCHDOG = 3
"""Reset reason (docs/protocol.md, section 7)."""
START_AGAIN = 75


async def resets_and_says_why(bench: Bench, what: str, seconds: float) -> None:
    """Make something hang: the watchdog bites, and the next connection is told."""
    imu = await bench.imu()
    strap = await bench.strap(imu)
    laptop = await bench.laptop()
    central = await bench.paired(laptop, strap)
    wearing = Wearing()
    for _ in range(30):  # all is well for longer than the watchdog waits, whether samples come or not
        await imu.feed(wearing.worn(0.5))
        await asyncio.sleep(seconds / 30)
    assert strap.exit_code is None
    await strap.type(f"hang {what}")

    async def live() -> None:
        while True:  # a hang shows only where something is to be done
            with contextlib.suppress(ConnectionError):
                await imu.feed(wearing.worn(0.5))
            await asyncio.sleep(0.5)

    living = asyncio.create_task(live())
    await until(lambda: strap.exit_code is not None, 60, "the watchdog sleeps")
    living.cancel()
    assert strap.exit_code == START_AGAIN
    await strap.start()
    await until(lambda: not central.client.is_connected)
    central = await bench.connect(laptop, strap)
    await central.subscribe(CONTROL)
    status = await central.read(STATUS)
    assert (status[2], status[34], status[38]) == (2, WATCHDOG, 1), "second start, by the watchdog, the bond kept"


@pytest.mark.parametrize("what", ["sensor", "stamps", "flash"])
async def test_a_task_that_hangs_is_ended_by_the_watchdog(bench: Bench, what: str) -> None:
    await resets_and_says_why(bench, what, 30)


@pytest.mark.real_time
async def test_an_executor_that_hangs_is_ended_by_the_watchdog(bench: Bench) -> None:
    # 8 s of real time: the process cannot tell its own
    await resets_and_says_why(bench, "everything", 1)
