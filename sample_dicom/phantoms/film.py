"""A chest in front of an X-ray plate: what each ray from back to front has passed."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sample_dicom.phantoms.shapes import Ellipsoid, Field, Points, Tube, Vector, cover
from sample_dicom.phantoms.texture import clouds
from sample_dicom.phantoms.thorax import vessel_tree

# Lung lets through what this share of its thickness in soft tissue would have stopped.
_AIR_GAIN = 0.74
_BONE_GAIN = 1.3
_SIDES = (-1.0, 1.0)
_RIB_PITCH = 22.0
_RIB_HALF_WIDTH = 4.8
# One rib as (outward, upward) shares of an ellipse: from the spine up and round to the front.
_RIB_ARC = (
    (0.00, 0.62),
    (0.22, 0.86),
    (0.45, 0.93),
    (0.66, 0.80),
    (0.83, 0.52),
    (0.95, 0.12),
    (1.00, -0.32),
    (0.97, -0.70),
    (0.86, -1.05),
    (0.70, -1.32),
    (0.52, -1.48),
)
_MIDDLE: Sequence[Ellipsoid] = (
    Ellipsoid((22.0, 0.0, -62.0), (62.0, 52.0, 44.0)),  # heart
    Ellipsoid((-12.0, 0.0, -50.0), (36.0, 40.0, 42.0)),  # its right border
    Ellipsoid((-12.0, 0.0, 4.0), (24.0, 30.0, 44.0)),  # right hilum
    Ellipsoid((20.0, 0.0, 2.0), (26.0, 34.0, 34.0)),  # pulmonary trunk
    Ellipsoid((18.0, 0.0, 44.0), (23.0, 40.0, 19.0)),  # aortic knob
    Ellipsoid((16.0, 0.0, -20.0), (16.0, 20.0, 150.0)),  # descending aorta
    Ellipsoid((-18.0, 0.0, 50.0), (14.0, 24.0, 80.0)),  # superior vena cava
    Ellipsoid((0.0, 0.0, 90.0), (26.0, 60.0, 100.0)),  # vessels to the neck
)
_CLAVICLE = ((12.0, 98.0), (40.0, 108.0), (75.0, 112.0), (112.0, 126.0), (140.0, 132.0))
_BLADE = ((118.0, 112.0), (104.0, 60.0), (106.0, 10.0), (124.0, -10.0), (140.0, 60.0))
_ARM_BONE = ((156.0, 112.0), (178.0, 84.0), (230.0, 20.0))


def attenuation(points: Points, *, infiltrate: float) -> Field:
    """Return about how many mm of water each ray has passed; 0 beside the body.

    `infiltrate`, 0 to 1, clouds the upper right lung.
    """
    lung = _lungs(points)
    aerated = cover(lung - 12.0, 24.0)
    total = _trunk(points) - _AIR_GAIN * lung
    total += aerated * (0.9 * _vessels(points) + infiltrate * _shadow(points))
    for side in _SIDES:
        breast = Ellipsoid((side * 82.0, 0.0, -68.0), (58.0, 34.0, 46.0))
        total += 0.35 * breast.chord(points)
        total += _ribs(points, side=side)
        total += _line(points, _sided(_CLAVICLE, side), radius=6.0, gain=2.0)
        total += _line(points, _sided(_BLADE, side), radius=4.5, gain=0.9)
        total += _line(points, _sided(_ARM_BONE, side), radius=15.0, gain=1.0)
    total += _spine(points)
    total -= _line(points, ((0.0, 200.0), (0.0, 20.0)), radius=8.5, gain=1.1)
    return np.maximum(total, 0.0)


def letter_r(points: Points, *, corner: Vector, pixel: float) -> Field:
    """Return 1 where the lead letter R lies: the mark that says which side is the right one."""
    rows = ("11110", "10001", "10001", "11110", "10100", "10010", "10001")
    mark = np.zeros(points.shape)
    for row, line in enumerate(rows):
        for column, bit in enumerate(line):
            x, z = corner[0] + column * pixel, corner[2] - row * pixel
            mark[points.window((x, -np.inf, z - pixel), (x + pixel, np.inf, z))] = float(bit)
    return mark


def _trunk(points: Points) -> Field:
    """Return mm of soft tissue: a trunk with sloping shoulders, neck and arms."""
    up = np.clip((points.z - 84.0) / 86.0, 0.0, 1.0)
    half = 162.0 - 108.0 * up * up * (3.0 - 2.0 * up)
    across = np.clip(np.abs(points.x) / half, 0.0, 1.0)
    belly = 60.0 * np.clip((-50.0 - points.z) / 120.0, 0.0, 1.0)
    trunk = np.asarray((190.0 - 60.0 * up + belly) * np.sqrt(1.0 - (across**2) ** 2))
    for side in _SIDES:
        arm = Tube((side * 148.0, 0.0, 98.0), (side * 250.0, 0.0, -20.0), 46.0)
        trunk = np.maximum(trunk, 2.0 * np.sqrt(_under(arm, points)))
    return trunk


def _under(tube: Tube, points: Points) -> Field:
    """Return the square of half the chord of a ray through a tube that lies in the plate."""
    away = tube.radius - tube.depth(points)
    return np.maximum(tube.radius**2 - away * away, 0.0)


def _lungs(points: Points) -> Field:
    total = np.zeros(points.shape)
    for side, dome in ((-1.0, -72.0), (1.0, -84.0)):
        outer = Ellipsoid((side * 66.0, 0.0, -20.0), (66.0, 92.0, 148.0))
        floor = dome - 46.0 * ((points.x - side * 58.0) / 66.0) ** 2
        total += outer.chord(points) * cover(points.z - floor, 5.0)
    for solid in _MIDDLE:
        total = np.minimum(total, np.maximum(total - 1.9 * solid.chord(points), 0.0))
    return total


def _vessels(points: Points) -> Field:
    total = np.zeros(points.shape)
    for tube in vessel_tree():
        window = tube.window(points, flat=True)
        total[window] += np.sqrt(_under(_flat(tube), points.cropped(window)))
    return total


def _flat(tube: Tube) -> Tube:
    (x0, _, z0), (x1, _, z1) = tube.start, tube.end
    return Tube((x0, 0.0, z0), (x1, 0.0, z1 + 0.01), tube.radius)


def _shadow(points: Points) -> Field:
    """Return mm of fluid in the right upper lobe, in patches, with a flat lower border."""
    patch = Ellipsoid((-76.0, 0.0, 58.0), (44.0, 30.0, 40.0)).chord(points)
    mottled = clouds(points, size=15.0, seed=31) + 0.5 * clouds(points, size=6.0, seed=32)
    return np.asarray(patch * mottled * cover(points.z - 26.0, 8.0) * 1.1)


def _ribs(points: Points, *, side: float) -> Field:
    total = np.zeros(points.shape)
    for number in range(11):
        top = 108.0 - number * _RIB_PITCH
        reach = 126.0 * (1.0 - 0.032 * max(0.0, 4.0 - number) ** 2)
        drop = 26.0 + 2.2 * number
        arc = [(side * (14.0 + (reach - 14.0) * out), top + drop * rise) for out, rise in _RIB_ARC]
        total += _line(points, arc[: 11 - max(0, number - 8)], radius=_RIB_HALF_WIDTH, gain=1.7)
    return total


def _line(
    points: Points, path: Sequence[tuple[float, float]], *, radius: float, gain: float
) -> Field:
    """Return the chord through a bent bone, `gain` mm of water to each mm of it."""
    half2 = np.zeros(points.shape)
    for (x0, z0), (x1, z1) in pairwise(path):
        tube = Tube((x0, 0.0, z0), (x1, 0.0, z1), radius)
        window = tube.window(points, flat=True)
        half2[window] = np.maximum(half2[window], _under(tube, points.cropped(window)))
    return 2.0 * gain * np.sqrt(half2)


def _sided(path: Sequence[tuple[float, float]], side: float) -> Sequence[tuple[float, float]]:
    return [(side * x, z) for x, z in path]


def _spine(points: Points) -> Field:
    phase = points.z / 23.0
    gap = cover(np.abs(phase - np.floor(phase) - 0.5) * 23.0 - 8.5, 3.0)
    half = 19.0 - 7.0 * np.clip((points.z + 60.0) / 240.0, 0.0, 1.0) - 2.5 * (1.0 - gap)
    column = cover(half - np.abs(points.x), 5.0) * (24.0 - 8.0 * gap)
    process = cover(3.5 - np.abs(points.x), 3.0) * (1.0 - gap) * 10.0
    return np.asarray(column + process)
