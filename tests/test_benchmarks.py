"""The benchmarks start, and what the documents say of their options is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

NAME = r"(?:benchmarks/)?(\w+\.py)"
HELP = """
import contextlib, importlib, io, json, sys
sys.path.insert(0, sys.argv[1])
told = {}
for name in sys.argv[2:]:
    sys.argv[1:] = ["--help"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        importlib.import_module(name.removesuffix(".py")).main()
    told[name] = out.getvalue()
print(json.dumps(told))
"""


def test_what_documents_say_of_the_benchmarks_runs(repository: Path) -> None:
    programs = sorted(
        path.name for path in (repository / "benchmarks").glob("*.py") if '__name__ == "__main__"' in path.read_text()
    )
    assert len(programs) >= 14
    done = subprocess.run(
        [sys.executable, "-c", HELP, str(repository / "benchmarks"), *programs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    assert all(text.startswith("usage: ") for text in told.values()), {n: t[:80] for n, t in told.items()}
    texts = {path: path.read_text() for path in (repository / "docs").glob("*.md")}
    texts |= {path: path.read_text() for path in [repository / "README.md", *(repository / "benchmarks").glob("*.py")]}
    seen = 0
    for path, text in texts.items():
        for words in re.findall(rf"{NAME}((?: +\[?-[^`\n]*)?)", text):
            name, options = words
            for option in re.findall(r"--[a-z][a-z-]*", options):
                if name in told:
                    assert option in told[name], f"{path.name}: {name} {option}"
                    seen += 1
        for name in re.findall(r"benchmarks/(\w+\.py)", text):
            assert (repository / "benchmarks" / name).is_file(), f"{path.name}: {name}"
    assert seen > 8
