"""What bleak and the systems below it raise, as one error with a reason."""

from __future__ import annotations

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakGATTProtocolError,
)

from unslouch.errors import LinkError, Reason
from unslouch.link.states import ADVICE

_UNAVAILABLE = {
    BleakBluetoothNotAvailableReason.POWERED_OFF: (Reason.ADAPTER_OFF, "Bluetooth is switched off."),
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: (Reason.NO_PERMISSION, "Bluetooth was not allowed."),
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: (Reason.NO_PERMISSION, "The system forbids Bluetooth."),
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: (Reason.NO_PERMISSION, "Bluetooth is not allowed."),
}
_DBUS = {
    "org.bluez.Error.AuthenticationRejected": (Reason.PAIRING_REFUSED, "The strap refused to pair."),
    "org.bluez.Error.AuthenticationFailed": (Reason.BOND_LOST, "The strap does not know this machine's key."),
    "org.bluez.Error.AuthenticationCanceled": (Reason.PAIRING_REFUSED, "Pairing was cancelled."),
    "org.bluez.Error.AuthenticationTimeout": (Reason.PAIRING_CLOSED, "The strap did not answer the pairing."),
    "org.freedesktop.DBus.Error.AccessDenied": (Reason.NO_PERMISSION, "The system forbids Bluetooth."),
    "org.bluez.Error.NotReady": (Reason.ADAPTER_OFF, "Bluetooth is switched off."),
    "org.freedesktop.DBus.Error.ServiceUnknown": (Reason.NO_ADAPTER, "The bluetooth service does not run."),
    "org.freedesktop.DBus.Error.NameHasNoOwner": (Reason.NO_ADAPTER, "The bluetooth service does not run."),
}
AUTHENTICATION = frozenset({0x05, 0x08, 0x0C, 0x0F})
"""ATT errors that ask for a key (Core Specification, Vol 3, Part F, 3.4.1.1)."""


_STALE = frozenset({0x01, 0x02, 0x03, 0x06, 0x0A})
"""ATT errors of an attribute that is not what it was taken for: invalid handle, read or write not permitted, request
not supported, attribute not found (the same table)."""


def failure(reason: Reason, message: str) -> LinkError:
    """Return an error with the advice of its reason."""
    return LinkError(reason, message, ADVICE.get(reason, ""))


def unavailable(error: Exception) -> LinkError:
    """Return why Bluetooth is not to be had."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return failure(*_UNAVAILABLE.get(error.reason, (Reason.NO_ADAPTER, "There is no Bluetooth LE here.")))
    if isinstance(error, BleakDBusError) and error.dbus_error in _DBUS:
        return failure(*_DBUS[error.dbus_error])
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):  # the socket of D-Bus
        return failure(Reason.NO_ADAPTER, "The system's message bus does not run, and Bluetooth needs it.")
    return failure(Reason.NO_ADAPTER, f"Bluetooth cannot be used: {str(error).rstrip('.')}.")


def broken(error: Exception, doing: str) -> LinkError:
    """Return why a step over an open or opening link failed."""
    if isinstance(error, LinkError):
        return error
    if isinstance(error, TimeoutError):
        return failure(Reason.TIMEOUT, f"{doing} took too long.")
    if isinstance(error, BleakGATTProtocolError) and int(error.code) in AUTHENTICATION:
        return failure(Reason.NOT_PAIRED, "The strap wants to be paired first.")
    if isinstance(error, BleakCharacteristicNotFoundError) or (
        isinstance(error, BleakGATTProtocolError) and int(error.code) in _STALE
    ):
        text = "The strap's services are not those that this system remembers; its firmware was changed."
        return failure(Reason.STALE_CACHE, text)
    if isinstance(error, BleakDBusError) and error.dbus_error in _DBUS:
        return failure(*_DBUS[error.dbus_error])
    text = str(error)
    if "smp" in text:
        return failure(Reason.PAIRING_REFUSED, f"The strap refused to pair ({text}).")
    if "PIN_OR_KEY_MISSING" in text or "KEY_MISSING" in text:
        return failure(Reason.BOND_LOST, "The strap does not know this machine's key.")
    return failure(Reason.LINK_LOST, f"{doing} failed: {text or type(error).__name__}.")
