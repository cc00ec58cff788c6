"""What happens in a fault script: acts, made from the script's seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens: its kind, how long (s), and a figure of its own."""

    kind: str
    seconds: float
    value: float = 0.0


KINDS: dict[str, int] = {
    "lose": 4,
    "delay": 2,
    "double": 2,
    "shuffle": 3,
    "break": 3,
    "storm": 3,
    "away briefly": 3,
    "away": 2,
    "away for long": 2,
    "power cut": 3,
    "restart": 1,
    "adapter": 2,
    "close": 2,
    "kill": 3,
    "mtu": 2,
    "renew the bond": 1,
    "nothing": 1,
}
"""What can happen, and how often relative to the others."""


def script_of(seed: int) -> list[Act]:
    """Return what happens in a script."""
    chance = random.Random(f"unslouch fault script {seed}")
    acts: list[Act] = []
    for _ in range(chance.randint(2, 5)):
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        seconds, value = chance.uniform(0.2, 1.2), chance.uniform(0.05, 0.5)
        match kind:
            case "away briefly":
                seconds = chance.uniform(0.1, 1.5)
            case "away":
                seconds = chance.uniform(2.5, 5.0)
            case "away for long":
                seconds, value = chance.uniform(2.5, 5.0), chance.choice([20, 45, 90, 300])
            case "power cut" | "close" | "kill" | "adapter":
                seconds = chance.choice([0.0, 0.0, chance.uniform(0.0, 2.0)])
            case "mtu":
                value = chance.choice([0, 60, 100, 185, 247])
            case _:
                pass
        acts.append(Act(kind, seconds, value))
        acts.append(Act("nothing", chance.choice([0.0, chance.uniform(0.0, 0.8)])))
    return acts
