"""A strap that lies: the companion stays up, keeps every byte, says what is wrong and believes none of it."""

from __future__ import annotations

import asyncio
import math
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unslouch.errors import Reason
from unslouch.link.ledger import Position
from unslouch.link.radio.scripted import PERIOD_US, Script, packet_of, pose
from unslouch.link.states import Phase
from unslouch.link.strap import StrapOptions
from unslouch.live.chain import DAMAGED, UNKNOWN, Chain
from unslouch.wire.control import ControlStatus, Op, Request
from unslouch.wire.encode import encode_log
from unslouch.wire.source import Channel
from unslouch_signal.calibration import Calibration
from unslouch_signal.events import SlouchAlert
from unslouch_signal.samples import SampleBlock

PLAIN = StrapOptions()
UPRIGHT = Calibration((1.0, 0.0, 0.0, 0.0), forward_known=True, method="protocol")
LIE_S = 20.0
"""Well beyond the dwell of a slouch (15 s): garbage that was believed would be cued."""


def bent(seq: int, boot: int = 1, at: int | None = None) -> bytes:
    """A packet of two samples in which the wearer bends forward by 60 deg."""
    return packet_of(seq, boot, pose(2, math.radians(60.0)), at=at)


def seq_of(packet: bytes) -> int:
    return int(struct.unpack_from("<I", packet, 4)[0])


def leaps(packet: bytes, chance: random.Random) -> bytes:
    """A sequence that runs far ahead while its time does not."""
    seq = seq_of(packet)
    return bent(seq + chance.randrange(5_000, 4_000_000_000), at=seq)


def backward(packet: bytes, chance: random.Random) -> bytes:
    """Time that runs backward while the sequence goes on."""
    seq = seq_of(packet)
    return bent(seq + 2, at=max(0, seq - chance.randrange(260, 520)))


def no_quaternions(packet: bytes, chance: random.Random) -> bytes:
    """What no rotation gives: the stored zero, the sum of squares above one; NaN's bits."""
    data = bytearray(bent(seq_of(packet)))
    data[16:22] = chance.choice([bytes(6), b"\xff" * 6, b"\x7f\xc0\x00\x00\x7f\xc0", b"\x01\x00\x01\x80\x00\x20"])
    return bytes(data)


def lengths(packet: bytes, chance: random.Random) -> bytes:
    """Cut short, or too long."""
    data = bent(seq_of(packet))
    return chance.choice([data[: chance.randrange(1, 40)], data + bytes(chance.randrange(1, 12)), b""])


def kinds(packet: bytes, chance: random.Random) -> bytes:
    """Kinds and versions that nobody knows."""
    head = chance.choice([0x10, 0x17, 0x1B, 0x1F, 0x21, 0xF1, 0x01])
    return bytes([head]) + bent(seq_of(packet))[1:]


def boots(packet: bytes, chance: random.Random) -> bytes:
    """A boot that is not."""
    return bent(seq_of(packet), boot=chance.randrange(2, 65536))


def noise(_packet: bytes, chance: random.Random) -> bytes:
    """Any bytes."""
    return chance.randbytes(chance.randrange(0, 60))


def anchors(packet: bytes, chance: random.Random) -> bytes:
    """Anchors from anywhere."""
    return b"\x15" + chance.randbytes(15)


Lie = Callable[[bytes, random.Random], bytes]


