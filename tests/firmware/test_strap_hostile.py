"""Bytes that no honest central sends, on an unencrypted link: the strap goes on."""

from __future__ import annotations

import asyncio
import random

from bumble.device import Connection

from unslouch.link.radio.bench import STATUS, Bench, Wearing

ATT, SIGNALLING, SMP = 4, 5, 6


async def test_malformed_packets_of_every_layer_are_survived(bench: Bench) -> None:
    strap = await bench.strap(bench.csv(Wearing().worn(300)))
    laptop = await bench.laptop(1)
    owner = await bench.paired(laptop, strap)
    await owner.ok(0x18, b"\x00")
    await owner.close()
    stray = random.Random(11)
    crafted = [(SMP, bytes([code])) for code in range(1, 16)]
    crafted += [(SMP, b""), (ATT, b""), (SIGNALLING, b""), (SIGNALLING, b"\x12\x01\x08\x00")]
    crafted += [(ATT, bytes([code])) for code in range(1, 0x24)]
    crafted += [(ATT, bytes([0x10]) + bytes(20)), (ATT, bytes([0x08]) + bytes(20))]
    crafted += [(stray.choice((ATT, SIGNALLING, SMP)), stray.randbytes(stray.randrange(0, 24))) for _ in range(200)]
    stranger = await bench.laptop(2)
    at = 0
    while at < len(crafted):
        central = await bench.connect(stranger, strap)
        link: Connection = next(iter(stranger.device.connections.values()))
        while at < len(crafted) and central.client.is_connected:
            channel, data = crafted[at]
            at += 1
            link.send_l2cap_pdu(channel, data)
            if at % 10 == 0:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        assert strap.exit_code is None, f"the strap ended after {crafted[max(0, at - 10) : at]}"
        await central.close()
    back = await bench.connect(laptop, strap)
    assert len(await back.read(STATUS)) == 60
