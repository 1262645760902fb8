"""Every compressed transfer syntax whose frames are still images, with its decoder (PS3.5 A.4)."""

from collections.abc import Callable, Mapping

import imagecodecs

from pacs_gateway.imaging import jpeg, jpeg2000, rle
from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.stream import Decompressed

Codec = Callable[[Image, bytes], Decompressed]

RLE = "1.2.840.10008.1.2.5"
_JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"


def jpeg_xl(image: Image, frame: bytes) -> Decompressed:
    """Decode JPEG XL, which gives RGB also for recompressed JPEG and XYB."""
    lossless = image.transfer_syntax_uid == _JPEG_XL_LOSSLESS
    pixels = imagecodecs.jpegxl_decode(frame, numthreads=1)
    return Decompressed(pixels, image.photometric if lossless or image.samples == 1 else "RGB")


CODECS: Mapping[str, Codec] = {
    RLE: rle.decode,
    "1.2.840.10008.1.2.4.50": jpeg.decode,
    "1.2.840.10008.1.2.4.51": jpeg.decode,
    "1.2.840.10008.1.2.4.53": jpeg.decode,
    "1.2.840.10008.1.2.4.55": jpeg.decode,
    "1.2.840.10008.1.2.4.57": jpeg.decode,
    "1.2.840.10008.1.2.4.70": jpeg.decode,
    "1.2.840.10008.1.2.4.80": jpeg.decode_ls,
    "1.2.840.10008.1.2.4.81": jpeg.decode_ls,
    "1.2.840.10008.1.2.4.90": jpeg2000.decode,
    "1.2.840.10008.1.2.4.91": jpeg2000.decode,
    "1.2.840.10008.1.2.4.92": jpeg2000.decode,
    "1.2.840.10008.1.2.4.93": jpeg2000.decode,
    "1.2.840.10008.1.2.4.110": jpeg_xl,
    "1.2.840.10008.1.2.4.111": jpeg_xl,
    "1.2.840.10008.1.2.4.112": jpeg_xl,
    "1.2.840.10008.1.2.4.201": jpeg2000.decode_ht,
    "1.2.840.10008.1.2.4.202": jpeg2000.decode_ht,
    "1.2.840.10008.1.2.4.203": jpeg2000.decode_ht,
}
