"""Tell what the image takes of the chip, flash, static RAM and stack, and fail beyond 256 KiB and 96 KiB.

    cargo build --release --locked && python3 memory.py [ELF]

The stack is bounded from the image itself: each function's frame (what it pushes and subtracts) and each call, the
deepest way from the executor's loop down, and on top of it the deepest interrupt of each of three levels: the radio's,
the drivers', the controller's low one. A call over a pointer is taken to reach the deepest function whose address lies
in the image and which makes no such call itself; tasks and interrupt handlers are nobody's callbacks. A cycle counts
once. Needs LLVM's nm, size and objdump (Debian: apt install llvm).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FLASH_MOST = 256 * 1024
RAM_MOST = 96 * 1024
IMAGE = Path(__file__).resolve().parents[2] / "target/xiao/thumbv7em-none-eabihf/release/unslouch-strap-xiao"
EXCEPTION_FRAME = 104
"""Bytes that an interrupt pushes by itself, the floating-point unit's registers included."""
LEVELS = 3
HANDLER = re.compile(r"^(\w*IRQ\w*|RADIO|TIMER0|RTC\d|EGU0\w*|CLOCK_POWER|GPIOTE|QSPI|RNG|SAADC|TWISPI0|PWM0|SWI\w*)$")
TASK = re.compile(r"TaskStorage|^main$|^Reset$|__cortex_m_rt_main|rust_begin_unwind|panic|HardFault")


@dataclass
class Function:
    """A function of the image."""

    name: str
    frame: int = 0
    calls: set[str] = field(default_factory=set)
    indirect: bool = False


def tool(name: str, *arguments: str) -> str:
    """Run a tool of LLVM and return what it prints."""
    versioned = sorted(Path("/usr/lib").glob(f"llvm-*/bin/llvm-{name}"))
    path = shutil.which(f"llvm-{name}") or (str(versioned[-1]) if versioned else "")
    if not path:
        raise SystemExit(f"memory.py needs llvm-{name} (Debian: apt install llvm)")
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


def registers(listed: str) -> int:
    """Count the registers of ``{r4, r5-r7, lr}``."""
    count = 0
    for part in listed.split(","):
        first, _, last = part.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if last else 1
    return count


def read_functions(elf: Path) -> dict[str, Function]:
    """Read frames and calls out of the disassembly."""
    functions: dict[str, Function] = {}
    current = Function("")
    for line in tool("objdump", "-d", "--no-show-raw-insn", str(elf)).splitlines():
        if head := re.match(r"[0-9a-f]{8} <(.*)>:", line):
            # jump tables and constants within a function have names of their own
            if not head[1].startswith(("$", ".L")):
                current = functions.setdefault(head[1], Function(head[1]))
            continue
        code = line.partition(":")[2].split("@")[0].strip()
        if pushed := re.match(r"(?:push(?:\.w)?|stmdb\s+sp!,|vpush)\s*\{(.*)\}", code):
            current.frame += registers(pushed[1]) * (8 if pushed[1].startswith("d") else 4)
        elif taken := re.match(r"sub(?:w|\.w)?\s+sp,\s*(?:sp,\s*)?#(0x[0-9a-f]+|\d+)$", code):
            current.frame += int(taken[1], 0)
        elif stored := re.match(r"str(?:d|\.w)?\s+.*\[sp, #-(\d+)\]!", code):
            current.frame += int(stored[1])
        elif called := re.match(r"b(?:l|lx|\.w|[a-z]{2}|[a-z]{2}\.w)?\s+0x[0-9a-f]+ <([^+]*)>$", code):
            if called[1] != current.name and not called[1].startswith("$"):
                current.calls.add(called[1])
        elif re.match(r"(?:blx|bx)\s+(?!lr)r", code):
            current.indirect = True
    return functions


