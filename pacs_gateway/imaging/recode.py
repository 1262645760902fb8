"""What compressed pixels are once they are native: the attributes that change with them.

Only light modules are imported here; the decoders are imported by the child alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePixels:
    """What a header must say of decoded frames; rows, columns and samples stay as they were."""

    photometric: str
    samples: int
    frame_bits: int
    """Bits of one frame, without what fills its last byte."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool


def native_pixels(header: bytes, frame: bytes) -> NativePixels:
    """Return what a frame is once it is decoded, as `Renderer.native` has decoded it; in a child.

    It is for frames that passed there, and so are within the budget of pixels.

    Raises UnrenderableError.
    """
    from pacs_gateway.imaging.decode import decode_exactly  # noqa: PLC0415 - only in the child
    from pacs_gateway.imaging.header import image as image_of  # noqa: PLC0415
    from pacs_gateway.imaging.header import parse  # noqa: PLC0415

    announced = image_of(parse(header))
    image = decode_exactly(announced, frame, max_samples=announced.sample_count).image
    return NativePixels(
        # Codecs give chrominance for every pixel, whatever the stream kept of it.
        photometric="YBR_FULL" if image.photometric == "YBR_FULL_422" else image.photometric,
        samples=image.samples,
        frame_bits=image.sample_count * image.bits_allocated,
        bits_allocated=image.bits_allocated,
        bits_stored=image.bits_stored,
        high_bit=image.high_bit,
        signed=image.signed,
    )
