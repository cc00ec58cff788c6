"""Orientation from raw acceleration and angular rate, by PyPI ``vqf``.

D. Laidig, T. Seel: VQF: Highly accurate IMU orientation estimation with bias estimation and magnetic disturbance
rejection. Information Fusion 91 (2023) 187-204, doi 10.1016/j.inffus.2022.10.014.

What is done around the filter:

- Acausal (:func:`fuse`): samples are integrated into cells of 50 ms first. The rotation of a cell is the integral
  of the linear interpolant of the rate, ``dtheta``, with the coning term ``dtheta_before x dtheta / 12`` (Bortz
  1971, second order); its acceleration is the mean, turned by half the cell's rotation to where the cell ends. A
  thorax moves below 5 Hz: nothing is lost, any rate and jitter become one uniform rate, and eight hours are fused
  in half a second.
- Gaps are not integrated. Over a gap the heading coasts, and the tilt is taken from gravity on both sides: the
  shortest rotation between them is put in as if the gyro had seen it.
- A turn-on bias beyond what the filter looks for (2 deg/s) is taken off first, but only when it is above 1.5 deg/s
  and was seen in stillness: a slow turn must not be taken for bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from vqf import VQF, offlineVQF

from unslouch_signal import quaternion
from unslouch_signal.cells import Cells
from unslouch_signal.grid import GRAVITY
from unslouch_signal.samples import BoolArray, FlagArray, FloatArray, SampleBlock, SampleFlag, usable
from unslouch_signal.window import RunningMean


@dataclass(frozen=True, slots=True)
class FusionParameters:
    """How to fuse.

    ``cell_s``: for the acausal fusion. ``gap_s``: beyond it, as on the grid, nothing counts as measured; up to it,
    which a lost packet of 18 samples is, the rate goes on in a straight line: on real turns that costs 1 deg of
    heading for each such hole, leaving it out 8. ``guess_s``: beyond it a quick turn may begin and end unseen (60 deg
    in 1.5 s: the cubic through both sides, with slopes from ``edge_s``, is 2 deg off at 0.6 s and 10 at 0.8);
    ``asleep_s``: where both sides are calm (``calm_rate``, rad/s) nobody turned and stopped in less.

    ``still_s``, ``still_rate`` (rad/s) and ``still_acc`` (m/s^2): deviations within a window that is truly quiet; a
    back that breathes stays within, one that sinks at 1.5 deg/s does not: gravity turns by 0.5 m/s^2 in 2 s.
    ``sway_rate`` (rad/s) is what counts acausally, where the median over all quiet windows decides, so that one slow
    turn does not. ``least_bias`` (rad/s): smaller ones are the filter's own business. ``settle_s``: how much of the
    acceleration beside a gap shows gravity. ``rest_acc`` (m/s^2): the filter's own threshold for rest, a fifth of
    its default. With that one, sinking at 1.5 deg/s was rest, its rate was learned as bias, and the tilt was 4 deg
    off; gravity that turns so moves by 0.13 m/s^2 within the filter's 0.5 s. ``rest_bias_sigma`` (deg/s, the
    filter's unit): how well a second of rest shows the bias acausally. The filter's 0.03 deg/s is a table's; a
    person who sways by 0.2 deg within some seconds of rest seems to turn at 0.1 deg/s.
    """

    cell_s: float = 0.05
    gap_s: float = 0.4
    guess_s: float = 0.6
    asleep_s: float = 1.0
    calm_rate: float = math.radians(5.0)
    edge_s: float = 0.1
    still_s: float = 2.0
    still_rate: float = math.radians(0.7)
    sway_rate: float = math.radians(1.8)
    still_acc: float = 0.08
    least_bias: float = math.radians(1.5)
    settle_s: float = 0.3
    rest_acc: float = 0.1
    rest_bias_sigma: float = 0.1

    def heading_known(self, gap: float, before: float, after: float) -> bool:
        """Whether what turned within ``gap`` s follows from the rates (rad/s) about the vertical on its two sides."""
        if gap <= self.guess_s:
            return True
        return gap <= self.asleep_s and abs(before) < self.calm_rate and abs(after) < self.calm_rate


def fuse(block: SampleBlock, parameters: FusionParameters | None = None) -> SampleBlock:
    """Fuse a whole recording acausally.

    Returns
    -------
    SampleBlock
        Orientation, mean acceleration, mean angular rate and flags of cells of at least 50 ms, at their ends; no
        cells inside gaps.

    Raises
    ------
    ValueError
        When acceleration or angular rate is missing.
    """
    p = parameters or FusionParameters()
    block = usable(SampleBlock(block.t, None, block.acc, block.gyr, block.flags))
    t, acc, gyr = block.t, block.acc, block.gyr
    if acc is None or gyr is None:
        raise ValueError("raw samples need acceleration and angular rate to be fused")
    if len(t) < 3:
        return SampleBlock(t, _levelled(acc), acc, gyr, block.flags)
    cells = Cells.of(t, p.cell_s, p.gap_s)
    turned = np.stack([cells.integral(np.ascontiguousarray(gyr[:, j])) for j in range(3)])
    force = np.stack([cells.integral(np.ascontiguousarray(acc[:, j])) / cells.seconds for j in range(3)])
    bias = _large_bias(turned / cells.seconds, force, cells, p)
    turned -= bias[:, None] * cells.seconds
    turned[:, 1:] += _cross(turned[:, :-1], turned[:, 1:]) / 12.0
    half = -0.5 * turned
    swung = _cross(half, force)
    at_end = force + swung + 0.5 * _cross(half, swung)
    lost = _bridge(turned, force, cells, p)
    rate = np.ascontiguousarray((turned / cells.cell_s).T)
    specific = np.ascontiguousarray(at_end.T)
    quat = offlineVQF(rate, specific, None, cells.cell_s, {"biasSigmaRest": p.rest_bias_sigma})["quat6D"]
    flags = cells.flags(block.flags)
    flags[lost] |= np.uint8(SampleFlag.HEADING_LOST)
    return SampleBlock(cells.t, quat, specific, rate, flags)


def _large_bias(rate: FloatArray, force: FloatArray, cells: Cells, p: FusionParameters) -> FloatArray:
    """Turn-on bias (3,), rad/s: the median over all still windows, zero when it is small or never was still."""
    # windows begin at every fifth cell: as good, and a fifth of the sums
    every = 5
    n = max(round(p.still_s / (every * cells.cell_s)), 2)
    kept = rate.shape[1] // every * every
    if kept < n * every:
        return np.zeros(3)

    def sums(x: FloatArray) -> FloatArray:
        parts: FloatArray = x[:, :kept].reshape(len(x), -1, every).sum(axis=2)
        whole = np.cumsum(np.concatenate((np.zeros((len(x), 1)), parts), axis=1), axis=1)
        return (whole[:, n:] - whole[:, :-n]) / (n * every)

    force = force - force[:, :1]
    means, mean_force = sums(rate), sums(force)
    spread = (sums(rate * rate) - means * means).sum(axis=0)
    shake = (sums(force * force) - mean_force * mean_force).sum(axis=0)
    still = (spread < p.sway_rate * p.sway_rate) & (shake < p.still_acc * p.still_acc)
    if not still.any():
        return np.zeros(3)
    bias: FloatArray = np.median(means[:, still], axis=1)
    return bias if float(np.sqrt((bias * bias).sum())) > p.least_bias else np.zeros(3)


def _bridge(turned: FloatArray, force: FloatArray, cells: Cells, p: FusionParameters) -> list[int]:
    """Put what turned over each gap into the first cell after it; return the cells before which the heading is lost.

    The tilt that changed is seen by gravity. The heading goes on as the rates and their slopes on both sides say: the
    cubic with these ends has the area ``g (w0 + w1) / 2 + g^2 (s0 - s1) / 12``.
    """
    n = max(round(p.settle_s / cells.cell_s), 1)
    edge = max(round(p.edge_s / cells.cell_s), 1)
    rates = turned / cells.seconds
    bridges: list[tuple[int, FloatArray]] = []
    lost: list[int] = []
    for i in cells.after_gap.tolist():
        before = force[:, max(i - n, 0) : i].mean(axis=1)
        after = force[:, i : i + n].mean(axis=1)
        ups = _direction(before), _direction(after)
        gap = float(cells.t[i] - cells.t[i - 1]) - float(cells.seconds[i])
        w0 = _about(rates[:, max(i - 2 * edge, 0) : i], ups[0])
        w1 = _about(rates[:, i : i + 2 * edge], ups[1])
        seen = ups[0].any() and ups[1].any()
        if seen and p.heading_known(gap, float(w0[-1]), float(w1[0])):
            slopes = _slope(w0, cells.cell_s) - _slope(w1, cells.cell_s)
            heading = gap * (0.5 * float(w0[-1] + w1[0]) + gap * slopes / 12.0)
            bridges.append((i, _shortest(after, before) + heading * ups[1]))
        else:
            bridges.append((i, _shortest(after, before)))
            lost.append(i)
    for i, bridge in bridges:
        turned[:, i] += bridge
    return lost


def _about(rates: FloatArray, up: FloatArray) -> FloatArray:
    """Rate about the vertical of (3, n) rates, rad/s."""
    about: FloatArray = up[0] * rates[0] + up[1] * rates[1] + up[2] * rates[2]
    return about


def _direction(force: FloatArray) -> FloatArray:
    """Unit vector along a (3,) vector; zero where there is none: a sensor that falls, or sends zeros."""
    size = float(np.sqrt((force * force).sum()))
    return force / size if size > 0 else np.zeros(3)


def _slope(x: FloatArray, step: float) -> float:
    return float(x[-1] - x[0]) / ((len(x) - 1) * step) if len(x) > 1 else 0.0


def _shortest(a: FloatArray, b: FloatArray) -> FloatArray:
    """Rotation vector of the shortest rotation from direction ``a`` to ``b``, (3,)."""
    axis = np.cross(a, b)
    sine = float(np.sqrt((axis * axis).sum()))
    if sine < 1e-9:
        return np.zeros(3)
    return axis / sine * math.atan2(sine, float((a * b).sum()))


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross product of (3, n) arrays."""
    return np.stack((a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]))


