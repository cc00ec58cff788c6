from __future__ import annotations

import numpy as np
import pytest

from unslouch_signal.frames import parse_mount


def test_mount_words_become_the_body_axes() -> None:
    mount = parse_mount(" down, Right ,back")
    assert np.array_equal(mount.up, [-1, 0, 0])
    assert np.array_equal(mount.front, [0, 0, -1])
    assert np.linalg.det(mount.matrix) == pytest.approx(1)
    assert str(mount) == "down,right,back"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("down,right", "three words"),
        ("down,sideways,back", "unknown direction 'sideways'"),
        ("down,up,back", "not orthogonal"),
        ("down,right,right", "not orthogonal"),
        ("down,right,front", "left-handed.*z points back"),
    ],
)
def test_a_wrong_mount_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_mount(text)