@pytest.mark.parametrize("lie", [leaps, backward, no_quaternions, lengths, kinds, boots, noise, anchors])
async def test_no_lie_gets_into_the_samples(air: Any, lie: Lie) -> None:
    chance = random.Random(lie.__name__)
    script = Script()
    strap = await air.script(script)
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    await asyncio.sleep(5)
    lies: list[bytes] = []

    def twist(packet: bytes) -> list[bytes]:
        lies.append(lie(packet, chance))
        return [packet, lies[-1]]

    script.twist = twist
    await asyncio.sleep(LIE_S)
    script.twist = None
    await asyncio.sleep(5)
    await companion.whole()

    assert companion.strap.complete
    position = companion.strap.ledger.position()
    assert position.boot == 1
    assert strap.seq - 60 < position.seq <= strap.seq
    heard = [packet.data for packet in companion.disk if packet.channel in (Channel.STREAM, Channel.REFUSED)]
    assert set(lies) <= set(heard), "every byte is kept"
    companion.assert_whole()
    for block in companion.decoded.blocks:
        assert block.samples.quat is not None
        assert np.allclose(block.samples.quat, [1.0, 0.0, 0.0, 0.0], atol=1e-3)

    # as it would have been seen live
    chain = Chain(52.0, UPRIGHT)
    some = 16
    digests = [chain.feed(companion.disk[at : at + some]) for at in range(0, len(companion.disk), some)]
    digests.append(chain.finish())
    assert not [event for digest in digests for event in digest.events if isinstance(event, SlouchAlert)]
    notices = [notice for digest in digests for notice in digest.notices]
    if lie is not anchors:  # an anchor that leads nowhere is no fault of a packet
        assert {DAMAGED, UNKNOWN} & set(notices), "what is wrong is said"


async def test_answers_nobody_asked_for_change_nothing(air: Any) -> None:
    chance = random.Random(7)
    strap = await air.script()
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    for _ in range(200):
        await strap.say(Channel.CONTROL, chance.randbytes(chance.randrange(0, 20)))
        await strap.say(Channel.STATUS, chance.randbytes(chance.randrange(0, 20)))
        await strap.say(Channel.CALIBRATION, chance.randbytes(1))
        await strap.say(Channel.LOG, chance.randbytes(chance.randrange(0, 20)))
        await asyncio.sleep(0.05)
    await companion.whole()
    assert companion.reasons == []
    companion.assert_whole()


@pytest.mark.parametrize(
    "garbage", [b"", b"\x1c", b"\x1d" * 60, b"\xff" * 60, bytes(60), b"\x2c" + bytes(59)], ids=range(6)
)
async def test_a_status_that_is_none_ends_the_connection_with_a_reason(air: Any, garbage: bytes) -> None:
    script = Script(status_bytes=garbage)
    companion = await air.companion(await air.script(script), PLAIN)
    wanted = Reason.UNKNOWN_VERSION if garbage[:1] in (b"\xff", b"\x00", b"\x2c") else Reason.PROTOCOL
    await companion.told(wanted)
    script.status_bytes = None
    await companion.until(lambda: companion.said[-1].phase is Phase.STREAMING, 60)


@pytest.mark.parametrize("garbage", [b"", bytes(100), b"\x1d" + bytes(99), b"\xff" * 100, b"\x1d" * 7], ids=range(5))
async def test_a_calibration_that_is_none_is_said_and_not_used(air: Any, garbage: bytes) -> None:
    companion = await air.companion(await air.script(Script(calibration_bytes=garbage)), PLAIN)
    await companion.strap.until_streaming()
    await asyncio.sleep(2)
    assert companion.reasons == []
    assert companion.decoded.calibrations == ()
    assert sum(companion.decoded.errors.values()) == 1
    assert garbage in [packet.data for packet in companion.disk if packet.channel is Channel.CALIBRATION]


@pytest.mark.parametrize(
    "claim",
    [
        {"log_next": 0xFFFFFFFF, "log_oldest": 1, "log_unconfirmed": 1},
        {"log_next": 5, "log_oldest": 900, "log_unconfirmed": 7},
        {"log_next": 0, "log_oldest": 0xFFFFFFFF, "log_unconfirmed": 0xFFFFFFFF},
        {"ring_oldest_seq": 0xFFFFFFFF},
    ],
)
async def test_a_status_that_cannot_be_true_is_not_followed(air: Any, claim: dict[str, int]) -> None:
    companion = await air.companion(await air.script(Script(status=claim)), PLAIN)
    await companion.strap.until_streaming()
    await companion.whole(60)
    assert companion.reasons == []
    companion.assert_whole()


