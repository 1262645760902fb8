"""Pictures of videos, for processes that hold no numpy: everything happens in a child.

Only light modules are imported here; `film` is imported by the child alone.
"""

from pacs_gateway.imaging.options import RenderOptions


def video_film(stream: bytes) -> bytes:
    """Return a whole video as a film that browsers play.

    Raises UnrenderableError, NotAcceptableError where videos cannot be decoded.
    """
    from pacs_gateway.imaging.film import recoded  # noqa: PLC0415 - only ever in the child

    return recoded(stream)


def video_picture(stream: bytes, options: RenderOptions) -> bytes:
    """Return the first picture of a video as a file; `stream` is its beginning.

    Raises UnrenderableError, NotAcceptableError where videos cannot be decoded.
    """
    from pacs_gateway.imaging.encode import encode  # noqa: PLC0415 - only ever in the child
    from pacs_gateway.imaging.film import first_picture  # noqa: PLC0415
    from pacs_gateway.imaging.viewport import placed  # noqa: PLC0415

    picture = first_picture(stream)
    if options.viewport is not None:
        picture = placed(picture, options.viewport)
    return encode(picture, options)
