"""A head in the MR scanner, as a T2-weighted image shows it: water bright, bone dark."""

from collections.abc import Sequence

import numpy as np

from sample_dicom.phantoms.shapes import Ellipsoid, Field, Points, Tube, cover, paint
from sample_dicom.phantoms.texture import clouds

_WATER, _GREY, _WHITE, _FAT, _MUSCLE, _BONE = 1500.0, 860.0, 500.0, 900.0, 380.0, 60.0

_SCALP = Ellipsoid((0.0, 0.0, 0.0), (78.0, 96.0, 92.0))
_SKULL = Ellipsoid((0.0, 1.0, 0.0), (72.0, 90.0, 86.0))
_DURA = Ellipsoid((0.0, 1.0, 1.0), (66.0, 84.0, 80.0))
_CORTEX = Ellipsoid((0.0, 1.0, 1.0), (63.5, 81.0, 77.0))
_CEREBELLUM = Ellipsoid((0.0, 44.0, -46.0), (50.0, 32.0, 24.0))

_NUCLEI: Sequence[tuple[Ellipsoid, float]] = tuple(
    (Ellipsoid((side * x, y, z), half), value)
    for side in (-1.0, 1.0)
    for (x, y, z), half, value in (
        ((11.0, 8.0, 4.0), (8.5, 14.0, 10.0), 720.0),  # thalamus
        ((24.0, -8.0, 4.0), (7.0, 19.0, 12.0), 740.0),  # putamen
        ((13.0, -22.0, 10.0), (5.0, 10.0, 11.0), 800.0),  # caudate
        ((9.0, -19.0, 17.0), (5.5, 18.0, 11.0), _WATER),  # frontal horn
        ((13.0, 8.0, 23.0), (6.0, 30.0, 8.5), _WATER),  # body of the ventricle
        ((24.0, 36.0, 13.0), (6.0, 18.0, 10.0), _WATER),  # occipital horn
    )
)
_MIDDLE: Sequence[tuple[Ellipsoid | Tube, float]] = (
    (Ellipsoid((0.0, 8.0, 2.0), (2.2, 12.0, 9.0)), _WATER),  # third ventricle
    (Ellipsoid((0.0, -10.0, -22.0), (13.0, 9.0, 9.0)), _WATER),  # cisterns
    (Ellipsoid((0.0, 6.0, -20.0), (21.0, 14.0, 11.0)), _WATER),
    (Ellipsoid((0.0, 4.0, -20.0), (17.0, 11.0, 14.0)), 560.0),  # midbrain
    (Ellipsoid((0.0, 4.0, -42.0), (17.0, 15.0, 17.0)), 580.0),  # pons
    (Tube((0.0, 8.0, -50.0), (0.0, 18.0, -100.0), 8.0), 560.0),  # medulla
    (Ellipsoid((0.0, 24.0, -44.0), (8.0, 5.0, 9.0)), _WATER),  # fourth ventricle
)
_FACE: Sequence[tuple[Ellipsoid, float]] = (
    (Ellipsoid((0.0, -62.0, -54.0), (50.0, 34.0, 24.0)), 420.0),
    (Ellipsoid((0.0, -70.0, -58.0), (9.0, 24.0, 20.0)), 40.0),  # air in the nose
    (Ellipsoid((28.0, -62.0, -44.0), (16.0, 22.0, 15.0)), 820.0),  # orbits
    (Ellipsoid((-28.0, -62.0, -44.0), (16.0, 22.0, 15.0)), 820.0),
    (Ellipsoid((29.0, -72.0, -44.0), (12.0, 12.0, 12.0)), 1450.0),  # eyes
    (Ellipsoid((-29.0, -72.0, -44.0), (12.0, 12.0, 12.0)), 1450.0),
    (Ellipsoid((24.0, -50.0, -46.0), (2.5, 13.0, 2.5)), 480.0),  # optic nerves
    (Ellipsoid((-24.0, -50.0, -46.0), (2.5, 13.0, 2.5)), 480.0),
)
_LESIONS = (
    Ellipsoid((30.0, 8.0, 32.0), (7.0, 9.0, 6.0)),
    Ellipsoid((-27.0, -18.0, 33.0), (3.0, 4.0, 3.5)),
    Ellipsoid((26.0, -24.0, 28.0), (2.5, 3.5, 3.5)),
)


