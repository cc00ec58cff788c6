"""What a link is doing, as values a screen can show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unslouch.errors import Reason


class Phase(StrEnum):
    """Where a strap's link stands."""

    SEARCHING = "searching"
    CONNECTING = "connecting"
    PAIRING = "pairing"
    STARTING = "starting"
    STREAMING = "streaming"
    FETCHING = "fetching"
    """Streaming, and what was missed is being fetched."""
    LOST = "lost"
    """The link ended by itself; it is being tried again."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A phase with a sentence, the mend where there is one, and how far a fetch has come (0 to 1)."""

    phase: Phase
    text: str
    advice: str = ""
    reason: Reason | None = None
    progress: float | None = None


ADVICE: dict[Reason, str] = {
    Reason.NO_ADAPTER: "`unslouch doctor` says what to do.",
    Reason.ADAPTER_OFF: "Switch Bluetooth on; `unslouch doctor` says how.",
    Reason.NO_PERMISSION: "Allow this terminal to use Bluetooth in the system's privacy settings.",
    Reason.NOT_IN_RANGE: "Is the strap charged and near? Its lamp blinks every five seconds.",
    Reason.TAKEN: "Another computer or phone holds it: close the program there.",
    Reason.NOT_PAIRED: "Hold the strap's button for three seconds, then run `unslouch pair`.",
    Reason.PAIRING_REFUSED: "Hold the strap's button for three seconds and try again.",
    Reason.PAIRING_CLOSED: "Hold the strap's button for three seconds: pairing is open for a minute then.",
    Reason.BOND_LOST: "Run `unslouch forget`, hold the strap's button for three seconds, then run `unslouch pair`.",
    Reason.STALE_CACHE: "Run `unslouch forget`, hold the strap's button for three seconds, then run `unslouch pair`.",
    Reason.WRONG_FIRMWARE: "Update the strap's firmware or this program.",
    Reason.SILENT: "It is being connected anew.",
    Reason.LINK_LOST: "It is being connected anew; what was missed is fetched then.",
    Reason.TIMEOUT: "It is being tried again.",
    Reason.PROTOCOL: "Update the strap's firmware or this program; `unslouch doctor` tests the stream.",
    Reason.UNKNOWN_VERSION: "Update this program.",
    Reason.REFUSED: "It is being tried again; `unslouch status` tells what the strap does.",
    Reason.OTHER_STRAP: "Run `unslouch scan`, then `unslouch pair` with the right strap's address.",
}
"""What a person can do about a reason."""
