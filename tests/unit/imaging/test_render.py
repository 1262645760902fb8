"""Protects: whatever a frame does to the process that decodes it, the caller gets a picture or one
GatewayError in time, its own process stays small, and the next picture is made."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from pacs_gateway.config import MIB, ImagingSettings
from pacs_gateway.errors import DecoderCrashError, OutOfResourcesError, UnrenderableError
from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PNG, RenderOptions
from pacs_gateway.imaging.pipe import PIPE_BYTES
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.imaging.sandbox import Sandbox
from tests.instances import made, shipped

SETTINGS = ImagingSettings(
    wall_deadline_s=2.0, memory_bytes=1024 * MIB, max_pixels=10_000_000, max_waiting=1
)
OPTIONS = RenderOptions(media_type=PNG)
CT = shipped("CT_small.dcm")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made_once = Renderer(SETTINGS)
    made_once.start()
    yield made_once
    made_once.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made_once = Sandbox(SETTINGS)
    yield made_once
    made_once.close()


def render_ct(renderer: Renderer, options: RenderOptions = OPTIONS) -> bytes:
    return renderer.render(CT.header, CT.frame(1), number=1, options=options)


def pixels(file: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Picture.open(BytesIO(file)))


def test_the_child_makes_the_same_picture_as_the_function(renderer: Renderer) -> None:
    here = worker.render_frame(
        CT.header, CT.frame(1), number=1, options=OPTIONS, max_samples=SETTINGS.max_pixels
    )
    assert render_ct(renderer) == here
    assert pixels(here).shape == (128, 128)
    assert 80 < pixels(here).mean() < 110


def test_a_chosen_window_changes_the_picture(renderer: Renderer) -> None:
    narrow = RenderOptions(media_type=PNG, window=(0.0, 1.0, "LINEAR"))
    assert set(np.unique(pixels(render_ct(renderer, narrow)))) == {0, 255}


@pytest.mark.parametrize(
    ("name", "number", "shape"),
    [
        ("examples_palette.dcm", 1, (350, 800, 3)),
        ("SC_rgb_rle_2frame.dcm", 2, (100, 100, 3)),
        ("liver_1frame.dcm", 1, (512, 512)),
        ("rtdose_rle.dcm", 15, (10, 10)),
        ("examples_ybr_color.dcm", 30, (240, 320, 3)),
    ],
)
def test_every_kind_of_image(
    renderer: Renderer, name: str, number: int, shape: tuple[int, ...]
) -> None:
    instance = shipped(name)
    file = renderer.render(instance.header, instance.frame(number), number=number, options=OPTIONS)
    assert pixels(file).shape == shape


def test_native_frame(renderer: Renderer) -> None:
    rle, plain = shipped("MR_small_RLE.dcm"), shipped("MR_small.dcm")
    assert renderer.native(rle.header, rle.frame(1)) == plain.frame(1)


def test_an_absurd_size_is_refused(renderer: Renderer) -> None:
    header = made(Rows=65535, Columns=65535)
    with pytest.raises(UnrenderableError, match="65535 x 65535"):
        renderer.render(header, b"\0\0", number=1, options=OPTIONS)


def test_errors_keep_their_text(renderer: Renderer) -> None:
    with pytest.raises(UnrenderableError, match="rows and columns need"):
        renderer.render(CT.header, CT.frame(1)[:-2], number=1, options=OPTIONS)


@pytest.mark.parametrize(
    ("function", "argument"),
    [(os._exit, 1), (os._exit, 0), (bytearray, 2**40), (int, "not a number"), (time.sleep, 60)],
    ids=["dies", "ends", "eats memory", "fails", "hangs"],
)
def test_the_pool_outlives_every_child(
    sandbox: Sandbox, function: Callable[[object], object], argument: object
) -> None:
    began = time.monotonic()
    with pytest.raises(UnrenderableError):
        sandbox.run(function, argument)
    assert time.monotonic() - began < 2 * SETTINGS.wall_deadline_s
    assert sandbox.run(len, "four") == 4


def test_a_signal_kills_one_child_only(sandbox: Sandbox) -> None:
    victim = sandbox.run(os.getpid)
    with pytest.raises(UnrenderableError, match="decoding it failed"):
        sandbox.run(os.abort)
    assert sandbox.run(os.getpid) != victim


def test_a_child_is_no_copy_of_its_caller(sandbox: Sandbox) -> None:
    assert sandbox.run(os.getppid) != os.getpid()


def test_a_child_that_reads_nothing_is_given_up_in_time(sandbox: Sandbox) -> None:
    os.kill(sandbox.run(os.getpid), signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(DecoderCrashError, match="too long"):
        sandbox.run(len, bytes(4 * PIPE_BYTES))
    assert time.monotonic() - began < 2 * SETTINGS.wall_deadline_s
    assert sandbox.run(len, "four") == 4


def test_a_death_between_two_calls_is_no_fault_of_the_next(sandbox: Sandbox) -> None:
    os.kill(sandbox.run(os.getpid), signal.SIGKILL)
    time.sleep(0.5)
    assert sandbox.run(len, "four") == 4


def test_a_child_that_hangs_up_is_killed(sandbox: Sandbox) -> None:
    victim = sandbox.run(os.getpid)
    with pytest.raises(DecoderCrashError, match="decoding it failed"):
        sandbox.run(hang_up)
    end = time.monotonic() + 10
    while Path(f"/proc/{victim}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert sandbox.run(len, "four") == 4


def hang_up() -> None:
    os.closerange(3, 256)
    time.sleep(60)


def test_memory_is_limited_below_what_the_machine_has(sandbox: Sandbox) -> None:
    assert len(sandbox.run(bytes, 64 * MIB)) == 64 * MIB
    with pytest.raises(UnrenderableError, match="MemoryError"):
        sandbox.run(bytes, SETTINGS.memory_bytes)


def test_more_calls_than_may_wait_are_sent_away(sandbox: Sandbox) -> None:
    sandbox.run(os.getpid)
    callers = [
        threading.Thread(target=sandbox.run, args=(time.sleep, 0.8))
        for _ in range(SETTINGS.processes + SETTINGS.max_waiting)
    ]
    for caller in callers:
        caller.start()
    time.sleep(0.2)
    with pytest.raises(OutOfResourcesError):
        sandbox.run(os.getpid)
    for caller in callers:
        caller.join()
    assert sandbox.run(len, "four") == 4


def test_closing_ends_work_under_way_and_waiting_and_refuses_more() -> None:
    closed = Sandbox(SETTINGS)
    assert closed.run(len, "four") == 4
    failures: list[Exception] = []

    def hang() -> None:
        try:
            closed.run(time.sleep, 60)
        except (UnrenderableError, OutOfResourcesError) as error:
            failures.append(error)

    callers = [threading.Thread(target=hang) for _ in range(2)]
    for caller in callers:
        caller.start()
    time.sleep(0.2)
    closed.close()
    for caller in callers:
        caller.join(10)
    assert len(failures) == 2
    with pytest.raises(OutOfResourcesError, match="not available"):
        closed.run(len, "four")


def test_closing_what_never_started() -> None:
    Sandbox(SETTINGS).close()


def test_the_calling_process_loads_no_codec_and_leaves_no_child() -> None:
    program = (
        "import sys\n"
        "from pacs_gateway.config import ImagingSettings\n"
        "from pacs_gateway.imaging.options import RenderOptions\n"
        "from pacs_gateway.imaging.render import Renderer\n"
        "if __name__ == '__main__':\n"
        "    renderer = Renderer(ImagingSettings())\n"
        "    renderer.start()\n"
        "    try:\n"
        "        renderer.render(b'', b'', number=1, options=RenderOptions())\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "    print(sorted({'numpy', 'PIL', 'imagecodecs', 'pydicom'} & set(sys.modules)))\n"
        "    renderer.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["UnrenderableError", "[]"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    "name",
    ["JPEG2000.dcm", "JPGExtended.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm",
     "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm", "examples_palette.dcm"],
)  # fmt: skip
def test_damaged_frames_and_headers_give_a_picture_or_one_error(
    renderer: Renderer, name: str
) -> None:
    chance = random.Random(name)
    instance = shipped(name)
    for _ in range(15):
        header = damaged(instance.header, chance, flips=chance.choice((0, 3)))
        frame = damaged(instance.frame(1), chance, flips=chance.choice((0, 1, 20)))
        try:
            file = renderer.render(header, frame, number=1, options=OPTIONS)
        except UnrenderableError:
            continue
        assert file.startswith(b"\x89PNG")


def damaged(data: bytes, chance: random.Random, *, flips: int) -> bytes:
    copy = bytearray(data)
    for _ in range(flips):
        copy[chance.randrange(min(len(copy), 4000))] ^= 1 << chance.randrange(8)
    return bytes(copy)
