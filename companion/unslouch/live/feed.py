"""What a screen or a line printer reads from and sends to, whatever is at the other end.

A :class:`Feed` is polled: the consumer asks some fifteen times a second for what has come since and never waits. What
it wants changed goes down as a command value; a feed that cannot act on a command ignores it, and says so beforehand
in ``accepts`` so that nobody shows a key that does nothing. This module imports no numpy: a screen draws its first
frame before the signal core is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from unslouch.errors import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unslouch_signal.calibration import Calibration
    from unslouch_signal.events import Event, Side, Technique
    from unslouch_signal.samples import SampleBlock
    from unslouch_signal.track import PostureFrame, Track


class FeedKind(StrEnum):
    """What is at the other end, for the one word in the status line; nothing else may depend on it."""

    LIVE = "live"
    SIMULATED = "simulated"
    REPLAY = "replay"


class LinkKind(StrEnum):
    """How the way to the samples is."""

    CONNECTING = "connecting"
    UP = "up"
    LOST = "lost"
    """Samples do not come and are expected back."""
    ENDED = "ended"
    """No more samples will come (the end of a replay, a closed strap)."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """The way to the samples, with a sentence for a person and, where there is one, the mend.

    ``progress`` (0 to 1) is how far the fetching of missed samples has come, None when nothing is fetched; ``reason``
    is why the link is not up, for machines.
    """

    kind: LinkKind
    text: str
    advice: str = ""
    progress: float | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Transport:
    """Where a replay stands: seconds since the start of the recording, its length, its speed."""

    position: float
    duration: float
    speed: float = 1.0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """The strap's button was pressed: once is a marker, twice is sharp pain.

    Attributes
    ----------
    t
        Seconds, on the clock of the samples.
    sharp
        Pressed twice: everything stops.
    late
        Fetched from the strap's log when the stream had gone on: it is kept, and stops nothing that is done now.
    """

    t: float
    sharp: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """What one block of samples brought (or, without samples, a change of the link).

    Attributes
    ----------
    sample_time
        Seconds of the strap's clock of the newest sample so far.
    events
        What the analyser found in the block, in order.
    frame
        The newest state; None before the first sample.
    track
        Thorax angles of the block; None when it brought none.
    activity
        (n,) index per point of ``track`` into :data:`unslouch_signal.activity.CODES`; None when it brought none.
    samples
        The block itself, as decoded (for the guided calibration); None when it brought none.
    link
        How the link is now.
    battery
        0 to 1; None where unknown.
    rate_hz
        Samples a second as the strap sends them; None before it is known.
    transport
        Where a replay stands; None for anything that cannot be wound.
    restarted
        True when time jumped (a seek): sessions and traces begin afresh with this update.
    calibration
        The calibration that came into use with this block (seen in the stream, or set); else None.
    notices
        Sentences for a person about the stream or the recording (bad packets, a full disk).
    dropped
        Updates whose tracks and samples were left out before this one because nobody polled; events never are.
    presses
        What the strap's button told, in order, each once.
    """

    sample_time: float
    link: LinkState
    events: tuple[Event, ...] = ()
    frame: PostureFrame | None = None
    track: Track | None = None
    activity: NDArray[np.uint8] | None = None
    samples: SampleBlock | None = None
    battery: float | None = None
    rate_hz: float | None = None
    transport: Transport | None = None
    restarted: bool = False
    calibration: Calibration | None = None
    notices: tuple[str, ...] = ()
    dropped: int = 0
    presses: tuple[Press, ...] = ()


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Hold or go on with the replay (or the simulated wearer's time)."""

    paused: bool


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Play at ``factor`` times real time; the feed clips it to what it can."""

    factor: float


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to ``position``, seconds since the start of the recording; clipped to the recording."""

    position: float


@dataclass(frozen=True, slots=True)
class Step:
    """Play ``seconds`` of recording and hold; negative goes back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ask:
    """What the coach asks of the wearer now.

    A person reads it on the screen; a simulated wearer does it (``move`` is the coach's phase or, from the command
    palette, one of ``Feed.moves``); a strap or a replay does not accept it. ``zone`` is where to hold, rad, as the
    coach measures the technique.
    """

    move: str
    technique: Technique | None = None
    side: Side | None = None
    zone: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Buzz:
    """Run the strap's motor for ``seconds``."""

    seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class SetCalibration:
    """Use this calibration from the next sample on, and keep it in the recording being written."""

    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Mark:
    """Write a marker into the recording being written."""

    label: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a result (as :mod:`unslouch.store.journal` makes it) into the recording being written."""

    entry: str


@dataclass(frozen=True, slots=True)
class ExpectRotations:
    """Count rotation repetitions as in a coached session of someone whose usual range is ``usual_range``.

    rad; 0 where it is not known yet, None when the session is over.
    """

    usual_range: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """Look at a strap's packets together, at most so long after they came, s; 0 looks at each as it comes.

    A batch costs no more than a packet: who draws fifteen pictures a second needs no more than ten looks.
    """

    seconds: float


Command = ExpectRotations | SetPaused | SetSpeed | Seek | Step | Ask | Buzz | SetCalibration | Mark | Keep | Pace


class Feed(Protocol):
    """Updates upward, commands downward; strap, simulator and replay look the same.

    All methods return at once and are called from one thread.
    """

    @property
    def kind(self) -> FeedKind:
        """What is at the other end."""
        ...

    @property
    def title(self) -> str:
        """The strap's name, the file's name."""
        ...

    @property
    def accepts(self) -> frozenset[type[Command]]:
        """The commands that do something here."""
        ...

    @property
    def moves(self) -> tuple[str, ...]:
        """What a simulated wearer can be asked to do by name (``Ask``); empty elsewhere."""
        ...

    def poll(self) -> list[Update]:
        """Everything since the last poll, oldest first; empty when nothing came."""
        ...

    def send(self, command: Command) -> None:
        """Pass a command down."""
        ...

    def close(self) -> None:
        """Stop; safe to call twice."""
        ...