def _levelled(acc: FloatArray) -> FloatArray:
    """Orientation with tilt from acceleration and no heading, (n, 4)."""
    up = np.array([0.0, 0.0, 1.0])
    return np.array([quaternion.from_rotvec(_shortest(a, up)) for a in acc]).reshape(-1, 4)


class CausalFusion:
    """Fuses blocks as they come; how they are cut changes nothing.

    Parameters
    ----------
    rate_hz : float
        Nominal rate. The filter steps by it; what turned in the real intervals is kept whatever the jitter.

    Raises
    ------
    ValueError
        When the rate is not positive.
    """

    def __init__(self, rate_hz: float, parameters: FusionParameters | None = None) -> None:
        if not rate_hz > 0:
            raise ValueError("the sample rate must be positive")
        self._p = parameters or FusionParameters()
        self._ts = 1.0 / rate_hz
        self._filter = VQF(self._ts, restThAcc=self._p.rest_acc)
        self._still = _StillWindow(max(round(self._p.still_s * rate_hz), 2), self._p)
        self._bias = np.zeros(3)
        self._t: float | None = None
        self._gyr: FloatArray | None = None
        self._quat: FloatArray | None = None

    def process(self, block: SampleBlock) -> SampleBlock:
        """Return the block with orientation.

        Raises
        ------
        ValueError
            When acceleration or angular rate is missing.
        """
        block = usable(SampleBlock(block.t, None, block.acc, block.gyr, block.flags))
        acc, gyr = block.acc, block.gyr
        if acc is None or gyr is None:
            raise ValueError("raw samples need acceleration and angular rate to be fused")
        n = len(block)
        if n == 0:
            return SampleBlock(block.t, np.empty((0, 4)), acc, gyr, block.flags)
        last_t = float(block.t[0]) - self._ts if self._t is None else self._t
        last_gyr = gyr[0] if self._gyr is None else self._gyr
        dt = np.diff(np.concatenate(([last_t], block.t)))
        mean = 0.5 * (gyr + np.concatenate((last_gyr[None], gyr[:-1])))
        still, means = self._still.process(gyr, acc)
        quat = np.empty((n, 4))
        # an event is a gap before a sample or a bias learned at it; between events the filter runs freely
        gaps = set(np.flatnonzero(dt > self._p.gap_s).tolist())
        a = 0
        edges = np.concatenate((last_gyr[None], gyr))
        flags = block.flags.copy()
        learned = self._learned(still, means, 0)
        for b in sorted({*gaps, n}):
            while learned is not None and learned < b:
                self._run(quat, acc, mean, dt, a, learned + 1, gaps, edges, flags)
                # against what the filter itself has learned since: a slow sinking on top of that is no bias
                own, _ = self._filter.getBiasEstimate()
                off = means[learned] - self._bias - own
                if float(off @ off) > self._p.least_bias * self._p.least_bias:
                    self._bias = means[learned].copy()
                    # what the filter had learned belongs to the rate before
                    self._filter.setBiasEstimate(np.zeros(3), math.radians(0.5))
                a = learned + 1
                learned = self._learned(still, means, a)
            self._run(quat, acc, mean, dt, a, b, gaps, edges, flags)
            a = b
        self._t, self._gyr = float(block.t[-1]), gyr[-1].copy()
        return SampleBlock(block.t, quat, acc, gyr, flags)

    def _learned(self, still: BoolArray, means: FloatArray, first: int) -> int | None:
        off = means[first:] - self._bias
        size = off[:, 0] * off[:, 0] + off[:, 1] * off[:, 1] + off[:, 2] * off[:, 2]
        hits = np.flatnonzero(still[first:] & (size > self._p.least_bias * self._p.least_bias))
        return first + int(hits[0]) if len(hits) else None

    def _run(
        self,
        quat: FloatArray,
        acc: FloatArray,
        mean: FloatArray,
        dt: FloatArray,
        a: int,
        b: int,
        gaps: set[int],
        edges: FloatArray,
        flags: FlagArray,
    ) -> None:
        if b <= a:
            return
        turned = (mean[a:b] - self._bias) * dt[a:b, None]
        if a in gaps:
            turned[0] = self._over_gap(acc[a])
            up = _direction(acc[a])
            if not up.any() and self._quat is not None:
                up = quaternion.up_in_sensor(self._quat)
            before, after = (float((edges[i] - self._bias) @ up) for i in (a, a + 1))
            if self._p.heading_known(float(dt[a]), before, after):
                turned[0] += 0.5 * (before + after) * dt[a] * up
            else:
                flags[a] |= np.uint8(SampleFlag.HEADING_LOST)
        quat[a:b] = self._filter.updateBatch(np.ascontiguousarray(turned / self._ts), np.ascontiguousarray(acc[a:b]))[
            "quat6D"
        ]
        self._quat = quat[b - 1].copy()

    def _over_gap(self, acc: FloatArray) -> FloatArray:
        """What turned over a gap: the change of tilt when the sample after it shows gravity, otherwise nothing."""
        norm = math.sqrt(float((acc * acc).sum()))
        if self._quat is None or abs(norm - GRAVITY) > 0.1 * GRAVITY:
            return np.zeros(3)
        return _shortest(acc, quaternion.up_in_sensor(self._quat))


