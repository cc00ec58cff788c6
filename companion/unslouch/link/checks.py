"""What can be said of Bluetooth on this system before a strap is reached, and the mend of each finding."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

OK, WATCH, BAD = "ok", "watch", "bad"
RFKILL = Path("/sys/class/rfkill")
KERNEL = Path("/sys/class/bluetooth")
DAEMONS = (
    "/usr/libexec/bluetooth/bluetoothd",
    "/usr/lib/bluetooth/bluetoothd",
    "/usr/lib/systemd/system/bluetooth.service",
    "/usr/sbin/bluetoothd",
)
"""Where systems put BlueZ's service."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and the mend where there is one."""

    check: str
    level: str
    text: str
    mend: str = ""


async def system_findings() -> list[Finding]:
    """What can be said of Bluetooth on this system before it is used."""
    if sys.platform == "linux":
        return [*rfkill_findings(), *await _bluez()]
    if sys.platform == "darwin":
        version = tuple(int(part) for part in platform.mac_ver()[0].split(".")[:2] if part.isdigit())
        if version < (10, 15):
            return [Finding("macos", BAD, "This macOS is too old for Bluetooth LE here.", "Update to 10.15 or later.")]
        return [mac_permission(_mac_authorization())]
    if sys.platform == "win32":
        build = sys.getwindowsversion().build
        if build < 16299:
            text = f"Windows build {build} has no usable Bluetooth LE."
            return [Finding("windows", BAD, text, "Update to Windows 10 1709 (build 16299) or later.")]
        return [Finding("windows", OK, f"Windows build {build} will do.")]
    return [Finding("system", BAD, f"{sys.platform} is not supported by bleak.", "Use Linux, macOS or Windows.")]


def rfkill_findings(folder: Path = RFKILL) -> list[Finding]:
    """What the kernel's radio switches say."""
    found: list[Finding] = []
    for switch in sorted(folder.glob("rfkill*")) if folder.is_dir() else []:
        try:
            if (switch / "type").read_text().strip() != "bluetooth":
                continue
            soft, hard = ((switch / name).read_text().strip() == "1" for name in ("soft", "hard"))
        except OSError:
            continue
        if hard:
            mend = "Use the machine's radio switch or key."
            found.append(Finding("rfkill", BAD, "Bluetooth is switched off by a hardware switch.", mend))
        elif soft:
            mend = "Run: rfkill unblock bluetooth"
            found.append(Finding("rfkill", BAD, "Bluetooth is blocked by rfkill.", mend))
    return found


def mac_permission(authorization: int) -> Finding:
    """What CoreBluetooth's CBManagerAuthorization means: 0 not determined, 1 restricted, 2 denied, 3 allowed."""
    settings = "System Settings, Privacy & Security, Bluetooth: allow your terminal, then start it anew."
    match authorization:
        case 3:
            return Finding("permission", OK, "This terminal may use Bluetooth.")
        case 2:
            return Finding("permission", BAD, "This terminal may not use Bluetooth.", settings)
        case 1:
            mend = "Ask who administers this Mac."
            return Finding("permission", BAD, "A profile of this Mac forbids Bluetooth.", mend)
        case _:
            text = "macOS will ask whether this terminal may use Bluetooth."
            return Finding("permission", OK, text, f"Allow it. If it was denied: {settings}")


def _mac_authorization() -> int:
    import CoreBluetooth  # pyright: ignore[reportMissingImports]  # comes with bleak on macOS

    return int(CoreBluetooth.CBManager.authorization())  # pyright: ignore


async def _bluez() -> list[Finding]:
    from unslouch.link.bluez import BluezError, adapters

    try:
        known = await adapters()
    except BluezError as error:
        return [_no_bluez(str(error))]
    if not known:
        return [_no_adapter()]
    if not any(one.powered for one in known):
        return [Finding("adapter", BAD, "The Bluetooth adapter is off.", "Run: bluetoothctl power on")]
    names = ", ".join(one.address for one in known if one.powered)
    return [Finding("bluetoothd", OK, f"The bluetooth service runs, adapter {names}.")]


def _no_adapter(folder: Path = KERNEL) -> Finding:
    """Why BlueZ has no adapter."""
    chips = [chip.name for chip in sorted(folder.glob("hci*"))] if folder.is_dir() else []
    if not chips:
        mend = "Plug one in; `dmesg` tells of missing firmware."
        return Finding("adapter", BAD, "There is no Bluetooth adapter.", mend)
    text = f"The kernel has {', '.join(chips)}, but the bluetooth service does not take it."
    return Finding("adapter", BAD, text, "Run: sudo systemctl restart bluetooth; `dmesg` may tell more.")


def _no_bluez(error: str) -> Finding:
    """Why BlueZ does not answer, as far as D-Bus tells."""
    if "AccessDenied" in error:
        mend = f"Run: sudo usermod -aG bluetooth {os.environ.get('USER', '$USER')}, and log in anew."
        return Finding("permission", BAD, "The bluetooth service does not let you in.", mend)
    if "system bus" in error:
        mend = "Start it: systemctl start dbus. In a container, give it the host's /run/dbus."
        return Finding("dbus", BAD, f"The system's message bus does not run ({error}).", mend)
    if not any(Path(place).is_file() for place in DAEMONS):
        mend = "Install it: sudo apt install bluez (Fedora: dnf, Arch: pacman -S bluez bluez-utils)."
        return Finding("bluetoothd", BAD, "The bluetooth service is not installed.", mend)
    mend = "Start it: sudo systemctl enable --now bluetooth"
    return Finding("bluetoothd", BAD, f"The bluetooth service does not run ({error}).", mend)


async def system_bond(address: str, name: str) -> list[Finding]:
    """What the system knows of a bond with a strap, where it can be asked (BlueZ)."""
    if sys.platform != "linux":
        return []
    from unslouch.link.bluez import BluezError, bonded

    try:
        paired, connected = await bonded(address)
    except BluezError as error:
        return [Finding("bond", WATCH, f"The bluetooth service was asked for {name} and failed ({error}).")]
    found: list[Finding] = []
    if not paired:
        mend = "Hold the strap's button for three seconds, then run `unslouch pair`."
        found.append(Finding("bond", BAD, f"The bluetooth service has no bond with {name}.", mend))
    if connected:
        mend = f"Close what uses it, or run: bluetoothctl disconnect {address}"
        found.append(Finding("held", WATCH, f"Some program on this machine holds {name}.", mend))
    return found
