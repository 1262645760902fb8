"""Films: pictures to H.264 in MP4, and the first picture of a stream; only ever in the child.

PyAV brings FFmpeg with encoders under the GPL, so it is an extra of this package (`video`), and
everything else works without it (docs/design/0002-dependencies.md).
"""

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from itertools import accumulate, islice
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.errors import NotAcceptableError, UnrenderableError

_MILLISECOND = Fraction(1, 1000)
_BEST_FACTOR, _WORST_FACTOR = 12, 40
"""Constant rate factors of H.264 for quality 100 and 1; below 18 nobody sees a difference."""
_BEST_QUALITY = 100
_INDEX_BYTES, _INDEX_BYTES_A_PICTURE = 8192, 64
"""Room before the pictures for what tells where they are: some 1.5 kB, and 32 bytes for each."""
_READING = {
    "probesize": str(1024 * 1024),
    # Some formats name other files and addresses to read on; these are opened nowhere.
    "protocol_whitelist": "none",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,mpegts,mpeg,mpegvideo,h264,hevc",
}
_FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"
_GOOD = 85
"""Quality of a film that was compressed before."""
_MAX_PACKETS = 64
"""Packets of a stream that begins inside of a group of pictures give nothing at first."""


def mp4(pictures: Sequence[Picture.Image], durations_ms: Sequence[float], *, quality: int) -> bytes:
    """Return pictures of one size as a film that any browser plays and can begin to play at once.

    Raises NotAcceptableError where PyAV is not installed.
    """
    av = _av()
    file = BytesIO()
    width, height = (side + side % 2 for side in pictures[0].size)
    durations = [max(1, round(duration)) for duration in durations_ms]
    index_bytes = _INDEX_BYTES + len(pictures) * _INDEX_BYTES_A_PICTURE
    with av.open(file, "w", format="mp4", options={"moov_size": str(index_bytes)}) as container:
        stream = container.add_stream("libx264")
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = _MILLISECOND
        # One thread, and no look-ahead that would hold forty pictures beside ours.
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {
            "crf": str(_rate_factor(quality)),
            "preset": "veryfast",
            "tune": "zerolatency",
        }
        starts = accumulate(durations, initial=0)
        for picture, start, duration in zip(pictures, starts, durations, strict=False):
            frame = av.VideoFrame.from_ndarray(_even(picture), format="rgb24")
            frame.pts, frame.time_base, frame.duration = start, _MILLISECOND, duration
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def first_picture(stream: bytes) -> Picture.Image:
    """Return the first picture of a video, of which `stream` is the beginning.

    Raises UnrenderableError if none can be decoded; NotAcceptableError where PyAV is not installed.
    """
    av = _av()
    try:
        with av.open(BytesIO(stream), options=_READING) as container:
            video = container.streams.video[0]
            video.codec_context.thread_count = 1
            for packet in islice(container.demux(video), _MAX_PACKETS):
                for frame in packet.decode():
                    return Picture.fromarray(frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, LookupError, ValueError) as error:
        raise UnrenderableError("This video cannot be decoded.") from error
    raise UnrenderableError("This video begins without a picture.")


def recoded(stream: bytes) -> bytes:
    """Return a video as H.264 in MP4, in fragments that play while they come, without its sound.

    Raises UnrenderableError if nothing can be decoded; NotAcceptableError where PyAV is not
    installed.
    """
    av = _av()
    file = BytesIO()
    try:
        with (
            av.open(BytesIO(stream), options=_READING) as source,
            av.open(file, "w", format="mp4", options={"movflags": _FRAGMENTS}) as target,
        ):
            video = source.streams.video[0]
            video.codec_context.thread_count = 1
            film = target.add_stream("libx264")
            film.width = video.width + video.width % 2
            film.height = video.height + video.height % 2
            film.pix_fmt = "yuv420p"
            film.time_base = film.codec_context.time_base = video.time_base
            film.codec_context.thread_count = 1
            film.codec_context.options = {"crf": str(_rate_factor(_GOOD)), "preset": "veryfast"}
            for frame in source.decode(video):
                fitting = frame.reformat(film.width, film.height, "yuv420p")
                fitting.pict_type = 0
                target.mux(film.encode(fitting))
            target.mux(film.encode(None))
    except (av.FFmpegError, LookupError, ValueError) as error:
        raise UnrenderableError("This video cannot be decoded.") from error
    return file.getvalue()


def _av() -> ModuleType:
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise NotAcceptableError(
            "Films are made only where the gateway is installed with its extra `video`."
        ) from error
    return av


def _even(picture: Picture.Image) -> NDArray[np.uint8]:
    """Return RGB with even sides, as colours at half the resolution need: the edge is repeated."""
    pixels = np.asarray(picture.convert("RGB"))
    rows, columns = pixels.shape[:2]
    return np.pad(pixels, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")


def _rate_factor(quality: int) -> int:
    share = (_BEST_QUALITY - quality) / (_BEST_QUALITY - 1)
    return round(_BEST_FACTOR + share * (_WORST_FACTOR - _BEST_FACTOR))
