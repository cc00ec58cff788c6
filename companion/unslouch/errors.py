"""The one error hierarchy of the companion.

Every failure a person can meet is an :class:`UnslouchError` with a :class:`Reason`, a sentence that says what happened
and, where there is one, the mend. Screens and the command line show ``message`` and ``advice``; machines read
``reason``.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something failed; the value is what ``--json`` prints."""

    BAD_FILE = "bad_file"
    """A file's contents are not what its format asks for."""
    NOT_FOUND = "not_found"
    """A file, device or record that was named does not exist."""
    FILE_ACCESS = "file_access"
    """The system refuses to read or write a file (permission, full disk, a folder in its place)."""
    WORKER = "worker"
    """A process that did part of the work was ended from outside."""
    BAD_OPTION = "bad_option"
    """An option's or setting's value is outside what it may be."""
    MISSING_EXTRA = "missing_extra"
    """An optional dependency is needed and not installed."""
    PROTOCOL = "protocol"
    """Bytes from a strap break docs/protocol.md."""
    UNKNOWN_VERSION = "unknown_version"
    """Bytes or a database of a newer version than this program knows."""
    STORE = "store"
    """The database cannot be read or written."""
    NOT_CALIBRATED = "not_calibrated"
    """The step needs a calibration and there is none."""
    NOT_ALLOWED = "not_allowed"
    """The step is refused for the person's safety or in the present state."""
    NO_ADAPTER = "no_adapter"
    """This machine has no Bluetooth LE, or its service does not run."""
    ADAPTER_OFF = "adapter_off"
    """Bluetooth is switched off."""
    NO_PERMISSION = "no_permission"
    """This program may not use Bluetooth."""
    NOT_IN_RANGE = "not_in_range"
    """The strap was not heard."""
    TAKEN = "taken"
    """The strap is heard no more because another central holds it."""
    NOT_PAIRED = "not_paired"
    """The strap wants a key and this machine has none."""
    PAIRING_REFUSED = "pairing_refused"
    """Pairing was tried and refused."""
    PAIRING_CLOSED = "pairing_closed"
    """The strap's pairing window is closed."""
    BOND_LOST = "bond_lost"
    """One side has forgotten the other."""
    STALE_CACHE = "stale_cache"
    """The system remembers services of the strap that are not there any more."""
    WRONG_FIRMWARE = "wrong_firmware"
    """The strap speaks a version this program does not."""
    SILENT = "silent"
    """The stream fell silent."""
    LINK_LOST = "link_lost"
    """The connection ended."""
    TIMEOUT = "timeout"
    """A step took longer than it ever should."""
    REFUSED = "refused"
    """The strap refused a request."""
    OTHER_STRAP = "other_strap"
    """Another strap answers at the known one's address."""


class UnslouchError(Exception):
    """A failure with a reason, a sentence for a person and, where there is one, the mend.

    Parameters
    ----------
    reason
        The machine-readable reason.
    message
        One sentence: what happened, with the place (file, line, column) where there is one.
    advice
        One sentence: what to do about it; empty when nothing can be done.
    """

    def __init__(self, reason: Reason, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class FileError(UnslouchError):
    """A recording, calibration or export file that cannot be used."""


class WireError(UnslouchError):
    """Bytes from a strap that break the protocol."""


class StoreError(UnslouchError):
    """The database cannot be opened, migrated, read or written."""


class LinkError(UnslouchError):
    """The way to the strap is closed or broken."""
