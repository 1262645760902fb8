"""A chest in the CT scanner: body wall, ribs, lungs with vessels, heart, spine, a nodule."""

import math
import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from sample_dicom.phantoms.shapes import Ellipsoid, Field, Points, Tube, Vector, cover, paint
from sample_dicom.phantoms.texture import clouds

ENDLESS = float("inf")
NODULE_CENTRE: Vector = (-92.0, 14.0, 36.0)

_BODY = Ellipsoid((0.0, 0.0, 0.0), (158.0, 112.0, ENDLESS))
_MUSCLE = Ellipsoid((0.0, 2.0, 0.0), (146.0, 101.0, ENDLESS))
_LIVER_DOME = Ellipsoid((-58.0, 0.0, -150.0), (88.0, 92.0, 92.0))
_LEFT_DOME = Ellipsoid((58.0, 0.0, -155.0), (84.0, 90.0, 85.0))
_RIB_STEP = 25.0

# Painted in this order; values in HU of a chest after contrast medium.
_ORGANS: Sequence[tuple[Ellipsoid | Tube, float]] = (
    (Ellipsoid((76.0, 36.0, -107.0), (34.0, 40.0, 42.0)), 125.0),  # spleen
    (Ellipsoid((58.0, -34.0, -112.0), (42.0, 38.0, 38.0)), 22.0),  # stomach
    (Ellipsoid((56.0, -54.0, -110.0), (26.0, 13.0, 26.0)), -920.0),  # air in it
    (Ellipsoid((22.0, -24.0, -52.0), (66.0, 54.0, 46.0)), -60.0),  # fat about the heart
    (Ellipsoid((22.0, -24.0, -52.0), (62.0, 50.0, 43.0)), 105.0),  # heart muscle
    (Ellipsoid((44.0, -14.0, -56.0), (27.0, 30.0, 27.0)), 205.0),  # left ventricle
    (Ellipsoid((12.0, -44.0, -52.0), (36.0, 20.0, 28.0)), 185.0),  # right ventricle
    (Ellipsoid((-26.0, -18.0, -42.0), (18.0, 28.0, 26.0)), 180.0),  # right atrium
    (Ellipsoid((8.0, 16.0, -30.0), (34.0, 16.0, 22.0)), 200.0),  # left atrium
    (Tube((2.0, -14.0, -30.0), (-8.0, -22.0, 40.0), 16.0), 225.0),  # ascending aorta
    (Tube((-8.0, -22.0, 44.0), (24.0, 36.0, 48.0), 13.5), 225.0),  # arch
    (Tube((26.0, 42.0, 44.0), (22.0, 44.0, -140.0), 12.0), 220.0),  # descending aorta
    (Tube((-30.0, -8.0, -30.0), (-26.0, -12.0, 70.0), 9.0), 250.0),  # superior vena cava
    (Tube((10.0, -24.0, -25.0), (22.0, -6.0, 12.0), 13.0), 215.0),  # pulmonary trunk
    (Tube((20.0, -4.0, 10.0), (-48.0, 12.0, 2.0), 10.0), 215.0),  # right pulmonary artery
    (Tube((22.0, 0.0, 12.0), (52.0, 16.0, 6.0), 10.0), 215.0),  # left pulmonary artery
    (Tube((-26.0, -14.0, 70.0), (-16.0, -20.0, 130.0), 7.0), 230.0),  # neck vessels
    (Tube((18.0, 10.0, 58.0), (40.0, 0.0, 130.0), 6.0), 220.0),
    (Tube((2.0, -4.0, 58.0), (14.0, -16.0, 130.0), 6.0), 220.0),
    (Tube((4.0, 36.0, 130.0), (6.0, 32.0, -140.0), 7.5), 35.0),  # oesophagus
    (Tube((0.0, 16.0, 130.0), (0.0, 18.0, 14.0), 9.0), -990.0),  # trachea
    (Tube((0.0, 18.0, 14.0), (-40.0, 22.0, -14.0), 6.5), -985.0),  # main bronchi
    (Tube((0.0, 18.0, 14.0), (44.0, 24.0, -16.0), 6.0), -985.0),
)
_SPINE: Sequence[tuple[Ellipsoid, float]] = (
    (Ellipsoid((0.0, 88.0, 0.0), (26.0, 8.0, ENDLESS)), 280.0),  # arches
    (Ellipsoid((0.0, 104.0, 0.0), (4.0, 13.0, ENDLESS)), 380.0),  # spinous process
    (Ellipsoid((0.0, 82.0, 0.0), (9.5, 8.0, ENDLESS)), 30.0),  # canal
)
_SCAPULAE = (
    Tube((-84.0, 92.0, 30.0), (-124.0, 52.0, 60.0), 4.5),
    Tube((84.0, 92.0, 30.0), (124.0, 52.0, 60.0), 4.5),
    Tube((-94.0, 88.0, -10.0), (-122.0, 58.0, 30.0), 3.5),
    Tube((94.0, 88.0, -10.0), (122.0, 58.0, 30.0), 3.5),
)
_AIMS: Sequence[Vector] = (
    (0.4, -0.3, 1.0),
    (0.8, 0.4, 0.8),
    (1.0, -0.6, 0.4),
    (1.0, 0.6, 0.0),
    (0.9, -0.5, -0.5),
    (0.6, 0.5, -1.0),
    (0.9, 0.1, -0.8),
)
_LUNG_ROOTS = (((-44.0, 14.0, 0.0), -1.0), ((46.0, 16.0, 2.0), 1.0))


