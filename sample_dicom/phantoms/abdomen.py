"""An abdomen under the ultrasound probe: liver, kidney, gallstone and portal vein, breathing."""

import numpy as np
from numpy.typing import NDArray

from sample_dicom.phantoms.shapes import Ellipsoid, Field, Points, Tube, axis, cover, paint
from sample_dicom.phantoms.texture import clouds

Colour = NDArray[np.uint8]
Box = tuple[int, int, int, int]

ROWS, COLUMNS = 240, 320
FRAMES = 24
MM_PER_PIXEL = 0.65
# Left, top, right, bottom in pixels, all within the image.
FAN_BOX: Box = (20, 4, 299, 235)
FLOW_BOX: Box = (98, 74, 178, 128)
_BAR_BOX: Box = (306, 40, 313, 200)

_APEX = -34.0
_NEAR, _FAR = 38.0, 184.0
_WIDEST = 0.68
_WALL = 15.0

_VEIN = Tube((-52.0, 66.0, 0.0), (22.0, 44.0, 0.0), 5.5)
_GALLBLADDER = Ellipsoid((-42.0, 92.0, 0.0), (21.0, 11.0, np.inf))
_STONE = Ellipsoid((-38.0, 99.5, 0.0), (4.5, 3.0, np.inf))
_KIDNEY = Ellipsoid((0.0, 0.0, 0.0), (46.0, 21.0, np.inf))
_SINUS = Ellipsoid((2.0, 1.0, 0.0), (27.0, 7.5, np.inf))
_DIAPHRAGM = Ellipsoid((-6.0, 22.0, 0.0), (124.0, 112.0, np.inf))


def frame(number: int) -> Colour:
    """Return one RGB frame, (240, 320, 3), of a breath that lasts 24 frames."""
    share = number / FRAMES
    breath = 9.0 * 4.0 * share * (1.0 - share)
    still = Points(
        axis(COLUMNS, MM_PER_PIXEL)[None, :],
        (np.arange(ROWS, dtype=np.float64) * MM_PER_PIXEL)[:, None],
        np.zeros((1, 1)),
    )
    tissue = Points(still.x, still.y - 0.6 * breath, still.z)
    echo = _tissue(tissue)
    _wall(echo, still)
    echo *= _speckle(tissue, number) * _fading(still)
    grey = np.clip(echo * _fan(still), 0.0, 1.0) * 255.0
    image = np.repeat(grey[:, :, None], 3, axis=2)
    pulse = (2.0 * share) % 1.0
    _flow(image, tissue, strength=0.45 + 0.55 * 4.0 * pulse * (1.0 - pulse))
    _bar(image)
    return np.asarray(image + 0.5, np.uint8)


def _ray(points: Points) -> tuple[Field, Field]:
    """Return the distance from the fan's apex in mm, and the slope of each pixel's beam."""
    down = points.y - _APEX
    return np.sqrt(points.x**2 + down**2), np.asarray(points.x / down)


def _fan(points: Points) -> Field:
    distance, slope = _ray(points)
    inside = np.minimum(distance - _NEAR, _FAR - distance)
    return np.asarray(cover(inside, 1.0) * cover((_WIDEST - np.abs(slope)) * 100.0, 1.0))


def _tissue(points: Points) -> Field:
    """Return echo strength, 0 to 1, before speckle."""
    lung = np.full(points.shape, 0.10)
    image = lung + 0.12 * clouds(points, size=20.0, seed=71)
    depth = _DIAPHRAGM.depth(points)
    liver = 0.36 + 0.14 * clouds(points, size=12.0, seed=72)
    paint(image, cover(depth, 2.0), liver)
    paint(image, cover(1.8 - np.abs(depth), 1.5), 0.95)
    for vessel in (
        Tube((-8.0, 20.0, 0.0), (-26.0, 52.0, 0.0), 2.6),
        Tube((26.0, 22.0, 0.0), (8.0, 34.0, 0.0), 2.0),
        Tube((-60.0, 40.0, 0.0), (-40.0, 50.0, 0.0), 2.2),
    ):
        paint(image, cover(vessel.depth(points), 1.5), 0.03)
    vein = _VEIN.depth(points)
    paint(image, cover(vein + 2.0, 1.5), 0.72)
    paint(image, cover(vein, 1.5), 0.03)
    _kidney(image, points)
    _gallbladder(image, points)
    return image


