"""What runs in the child process: header and frame bytes in, file bytes out; no network, no disk.

Only this module and what it imports know numpy and the codecs; the web process imports `render`.
"""

from functools import lru_cache

from pacs_gateway.imaging import colour, header, luts, native
from pacs_gateway.imaging.decode import decode, explicit_little_endian
from pacs_gateway.imaging.encode import encode
from pacs_gateway.imaging.image import Window
from pacs_gateway.imaging.options import RenderOptions


def render_frame(
    part10: bytes, frame: bytes, *, number: int, options: RenderOptions, max_samples: int
) -> bytes:
    """Return frame `number` (1 being the first) as a JPEG or PNG file.

    `part10` is the object up to the value of its pixel data, `frame` the bytes of the frame.

    Raises UnrenderableError.
    """
    parsed = _parsed(part10)
    decoded = decode(header.image(parsed), frame, max_samples=max_samples)
    values = native.stored_values(decoded.image, decoded.cells)
    if decoded.image.samples > 1:
        return encode(colour.rgb(decoded.image, values), options)
    if decoded.image.photometric == "PALETTE COLOR":
        return encode(luts.colours(values, header.palette(parsed)), options)
    window = Window(*options.window) if options.window else None
    return encode(luts.grey(values, header.shades(parsed, number), window), options)


def native_frame(part10: bytes, frame: bytes, *, max_samples: int) -> bytes:
    """Return a frame as it would stand in Explicit VR Little Endian.

    Raises UnrenderableError.
    """
    return explicit_little_endian(header.image(_parsed(part10)), frame, max_samples=max_samples)


@lru_cache(maxsize=4)
def _parsed(part10: bytes) -> header.Header:
    # Frames of one object are asked for in a row, and an enhanced header takes long to parse.
    return header.parse(part10)