def axial(points: Points, *, nodule_radius: float) -> Field:
    """Return HU without noise for one axial slice; air outside the body is -1000."""
    image = np.full(points.shape, -1000.0)
    _paint_wall(image, points)
    _paint_lungs(image, points)
    _paint_all(image, points, _ORGANS)
    _paint_bones(image, points)
    nodule = Ellipsoid(NODULE_CENTRE, (nodule_radius, nodule_radius, nodule_radius))
    ragged = nodule.depth(points) + 3.0 * (clouds(points, size=5.0, seed=77) - 0.5)
    paint(image, cover(ragged, 2.0), 48.0)
    _paint_couch(image, points)
    return image


@cache
def vessel_tree() -> tuple[Tube, ...]:
    """Return the vessels of both lungs, thick at the hilum and thin at the pleura."""
    chance = random.Random(2026)
    tubes: list[Tube] = []
    for root, side in _LUNG_ROOTS:
        for aim in _AIMS:
            _grow(tubes, chance, start=root, aim=(aim[0] * side, aim[1], aim[2]), radius=4.2)
    return tuple(tubes)


def _grow(
    tubes: list[Tube], chance: random.Random, *, start: Vector, aim: Vector, radius: float
) -> None:
    """Add one branch and, while it is thick enough to be seen, the two it divides into."""
    if radius < 0.6:
        return
    length = 7.0 + 4.4 * radius
    size = math.sqrt(aim[0] ** 2 + aim[1] ** 2 + aim[2] ** 2)
    end = (
        start[0] + aim[0] / size * length,
        start[1] + aim[1] / size * length,
        start[2] + aim[2] / size * length,
    )
    tubes.append(Tube(start, end, radius))
    for _ in range(2):
        turn = [part / size + chance.uniform(-0.8, 0.8) for part in aim]
        _grow(tubes, chance, start=end, aim=(turn[0], turn[1], turn[2]), radius=radius * 0.74)


def _taper(z: Field) -> Field:
    """Return how much of its full width the rib cage has at a height: it narrows to the neck."""
    above = np.clip((z - 20.0) / 125.0, 0.0, 1.0)
    return np.sqrt(1.0 - 0.75 * above * above)


def _cage_depth(points: Points, inset: float) -> Field:
    """Return mm inside the inner rib cage, less `inset`."""
    taper = _taper(points.z)
    radius = np.sqrt((points.x / (132.0 * taper)) ** 2 + ((points.y - 2.0) / (90.0 * taper)) ** 2)
    return np.asarray((1.0 - radius) * 90.0 * taper - inset)


def _paint_wall(image: Field, points: Points) -> None:
    fat = -105.0 + 20.0 * clouds(points, size=16.0, seed=1)
    for side in (-1.0, 1.0):
        breast = Ellipsoid((side * 80.0, -82.0, -34.0), (62.0, 40.0, 56.0))
        paint(image, cover(breast.depth(points), 2.0), fat)
        gland = clouds(points, size=11.0, seed=2) * 120.0 - 85.0
        paint(image, cover(breast.depth(points) - 14.0, 9.0), gland)
    paint(image, cover(_BODY.depth(points), 2.0), fat)
    muscle = 45.0 + 20.0 * clouds(points, size=9.0, seed=3)
    planes = 8.0 * (clouds(points, size=24.0, seed=4) - 0.5)
    paint(image, cover(_MUSCLE.depth(points) + planes, 4.0), muscle)


