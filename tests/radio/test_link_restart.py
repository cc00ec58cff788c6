"""One side stops in the middle: the strap reboots, the companion is killed, the laptop sleeps."""

from __future__ import annotations

import asyncio
from typing import Any

from unslouch.errors import Reason
from unslouch.link.ledger import Ledger
from unslouch.link.radio.bench import Wearing
from unslouch.link.radio.scripted import ScriptedStrap
from unslouch.link.radio.stepped import SteppedLoop, current
from unslouch.link.radios import SystemRadio
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.wire.control import Op

PLAIN = StrapOptions()


async def test_a_strap_that_reboots_in_the_middle_of_a_backfill(world: Any) -> None:
    strap, imu = await world.fed()
    worn = Wearing()
    alone_s = 900
    await imu.feed(worn.worn(alone_s))
    await asyncio.sleep(0.5)
    world.wear(imu, worn)
    companion = await world.companion(strap)
    await companion.until(lambda: (companion.strap.link_status.progress or 0.0) > 0.2, 60)
    await strap.pull_battery()
    await strap.start()
    await companion.until(lambda: companion.strap.ledger.boot == 2 and companion.strap.complete, 120)
    await companion.close()
    # a power cut takes what the log had not written: less than one record
    companion.assert_covered(1, end=alone_s * 52 - 220)
    companion.assert_covered(2)


async def test_a_strap_that_reboots_again_and_again(world: Any) -> None:
    strap, imu = await world.fed()
    worn = Wearing()
    world.wear(imu, worn)
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    for boot in range(2, 8):
        await asyncio.sleep(2 + boot)
        await strap.pull_battery()
        await asyncio.sleep(0.3 * boot)
        await strap.start()
        await companion.until(lambda boot=boot: companion.strap.ledger.boot == boot, 60)
    await companion.whole(60)
    await companion.close()
    for boot in range(1, 8):
        companion.assert_covered(boot)