class _StillWindow:
    """Where the last ``n`` samples were truly quiet, whatever the blocks."""

    def __init__(self, n: int, p: FusionParameters) -> None:
        self._p = p
        self._n = n
        self._seen = 0
        self._first: FloatArray | None = None
        self._rate = [RunningMean(n) for _ in range(6)]
        self._force = [RunningMean(n) for _ in range(6)]

    def process(self, gyr: FloatArray, acc: FloatArray) -> tuple[BoolArray, FloatArray]:
        """Return still (n,) and the mean rate over the window (n, 3)."""
        zero = acc[0].copy() if self._first is None else self._first
        self._first = zero
        p = self._p
        means = np.empty_like(gyr)
        spread = np.zeros(len(gyr))
        shake = np.zeros(len(gyr))
        for j in range(3):
            g = np.ascontiguousarray(gyr[:, j])
            m = means[:, j] = self._rate[j].process(g)
            spread += self._rate[3 + j].process(g * g) - m * m
            f = np.ascontiguousarray(acc[:, j]) - zero[j]
            m = self._force[j].process(f)
            shake += self._force[3 + j].process(f * f) - m * m
        count = self._seen + np.arange(1, len(gyr) + 1)
        # looked at four times within the window: each look interrupts the filter
        whole = (count >= self._n) & (count % max(self._n // 4, 1) == 0)
        self._seen += len(gyr)
        still = whole & (spread < p.still_rate * p.still_rate) & (shake < p.still_acc * p.still_acc)
        return still, means
