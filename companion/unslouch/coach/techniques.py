"""The registry of techniques: a new one is a module beside this one and a line here."""

from __future__ import annotations

from unslouch.coach.doorway import DOORWAY
from unslouch.coach.extension import EXTENSION
from unslouch.coach.seated_rotation import SEATED_ROTATION
from unslouch.coach.supine_rotation import SUPINE_ROTATION
from unslouch.coach.technique import TechniqueSpec
from unslouch_signal.events import Technique

TECHNIQUES: dict[Technique, TechniqueSpec] = {
    spec.technique: spec
    for spec in (
        EXTENSION,
        DOORWAY,
        SUPINE_ROTATION,
        SEATED_ROTATION,
    )
}