async def test_a_sequence_from_the_end_of_the_numbers_ends_nothing(air: Any) -> None:
    companion = await air.companion(await air.script(Script(status={"seq": 0xFFFFFFFF})), PLAIN)
    await companion.strap.until_streaming()
    await asyncio.sleep(20)
    assert companion.reasons == []
    assert len(companion.decoded.blocks) > 0
    assert companion.strap.ledger.position().seq < 20_000, "nothing is confirmed that never came"


def log_of(ids: range, seq: int = 0) -> dict[int, bytes]:
    """Records of the log, 40 samples each."""
    records: dict[int, bytes] = {}
    for number in ids:
        k = seq + 200 * (number - ids.start) + 5 * np.arange(40)
        block = SampleBlock(
            (k + 1) * PERIOD_US * 1e-6, np.tile([1.0, 0, 0, 0], (40, 1)), None, None, np.zeros(40, np.uint8)
        )
        records[number] = encode_log(block, k, number, PERIOD_US)[0]
    return records


@pytest.mark.parametrize("ending", ["never", "flood", "beyond", "another log", "no answer", "fragments"])
async def test_a_log_that_never_ends_does(air: Any, ending: str) -> None:
    records = log_of(range(1, 21))
    script = Script(records=records)
    strap = await air.script(script)
    strap.seq = 4000  # what is in the log is older than what the ring holds
    chance = random.Random(ending)
    pouring: list[asyncio.Task[None]] = []

    async def pour(request: Request) -> None:
        await strap.grant(request, first=1, last=20)
        number = 0
        while True:
            number += 1
            match ending:
                case "never" | "flood":
                    await strap.say_record(1 + number % 3, records[1 + number % 3])
                case "beyond":
                    await strap.say_record(number & 0xFFFF, log_of(range(number, number + 1))[number])
                case "another log":
                    data = bytearray(records[1 + number % 20])
                    struct.pack_into("<I", data, 3, 100_000 + number)
                    struct.pack_into("<H", data, 7, 9)
                    await strap.say_record((100_000 + number) & 0xFFFF, bytes(data))
                case _:
                    await strap.say(Channel.LOG, bytes([chance.randrange(127)]) + chance.randbytes(40))
            await asyncio.sleep(0.05)

    def answer(request: Request) -> list[bytes] | None:
        if request.op is Op.LOG_STOP:
            return [bytes((request.op | 0x80, request.tag, ControlStatus.BUSY))]  # it does not think of it
        if request.op is not Op.LOG_READ:
            return None
        if ending != "no answer":
            if pouring and ending != "flood":
                pouring.pop().cancel()
            pouring.append(asyncio.create_task(pour(request)))
        return []

    script.answer = answer
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    await companion.until(lambda: companion.strap.complete and companion.said[-1].phase is Phase.STREAMING, 120)
    for task in pouring:
        task.cancel()
    await asyncio.sleep(5)
    await companion.whole()
    assert companion.said[-1].phase is Phase.STREAMING
    # whatever was poured in, the live samples are what they are, and no memory is filled
    assert companion.strap.ledger.samples > 500
    assert len(companion.strap.ledger._log_ahead) < 100
    for block in companion.decoded.blocks:
        assert np.allclose(block.samples.quat, [1.0, 0.0, 0.0, 0.0], atol=1e-3)


async def test_what_is_left_to_the_log_while_it_is_fetched_is_fetched_too(air: Any) -> None:
    script = Script(records=log_of(range(1, 21)))
    strap = await air.script(script)
    reading: list[asyncio.Task[None]] = []

    async def slowly(request: Request) -> None:
        await strap.grant(request, first=1, last=20)
        for number in range(1, 21):
            await asyncio.sleep(0.9)
            await strap.say_record(number, script.records[number])
        await strap.say_end(1, 21, 20)

    def twist(packet: bytes) -> list[bytes]:
        return [] if packet[4:6] == b"\x80\x00" else [packet]

    def answer(request: Request) -> list[bytes] | None:
        if request.op is Op.RESEND:  # it has them, it says, and they never come
            values = struct.pack("<IH", request.values["seq"], request.values["count"])
            return [bytes((request.op | 0x80, request.tag, 0)) + values]
        if request.op is Op.LOG_READ and not reading:
            reading.append(asyncio.create_task(slowly(request)))
            return []
        return None

    script.answer, script.twist = answer, twist
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    await companion.until(lambda: reading)
    await asyncio.sleep(1)
    script.records |= log_of(range(21, 26))  # the strap goes on noting
    await companion.until(lambda: reading[0].done() and companion.strap.complete, 120)
    asked = [request.values["last"] for request in strap.asked if request.op is Op.LOG_READ]
    assert asked == [20, 25]
    assert companion.strap.ledger.position().log_id == 25