def t2_weighted(points: Points) -> Field:
    """Return the signal without noise; 0 is air."""
    image = np.zeros(points.shape)
    paint(image, cover(_SCALP.depth(points), 2.0), _FAT)
    muscle = _MUSCLE + 200.0 * clouds(points, size=10.0, seed=51)
    low = np.clip((-40.0 - points.z) / 10.0, 0.0, 1.0)
    paint(image, cover(_SCALP.depth(points) - 3.0, 2.0), _BONE * (1.0 - low) + muscle * low)
    marrow = cover(2.2 - np.abs(_SKULL.depth(points) - 1.5), 1.5)
    paint(image, marrow, 330.0)
    paint(image, cover(_DURA.depth(points), 1.5), _WATER)
    paint(image, cover(_CORTEX.depth(points), 1.5), _hemispheres(points))
    paint(image, cover(_CEREBELLUM.depth(points) + 1.2, 1.5), _WATER)
    paint(image, cover(_CEREBELLUM.depth(points), 1.5), _cerebellum(points))
    for solid, value in (*_FACE, *_NUCLEI, *_MIDDLE):
        paint(image, cover(solid.depth(points), 2.0), value)
    for lesion in _LESIONS:
        ragged = lesion.depth(points) + 3.0 * (clouds(points, size=4.0, seed=52) - 0.5)
        paint(image, cover(ragged, 3.0), 1150.0)
    return image * _coil(points)


def _hemispheres(points: Points) -> Field:
    """Fold the surface: furrows of water, a ribbon of grey matter beside them, white within."""
    depth = _CORTEX.depth(points)
    folds = clouds(points, size=17.0, seed=53) + 0.45 * clouds(points, size=8.0, seed=54)
    furrow = np.abs(folds - 0.72) * 27.0
    inner = np.maximum(depth - 16.0 - 10.0 * clouds(points, size=22.0, seed=55), 0.0) * 0.8
    away = np.minimum(depth, furrow + inner)
    cleft = np.abs(points.x) + np.maximum(np.abs(points.y - 2.0) * -0.5 + 19.0, 0.0) * _low(points)
    away = np.minimum(away, cleft - 0.6)
    image = np.full(points.shape, _WHITE) + 40.0 * clouds(points, size=9.0, seed=56)
    paint(image, cover(3.4 - away, 1.6), _GREY)
    paint(image, cover(0.55 - np.minimum(furrow + inner, cleft), 1.0), _WATER)
    return image


def _low(points: Points) -> Field:
    """Return 1 where the hemispheres are joined, 0 above the corpus callosum."""
    return np.clip((32.0 - points.z) / 6.0, 0.0, 1.0)


def _cerebellum(points: Points) -> Field:
    wave = (points.z - 0.35 * points.y + 6.0 * clouds(points, size=12.0, seed=57)) / 5.0
    leaf = np.abs(wave - np.floor(wave) - 0.5)
    image = np.full(points.shape, _GREY)
    paint(image, cover(leaf - 0.38, 0.1), 1050.0)
    paint(image, cover(_CEREBELLUM.depth(points) - 9.0, 4.0), _WHITE + 60.0)
    return image


def _coil(points: Points) -> Field:
    """Return the gain of a head coil: more signal near the receivers around the head."""
    away = (points.x / 100.0) ** 2 + (points.y / 120.0) ** 2 + (points.z / 160.0) ** 2
    return np.asarray(0.88 + 0.22 * away + 0.0008 * points.y)
