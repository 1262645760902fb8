"""Invariant: once a study is quiet its thumbnails are there before anyone asks, and what cannot be
shown keeps no other from being made."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Event

from pydicom import dcmread

from pacs_gateway.archive.previews import Previews
from storage.records import utc_now
from tests.integration.web.gateway import running, sample, settings_for
from tests.integration.web.test_wado import path_of


def test_previews_are_ready(tmp_path: Path) -> None:
    files = ("test-SR.dcm", "CT_small.dcm", "MR_small_RLE.dcm")
    with running(settings_for(tmp_path)) as gateway:
        cache = gateway.archive.settings.cache_dir
        assert gateway.client("device").store(*map(sample, files)).status == 200
        archive, shown = gateway.archive, gateway.services.pictures
        previews = Previews(archive.retrieval, archive.lookup, shown, quiet_s=0)
        begun = utc_now() - timedelta(minutes=1)
        previews.make(begun, utc_now(), Event())
        shown.close()
        made = sorted(path for path in cache.rglob("*") if path.is_file())
        # A thumbnail and a tile of each image series; the report has a card, made when asked for.
        assert len(made) == 4
        browser = gateway.client("reader", Accept="image/avif,image/webp,image/*,*/*;q=0.8")
        for name in files[1:]:
            data_set = dcmread(BytesIO(sample(name)))
            series = path_of(data_set, "series")
            assert browser(f"{series}/thumbnail?viewport=160,160").status == 200
            assert browser(f"{path_of(data_set)}/rendered?viewport=256,256").status == 200
        assert sorted(path for path in cache.rglob("*") if path.is_file()) == made