async def test_what_a_strap_with_another_flash_sends_is_confirmed(air: Any) -> None:
    strap = await air.script(Script(records=log_of(range(5, 9))))
    companion = await air.companion(strap, PLAIN, start=Position(log_id=100))
    await companion.strap.until_streaming()

    def confirmed() -> list[int]:
        return [request.values["id"] for request in strap.asked if request.op is Op.LOG_CONFIRM]

    await companion.until(confirmed, 60)
    assert confirmed() == [8]


@pytest.mark.parametrize(
    "results", [{"seq": 0, "count": 65535}, {"seq": 0xFFFFFFFF, "count": 65535}, {"seq": 0, "count": 0}]
)
async def test_what_a_strap_claims_to_send_again_is_not_waited_for_for_ever(air: Any, results: dict[str, int]) -> None:
    script = Script()
    strap = await air.script(script)
    companion = await air.companion(strap, PLAIN)
    await companion.strap.until_streaming()
    await companion.whole()

    def answer(request: Request) -> list[bytes] | None:
        if request.op is not Op.RESEND:
            return None
        return [bytes((request.op | 0x80, request.tag, 0)) + struct.pack("<IH", results["seq"], results["count"])]

    script.answer = answer
    dropped = 0

    def twist(packet: bytes) -> list[bytes]:
        nonlocal dropped
        dropped += 1
        return [] if dropped < 4 else [packet]

    script.twist = twist
    await asyncio.sleep(2)
    await companion.until(lambda: companion.strap.complete, 60)
    assert companion.reasons == []
    assert any(request.op is Op.RESEND for request in strap.asked)
    assert len([request for request in strap.asked if request.op is Op.RESEND]) < 20, (
        "asked in vain now and then, not on and on"
    )


async def test_a_panic_text_without_end_is_read_to_its_limit(air: Any) -> None:
    script = Script(status={"setup": 1})

    def answer(request: Request) -> list[bytes] | None:
        if request.op is not Op.PANIC:
            return None
        return [bytes((request.op | 0x80, request.tag, 0)) + struct.pack("<H", 65535) + b"again and again"]

    script.answer = answer
    companion = await air.companion(await air.script(script), PLAIN)
    await companion.strap.until_streaming(60)
    assert len(companion.strap.panic) < 5000


@pytest.mark.parametrize("status", [s for s in ControlStatus if s not in (ControlStatus.OK, ControlStatus.WORKING)])
async def test_a_refused_start_is_said(air: Any, status: ControlStatus) -> None:
    script = Script(
        answer=lambda r: [bytes((r.op | 0x80, r.tag, status))] if r.op is Op.START else None,
    )
    companion = await air.companion(await air.script(script), PLAIN)
    wanted = Reason.WRONG_FIRMWARE if status is ControlStatus.UNSUPPORTED_VERSION else Reason.REFUSED
    await companion.told(wanted)


async def test_an_answer_that_is_always_to_come_ends_in_time(air: Any) -> None:
    def answer(request: Request) -> list[bytes] | None:
        return [bytes((request.op | 0x80, request.tag, ControlStatus.WORKING))] * 50 if request.op is Op.MODE else None

    companion = await air.companion(await air.script(Script(answer=answer)), PLAIN)
    await companion.told(Reason.TIMEOUT, 200)