class Stack:
    """The deepest way through the calls of an image."""

    def __init__(self, functions: dict[str, Function], callbacks: set[str]) -> None:
        self.functions = functions
        self.depths: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.callback = (0, ())
        plain = (name for name in callbacks if not self.reaches_pointer(name, set()))
        self.callback = max((self.deepest(name) for name in plain), default=(0, ()))
        self.depths.clear()

    def reaches_pointer(self, name: str, seen: set[str]) -> bool:
        """Whether a function or what it calls makes a call over a pointer."""
        function = self.functions.get(name)
        if function is None or name in seen:
            return False
        seen.add(name)
        return function.indirect or any(self.reaches_pointer(callee, seen) for callee in function.calls)

    def deepest(self, name: str, above: frozenset[str] = frozenset()) -> tuple[int, tuple[str, ...]]:
        """Bytes below the entry of a function, and the way there."""
        if name in self.depths:
            return self.depths[name]
        function = self.functions.get(name)
        if function is None or name in above:
            return 0, ()
        ways = [self.deepest(callee, above | {name}) for callee in sorted(function.calls)]
        if function.indirect:
            ways.append(self.callback)
        depth, way = max(ways, default=(0, ()))
        self.depths[name] = function.frame + depth, (name, *way)
        return self.depths[name]


def main() -> int:
    """Print the report; 1 where the image is beyond its bounds."""
    elf = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGE
    sections: dict[str, int] = {}
    for line in tool("size", "-A", str(elf)).splitlines():
        if found := re.match(r"(\.\S+)\s+(\d+)\s+\d+$", line):
            sections[found[1]] = int(found[2])
    flash = sum(sections.get(name, 0) for name in (".vector_table", ".text", ".rodata", ".data"))
    static = sum(sections.get(name, 0) for name in (".data", ".bss", ".uninit"))
    functions = read_functions(elf)
    listed = tool("nm", "--defined-only", str(elf))
    addresses = {
        int(at, 16) & ~1: name for at, kind, name in re.findall(r"^(\w+) (\w) (.*)$", listed, re.M) if kind in "tTwW"
    }
    words = re.findall(
        r"^ \w+ ((?:[0-9a-f]{2,8} ?){1,4})", tool("objdump", "-s", "-j.rodata", "-j.data", "-j.text", str(elf)), re.M
    )
    taken = {int.from_bytes(bytes.fromhex(word), "little") for row in words for word in row.split() if len(word) == 8}
    callbacks = {
        addresses[word & ~1]
        for word in taken
        if word & 1
        and word & ~1 in addresses
        and not HANDLER.match(addresses[word & ~1])
        and not TASK.search(addresses[word & ~1])
    }
    stack = Stack(functions, callbacks)
    polls = [name for name in functions if "TaskStorage" in name and "poll" in name]
    base = [
        name
        for name in functions
        if name == "main" or "__cortex_m_rt_main" in name or ("Executor" in name and "run" in name)
    ]
    deepest, way = max(stack.deepest(name) for name in polls)
    thread, way = sum(functions[name].frame for name in base) + deepest, (*base, *way)
    handlers = sorted((stack.deepest(name)[0] for name in functions if HANDLER.match(name)), reverse=True)[:LEVELS]
    interrupts = sum(handlers) + EXCEPTION_FRAME * len(handlers)
    ram = static + thread + interrupts
    names = [tool("cxxfilt", name).strip() for name in way]
    code, constants, initial = (sections[name] for name in (".text", ".rodata", ".data"))
    lines = [
        f"flash {flash:7} of {FLASH_MOST}: code {code}, constants {constants}, initial values {initial}",
        f"RAM   {ram:7} of {RAM_MOST}: static {static}, stack {thread}, interrupts {interrupts}",
        "the deepest way, bytes of each frame:",
    ]
    for mangled, name in zip(way, names, strict=True):
        lines.append(f"{functions[mangled].frame:7} {re.sub(r'::h[0-9a-f]{16}$', '', name)[:110]}")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(flash > FLASH_MOST or ram > RAM_MOST)


if __name__ == "__main__":
    sys.exit(main())