def _paint_lungs(image: Field, points: Points) -> None:
    inside = _cage_depth(points, 6.0)
    middle_fat = -75.0 + 40.0 * clouds(points, size=14.0, seed=5)
    paint(image, cover(inside, 2.0), middle_fat)
    right_dome, left_dome = (dome.depth(points) for dome in (_LIVER_DOME, _LEFT_DOME))
    liver = 104.0 + 24.0 * clouds(points, size=7.0, seed=10)
    paint(image, cover(np.minimum(inside, right_dome), 2.0), liver)
    paint(image, cover(np.minimum(inside, left_dome) - 3.0, 2.0), -85.0)
    front = np.clip((-8.0 - points.y) / 62.0, 0.0, 1.0)
    back = np.clip((points.y - 20.0) / 34.0, 0.0, 1.0)
    wavy = 14.0 * (clouds(points, size=22.0, seed=9) - 0.5)
    beside = np.abs(points.x) - (27.0 - 22.0 * front * (2.0 - front) - 8.0 * back) - wavy
    lung = np.minimum(np.minimum(inside, beside), -np.maximum(right_dome, left_dome))
    base = -885.0 + 0.35 * points.y + 45.0 * clouds(points, size=8.0, seed=6)
    air = np.broadcast_to(base, points.shape).copy()
    for tube in vessel_tree():
        window = tube.window(points)
        part = points.cropped(window)
        paint(air[window], cover(tube.depth(part), 1.4), 60.0)
    paint(image, cover(lung, 2.0), air)


def _paint_all(
    image: Field, points: Points, solids: Sequence[tuple[Ellipsoid | Tube, float]]
) -> None:
    for solid, value in solids:
        paint(image, cover(solid.depth(points), 2.0), value)


def _paint_bones(image: Field, points: Points) -> None:
    shell = _cage_depth(points, 0.0) + 1.0
    slanted = (points.z - 0.55 * points.y) / _RIB_STEP
    height = (slanted - np.floor(slanted) - 0.5) * _RIB_STEP
    rib = (1.0 - np.sqrt((shell / 5.0) ** 2 + (height / 7.5) ** 2)) * 5.0
    rib = np.minimum(rib, np.abs(points.x) - 15.0)
    paint(image, cover(rib, 2.0), 520.0)
    paint(image, cover(rib - 2.2, 2.0), 190.0)
    for scapula in _SCAPULAE:
        paint(image, cover(scapula.depth(points), 2.0), 480.0)
    sternum = Ellipsoid((0.0, -91.0, 0.0), (17.0, 6.5, 90.0)).depth(points)
    paint(image, cover(sternum, 2.0), 420.0)
    paint(image, cover(sternum - 2.5, 2.0), 150.0)
    _paint_all(image, points, _SPINE)
    body = Ellipsoid((0.0, 60.0, 0.0), (18.0, 15.0, ENDLESS)).depth(points)
    phase = points.z / 24.0
    disc = cover(np.abs(phase - np.floor(phase) - 0.5) * 24.0 - 9.5, 2.0)
    bone = clouds(points, size=3.0, seed=8) * 90.0 + 190.0
    paint(image, cover(body, 2.0), 600.0 * (1.0 - disc) + 95.0 * disc)
    paint(image, cover(body - 2.5, 2.0), bone * (1.0 - disc) + 95.0 * disc)


def _paint_couch(image: Field, points: Points) -> None:
    """The couch is a thin shell under the back, which tells a viewer that the person lies on it."""
    sag = points.y - 122.0 - 20.0 * (1.0 - np.sqrt(np.maximum(1.0 - (points.x / 240.0) ** 2, 0.0)))
    paint(image, cover(np.asarray(2.0 - np.abs(sag)), 2.0), -180.0)
    paint(image, cover(np.asarray(2.0 - np.abs(sag - 22.0)), 2.0), -180.0)
