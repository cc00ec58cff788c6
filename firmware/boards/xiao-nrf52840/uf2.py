#!/usr/bin/env python3
"""Make the UF2 file for drag-and-drop from the linked ELF image.

    python3 uf2.py ELF UF2

UF2 (https://github.com/microsoft/uf2): blocks of 512 bytes with 256 bytes of payload each, addressed.
Needs Python alone.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

FAMILY = 0xADA52840
"""Family of the nRF52840 in the list that comes with UF2; the board's bootloader takes no other."""
PAYLOAD = 256
FIRST, LAST = 0x27000, 0xEC000
"""Where an image may lie (memory.x)."""


def segments(elf: bytes) -> list[tuple[int, bytes]]:
    """Physical address and content of each loadable segment of a 32-bit little-endian ELF file."""
    if elf[:6] != b"\x7fELF\x01\x01":
        raise ValueError("not a 32-bit little-endian ELF file")
    (start,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    found: list[tuple[int, bytes]] = []
    for k in range(count):
        kind, offset, _, address, length = struct.unpack_from("<5I", elf, start + k * size)
        if kind == 1 and length > 0:
            found.append((address, elf[offset : offset + length]))
    return found


def blocks(parts: list[tuple[int, bytes]]) -> bytes:
    """UF2 blocks of the parts; what no part covers in a block is 0xFF, as erased flash."""
    pages: dict[int, bytearray] = {}
    for address, content in parts:
        if not FIRST <= address <= address + len(content) <= LAST:
            raise ValueError(f"{address:#x}..{address + len(content):#x} is outside {FIRST:#x}..{LAST:#x}")
        for k, byte in enumerate(content):
            at = address + k
            pages.setdefault(at - at % PAYLOAD, bytearray(b"\xff" * PAYLOAD))[at % PAYLOAD] = byte
    out = bytearray()
    for number, (address, content) in enumerate(sorted(pages.items())):
        head = (0x0A324655, 0x9E5D5157, 0x2000, address, PAYLOAD, number, len(pages), FAMILY)
        out += struct.pack("<8I", *head) + content.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)
    return bytes(out)


def main() -> int:
    """Command line."""
    if len(sys.argv) != 3:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        out = blocks(segments(Path(sys.argv[1]).read_bytes()))
        Path(sys.argv[2]).write_bytes(out)
    except (OSError, ValueError, struct.error) as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 1
    n = len(out) // 512
    sys.stdout.write(f"{sys.argv[2]}: {n} blocks, {n * PAYLOAD} bytes of flash from {FIRST:#x}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