async def test_a_killed_companion_loses_nothing(world: Any) -> None:
    strap = await world.strap()
    first = await world.companion(strap)
    await first.strap.until_streaming()
    await asyncio.sleep(5)
    position = first.strap.ledger.position()
    first.kill()
    await asyncio.gather(first._task, return_exceptions=True)
    first.disk = first.disk[: -len(first.disk) // 4]  # what the disk had not taken
    ledger = Ledger()
    for packet in first.disk:
        ledger.take(packet)
    assert ledger.position().seq < position.seq
    second = await world.companion(strap, PLAIN, start=ledger.position())
    await second.strap.until_streaming()
    await second.whole()
    await second.close()
    second.disk = first.disk + second.disk
    second.assert_whole()


class Bluez(SystemRadio):
    """A system that keeps the link of a program that is gone, and can be told to let go of it."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.released = 0

    async def release(self, address: str) -> bool:
        links = [one for one in self.device.connections.values() if str(one.peer_address).startswith(address)]
        for link in links:
            await link.disconnect()
        self.released += len(links)
        return bool(links)


async def crash(world: Any, companion: Any) -> None:
    """Die without a word, while the system keeps the link."""

    async def nothing() -> None:
        """A dead program says nothing."""

    companion.strap.connection._client.disconnect = nothing
    companion.kill()
    await asyncio.gather(companion._task, companion.strap._task, return_exceptions=True)


async def test_a_link_that_a_crashed_program_left_up_is_cleared(world: Any) -> None:
    strap = await world.strap()
    first = await world.companion(strap)
    await first.strap.until_streaming()
    await asyncio.sleep(3)
    await crash(world, first)
    ledger = Ledger()
    for packet in first.disk:
        ledger.take(packet)
    await asyncio.sleep(20)
    system = Bluez(world.laptops[0].device)
    assert len(system.device.connections) == 1, "the link is up, and the strap is not heard"
    second = await world.companion(strap, PLAIN, start=ledger.position(), radio=system)
    status = await second.told(Reason.LINK_LOST)
    assert "a program that is gone" in status.text
    await second.until(lambda: second.said[-1].phase is Phase.STREAMING, 30)
    assert system.released == 1
    await second.whole()
    await second.close()
    second.disk = first.disk + second.disk
    second.assert_whole()


async def test_a_strap_held_by_another_machine_is_not_heard(world: Any) -> None:
    strap = await world.strap()
    companion = await world.companion(strap)
    await companion.strap.until_streaming()
    other = await world.companion(strap, laptop=1)
    await other.told(Reason.NOT_IN_RANGE, 30)
    assert other.disk == []
    await companion.whole()
    assert companion.reasons == []
    companion.assert_whole()
    # it is there for the other one as soon as the first one lets go
    await companion.close()
    await other.until(lambda: other.said[-1].phase in (Phase.STREAMING, Phase.PAIRING) or other.reasons[1:], 60)


def set_times(strap: ScriptedStrap) -> list[float]:
    return [request.values["utc_us"] * 1e-6 for request in strap.asked if request.op is Op.SET_TIME]


async def streamed_for(air: Any, seconds: float) -> tuple[SteppedLoop, ScriptedStrap, Any]:
    """A laptop's time, a strap without firmware, and the companion that has heard it for a while."""
    loop = current()
    assert loop is not None
    strap = await air.script()
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    await asyncio.sleep(seconds)
    return loop, strap, companion


async def test_a_laptop_that_sleeps_with_its_clocks_running(air: Any) -> None:
    """As on macOS and Windows: the monotonic clock has gone on, and every timer is due at once."""
    loop, strap, companion = await streamed_for(air, 5)
    before = strap.seq
    # the radio sleeps, too: the strap gives up the link, and goes on taking samples
    air.bench.medium.mute(air.laptops[0].controller)
    loop.pass_over(300)
    strap.seq += 300 * 52
    await asyncio.sleep(1)
    air.bench.medium.unmute(air.laptops[0].controller)
    await companion.until(lambda: companion.strap.ledger.next_seq > before + 300 * 52, 60)
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
    assert set(companion.reasons) <= {Reason.SILENT, Reason.LINK_LOST, Reason.NOT_IN_RANGE, Reason.TIMEOUT}
    assert abs(set_times(strap)[-1] - loop.utc()) < 60, "the strap is told the time anew"


async def test_a_laptop_that_sleeps_with_its_clocks_stopped(air: Any) -> None:
    """As on Linux: the monotonic clock stood, UTC jumps, and the system still believes in the link."""
    loop, strap, companion = await streamed_for(air, 5)
    loop.utc_s += 3600
    for link in list(strap.controller.peers.values()):
        strap.controller.on_le_disconnected(link, 8)
    await companion.until(lambda: companion.reasons, 10)
    assert companion.reasons[0] in (Reason.SILENT, Reason.LINK_LOST)
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)
    await companion.whole()
    times = set_times(strap)
    assert times[-1] - times[0] > 3600
    companion.assert_whole()


async def test_a_clock_that_is_set_back_harms_nothing(air: Any) -> None:
    loop, _, companion = await streamed_for(air, 3)
    loop.utc_s -= 86400
    await asyncio.sleep(10)
    assert companion.reasons == []
    await companion.whole()
    companion.assert_whole()


async def test_a_link_that_is_closed_at_any_moment_ends(world: Any) -> None:
    strap = await world.strap(1200)
    first = await world.companion(strap)
    await first.strap.until_streaming()
    await first.close()
    loop = asyncio.get_running_loop()
    for k in range(60):
        companion = await world.companion(strap, PLAIN)
        companion.strap.start()
        await asyncio.sleep(0.02 * k)
        begun = loop.time()
        await asyncio.wait_for(companion.close(), 30)
        assert loop.time() - begun < 15
        assert companion.said[-1].phase is Phase.CLOSED