def _kidney(image: Field, points: Points) -> None:
    x, y = points.x - 44.0, points.y - 92.0
    turned = Points(np.asarray(0.96 * x + 0.28 * y), np.asarray(0.96 * y - 0.28 * x), points.z)
    depth = _KIDNEY.depth(turned)
    paint(image, cover(depth + 1.8, 1.5), 0.68)
    paint(image, cover(depth, 1.5), 0.24 + 0.08 * clouds(points, size=8.0, seed=73))
    pyramids = cover(clouds(points, size=11.0, seed=74) - 0.62, 0.15)
    paint(image, pyramids * cover(depth - 5.0, 3.0), 0.12)
    ragged = _SINUS.depth(turned) + 7.0 * (clouds(points, size=5.0, seed=75) - 0.5)
    paint(image, cover(ragged, 3.0), 0.78)


def _gallbladder(image: Field, points: Points) -> None:
    """Fluid brightens what lies behind it, and the stone in it throws a shadow."""
    depth = _GALLBLADDER.depth(points)
    distance, slope = _ray(points)
    behind = cover(distance - 133.0, 6.0)
    image *= 1.0 + 0.5 * behind * cover((0.14 - np.abs(slope + 0.33)) * 60.0, 2.0)
    paint(image, cover(depth + 1.5, 1.5), 0.7)
    paint(image, cover(depth, 1.5), 0.02)
    shadow = cover(distance - 139.0, 2.0) * cover((0.034 - np.abs(slope + 0.285)) * 130.0, 1.2)
    image *= 1.0 - 0.9 * shadow
    paint(image, cover(_STONE.depth(points), 1.5), 1.0)


def _wall(image: Field, points: Points) -> None:
    """Skin, fat and muscle stay with the probe."""
    layer = clouds(Points(points.x / 9.0, points.y, points.z), size=2.2, seed=76)
    paint(image, cover(_WALL - points.y - 0.004 * points.x**2, 2.0), 0.15 + 0.75 * layer)


def _speckle(points: Points, number: int) -> Field:
    """Return grains that follow the tissue and widen with depth, with a little live noise."""
    distance, slope = _ray(points)
    beam = Points(slope * 105.0, distance, np.full((1, 1), 0.35 * number))
    first, second = (clouds(beam, size=size, seed=77) - 0.5 for size in (1.5, 1.9))
    return np.asarray(0.45 + 2.6 * np.sqrt(first**2 + second**2))


def _fading(points: Points) -> Field:
    distance, _slope = _ray(points)
    return np.asarray(1.12 - 0.0035 * (distance - _NEAR))


def _flow(image: Field, points: Points, *, strength: float) -> None:
    """Colour the moving blood within the Doppler box, and draw the box."""
    left, top, right, bottom = FLOW_BOX
    inside = np.zeros(points.shape)
    inside[top : bottom + 1, left : right + 1] = 1.0
    depth = _VEIN.depth(points)
    speed = np.clip(depth / 5.5, 0.0, 1.0) * strength
    speed = speed * (0.8 + 0.4 * clouds(points, size=3.0, seed=78))
    coverage = inside * cover(depth - 0.3, 1.2)
    speed = np.minimum(speed, 1.0)
    for channel, value in enumerate(_towards(speed)):
        paint(image[:, :, channel], coverage, value)
    for rows, columns in (
        (slice(top, bottom + 1), [left, right]),
        ([top, bottom], slice(left, right + 1)),
    ):
        image[rows, columns] = (70.0, 200.0, 120.0)


def _bar(image: Field) -> None:
    """Draw the velocity scale: towards the probe red to yellow, away blue to cyan."""
    left, top, right, bottom = _BAR_BOX
    for row in range(top, bottom + 1):
        speed = 1.0 - 2.0 * (row - top) / (bottom - top)
        red, green, blue = _towards(np.full(1, abs(speed)))
        colour = (red, green, blue) if speed > 0.0 else (blue, green, red)
        image[row, left : right + 1] = np.concatenate(colour)


def _towards(speed: Field) -> tuple[Field, Field, Field]:
    """Return red, green and blue of blood that comes at 0 to 1 of the fastest speed."""
    return 90.0 + 165.0 * speed, 230.0 * speed * speed, np.full_like(speed, 10.0)
