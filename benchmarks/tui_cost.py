"""What the live screen costs: time to its first frame and share of a core, in a real terminal of its own.

    python benchmarks/tui_cost.py [--size 100x30] [--seconds 20] [--runs 5] [-- COMMAND ...]

Starts the real program (``unslouch demo`` unless another command is given) on a pseudo terminal, several times for
the first frame and once for the processor time, which includes the simulated strap, the chain and the store. The peer
is Textual itself: importing it and doing nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Sequence

FIRST_WORDS = (b"STARTING", b"CONNECTING", b"UPRIGHT")
"""The state word is drawn with the rest of the first frame."""


def spawn(command: Sequence[str], columns: int, rows: int) -> tuple[int, int]:
    """Start a command on a new terminal; returns its process and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env.pop("NO_COLOR", None)
        os.execvpe(command[0], list(command), env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return pid, terminal


def read_for(terminal: int, seconds: float, until: Sequence[bytes] = ()) -> tuple[bytes, float]:
    """Read what is drawn; returns it and how long it took until one of the words came (or the time was over)."""
    begun, drawn = time.perf_counter(), b""
    while (left := begun + seconds - time.perf_counter()) > 0:
        ready, _, _ = select.select([terminal], [], [], left)
        if not ready:
            break
        try:
            drawn += os.read(terminal, 65536)
        except OSError:
            break
        if any(word in drawn for word in until):
            break
    return drawn, time.perf_counter() - begun


def stop(pid: int, terminal: int) -> None:
    """End the program as a person would, or, when it does not listen, at once."""
    os.write(terminal, b"q")
    for _ in range(100):
        read_for(terminal, 0.05)
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(terminal)


def processor_s(pid: int) -> float:
    """Processor time of a process with its threads, s."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_frame(command: Sequence[str], columns: int, rows: int) -> float:
    """Seconds from the start of the process to its first frame."""
    begun = time.perf_counter()
    pid, terminal = spawn(command, columns, rows)
    drawn, _ = read_for(terminal, 20.0, FIRST_WORDS)
    took = time.perf_counter() - begun
    stop(pid, terminal)
    if not any(word in drawn for word in FIRST_WORDS):
        raise SystemExit(f"no first frame within 20 s; the program said: {drawn[-500:]!r}")
    return took


def import_of_textual() -> float:
    """Seconds for a process that imports textual.app and ends."""
    begun = time.perf_counter()
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", "import textual.app"], os.environ), 0)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="100x30")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--settle", type=float, default=5.0, help="seconds before the processor time is counted")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keys", default="", help="keys to press before the processor time is counted")
    parser.add_argument("command", nargs="*", default=[sys.executable, "-m", "unslouch.cli.main", "demo"])
    args = parser.parse_args()
    columns, rows = (int(v) for v in args.size.split("x"))
    import_of_textual()
    peer = statistics.median(import_of_textual() for _ in range(args.runs))
    frames = [first_frame(args.command, columns, rows) for _ in range(args.runs)]
    first = statistics.median(frames)
    print(f"first frame      {first:.3f} s  (median of {args.runs}, {min(frames):.3f}-{max(frames):.3f})")
    print(f"import textual   {peer:.3f} s  ratio {first / peer:.2f}")
    pid, terminal = spawn(args.command, columns, rows)
    read_for(terminal, args.settle)
    for key in args.keys:
        os.write(terminal, key.encode())
        read_for(terminal, 0.5)
    before, begun = processor_s(pid), time.perf_counter()
    drawn, _ = read_for(terminal, args.seconds)
    share = (processor_s(pid) - before) / (time.perf_counter() - begun)
    stop(pid, terminal)
    drawn_kib = len(drawn) / args.seconds / 1024
    print(f"processor        {share:.1%} of one core at {args.size}, {drawn_kib:.1f} KiB/s drawn")


if __name__ == "__main__":
    main()
