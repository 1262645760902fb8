"""Frames in another transfer syntax, and the attributes of their header that change with them.

Only light modules are imported here; decoders and encoders are imported by the child alone.
"""

from dataclasses import dataclass

RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"

MADE_ON_REQUEST = (JPEG_LS, HTJ2K, JPEG_2000, JPEG_LOSSLESS, RLE)
"""Lossless transfer syntaxes that frames are compressed in when a client asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecodedPixels:
    """What a header must say of frames; rows, columns and samples stay as they were."""

    photometric: str
    samples: int
    planar: bool
    """True for colour by plane, as Planar Configuration says."""
    frame_bits: int
    """Bits of one native frame, without what fills its last byte."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool


def recoded_pixels(
    header: bytes, frame: bytes, transfer_syntax_uid: str | None = None
) -> RecodedPixels:
    """Return what a frame is in another transfer syntax, None for Explicit VR Little Endian.

    It is for frames that were recoded, and so are within the budget of pixels; in a child.

    Raises UnrenderableError.
    """
    from pacs_gateway.imaging.compress import photometric_of  # noqa: PLC0415 - only in the child
    from pacs_gateway.imaging.decode import decode_exactly  # noqa: PLC0415
    from pacs_gateway.imaging.header import image as image_of  # noqa: PLC0415
    from pacs_gateway.imaging.header import parse  # noqa: PLC0415

    announced = image_of(parse(header))
    image = decode_exactly(announced, frame, max_samples=announced.sample_count).image
    # Codecs give chrominance for every pixel, whatever the stream kept of it.
    photometric = "YBR_FULL" if image.photometric == "YBR_FULL_422" else image.photometric
    if transfer_syntax_uid is not None:
        photometric = photometric_of(photometric, transfer_syntax_uid)
    return RecodedPixels(
        photometric=photometric,
        samples=image.samples,
        planar=_is_planar(announced.planar, transfer_syntax_uid),
        frame_bits=image.sample_count * image.bits_allocated,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        high_bit=image.high_bit,
        signed=image.signed,
    )


def compressed_frame(
    header: bytes, frame: bytes, transfer_syntax_uid: str, max_samples: int
) -> bytes:
    """Return a frame without loss in one of MADE_ON_REQUEST; in a child.

    Raises UnrenderableError, NotAcceptableError for pixels that the syntax cannot hold.
    """
    from pacs_gateway.imaging.compress import compressed  # noqa: PLC0415 - only in the child
    from pacs_gateway.imaging.decode import decode_exactly  # noqa: PLC0415
    from pacs_gateway.imaging.header import image as image_of  # noqa: PLC0415
    from pacs_gateway.imaging.header import parse  # noqa: PLC0415

    announced = image_of(parse(header))
    decoded = decode_exactly(announced, frame, max_samples=max_samples)
    return compressed(decoded, transfer_syntax_uid, max_samples=max_samples)


def _is_planar(announced: bool, transfer_syntax_uid: str | None) -> bool:
    """Return whether colours come by plane: always in RLE (PS3.5 8.2.2), else never in a stream."""
    if transfer_syntax_uid is None:
        return announced
    return transfer_syntax_uid == RLE
