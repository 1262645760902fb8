"""Protects: bulk data, pixel data, XML and compression on request say the same of every instance as
its file; each part can be fetched again from where it says; a damaged frame is told, not left out."""

import json
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGLSLossless

from pacs_gateway.imaging.recode import MADE_ON_REQUEST
from tests.integration.web.gateway import Client, Gateway, running, settings_for

OCTETS = "application/octet-stream"
AS_STORED = f'multipart/related; type="{OCTETS}"; transfer-syntax=*'
XML_PARTS = 'multipart/related; type="application/dicom+xml"'
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture(name="reader", scope="module")
def fixture_reader(archive: Gateway) -> Client:
    return archive.client("reader")


def path_of(data_set: FileDataset) -> str:
    return (
        f"/dicom-web/studies/{data_set.StudyInstanceUID}/series/{data_set.SeriesInstanceUID}"
        f"/instances/{data_set.SOPInstanceUID}"
    )


def is_native(data_set: FileDataset) -> bool:
    return "PixelData" in data_set and not data_set.file_meta.TransferSyntaxUID.is_encapsulated


def one(samples: Mapping[str, FileDataset], modality: str) -> FileDataset:
    return next(each for each in samples.values() if each.Modality == modality)


def bulk_paths(model: dict[str, object]) -> list[str]:
    return re.findall(r'"BulkDataURI": "([^"]+)"', json.dumps(model))


def test_the_bulk_data_of_each_study_is_what_its_metadata_refers_to(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    for study in {str(each.StudyInstanceUID) for each in samples.values()}:
        metadata = reader(f"/dicom-web/studies/{study}/metadata").json()
        answer = reader(f"/dicom-web/studies/{study}/bulkdata", Accept=AS_STORED)
        if answer.status == 404:
            assert not any(map(bulk_paths, metadata))
            continue
        locations = [fields["Content-Location"] for fields, _ in answer.whole_parts()]
        # Compressed pixel data comes frame by frame.
        named = {re.sub(r"/frames/\d+$", "/bulkdata/7FE00010", each) for each in locations}
        assert named == {path for model in metadata for path in bulk_paths(model)}


def test_each_part_is_found_again_where_it_says(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    seen = 0
    for data_set in (one(samples, "US"), one(samples, "DOC"), one(samples, "CT")):
        for fields, content in reader(
            f"{path_of(data_set)}/bulkdata", Accept=AS_STORED
        ).whole_parts():
            again = reader(urlsplit(fields["Content-Location"]).path, Accept=AS_STORED)
            assert again.whole_parts() == [
                (fields | {"Content-Length": str(len(content))}, content)
            ]
            seen += 1
    assert seen >= 3


def test_pixel_data_of_instance_series_and_study(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    for data_set in filter(is_native, samples.values()):
        answer = reader(f"{path_of(data_set)}/pixeldata", Accept=OCTETS)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f"{OCTETS}; transfer-syntax={EXPLICIT}"
        assert answer.body.startswith(np.ascontiguousarray(data_set.pixel_array).tobytes())
    mr = one(samples, "MR")
    of_series = [
        each for each in samples.values() if each.SeriesInstanceUID == mr.SeriesInstanceUID
    ]
    series = path_of(mr).partition("/instances")[0]
    assert len(reader(f"{series}/pixeldata").parts()) == len(of_series)
    of_study = [each for each in samples.values() if each.StudyInstanceUID == mr.StudyInstanceUID]
    study = path_of(mr).partition("/series")[0]
    assert len(reader(f"{study}/pixeldata").parts()) == len(of_study)


def test_what_has_no_pixels_has_no_pixel_data(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    report = one(samples, "SR")
    assert reader(f"{path_of(report)}/pixeldata").status == 404
    series = path_of(report).partition("/instances")[0]
    assert reader(f"{series}/pixeldata").status == 404
    assert reader(f"{series}/pixeldata", Accept="text/plain").status == 406


@pytest.mark.parametrize("syntax", MADE_ON_REQUEST)
def test_instances_are_compressed_on_request(
    samples: Mapping[str, FileDataset], reader: Client, syntax: str
) -> None:
    native = filter(is_native, samples.values())
    for data_set in {each.Modality: each for each in native}.values():
        accept = f"application/dicom; transfer-syntax={syntax}"
        answer = reader(path_of(data_set), Accept=accept)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"] == accept
        found = dcmread(BytesIO(answer.body))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert found.SOPInstanceUID == data_set.SOPInstanceUID
        frames = list(generate_frames(found.PixelData, number_of_frames=frame_count(data_set)))
        assert len(frames) == frame_count(data_set)
        # pydicom decodes by itself what it can: RLE everywhere.
        if syntax == "1.2.840.10008.1.2.5":
            assert (found.pixel_array == data_set.pixel_array).all()


def frame_count(data_set: FileDataset) -> int:
    return int(data_set.get("NumberOfFrames", 1))


def test_what_was_compressed_on_request_comes_back_when_it_is_stored(
    samples: Mapping[str, FileDataset], reader: Client, tmp_path: Path
) -> None:
    native = filter(is_native, samples.values())
    chosen = list({each.Modality: each for each in native}.values())
    for syntax in MADE_ON_REQUEST:
        accept = f"application/dicom; transfer-syntax={syntax}"
        files = [reader(path_of(data_set), Accept=accept).body for data_set in chosen]
        with running(settings_for(tmp_path / syntax)) as other:
            assert other.client("device").store(*files).status == 200
            for data_set in chosen:
                stored = other.client("reader")(path_of(data_set), Accept=f"{accept}")
                assert stored.status == 200
                decoded = other.client("reader")(path_of(data_set), Accept="application/dicom")
                ours = dcmread(BytesIO(decoded.body))
                theirs = dcmread(
                    BytesIO(reader(path_of(data_set), Accept="application/dicom").body)
                )
                assert ours.PhotometricInterpretation == theirs.PhotometricInterpretation
                assert (ours.pixel_array == theirs.pixel_array).all()


def test_reports_of_a_study_come_as_they_are_where_images_are_compressed(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    study = path_of(one(samples, "SR")).partition("/series")[0]
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5'
    parts = reader(study, Accept=accept).parts()
    found = {dcmread(BytesIO(content)).Modality: kind for kind, content in parts}
    assert found["CT"].endswith("=1.2.840.10008.1.2.5")
    assert found["SR"].endswith(f"={EXPLICIT}")


def test_metadata_in_xml(samples: Mapping[str, FileDataset], reader: Client) -> None:
    data_set = one(samples, "CT")
    path = f"{path_of(data_set)}/metadata"
    (model,) = reader(path).json()
    alone = reader(path, Accept="application/dicom+xml")
    assert alone.headers["Content-Type"] == "application/dicom+xml"
    ((kind, document),) = reader(path, Accept=XML_PARTS).parts()
    assert kind == "application/dicom+xml"
    assert document == alone.body
    root = ET.fromstring(document)
    assert len(root) == len(model)
    texts = {each.get("keyword"): [value.text for value in each] for each in root}
    assert texts["SOPInstanceUID"] == [data_set.SOPInstanceUID]
    assert texts["AvailableTransferSyntaxUID"] == [data_set.file_meta.TransferSyntaxUID]
    (bulk,) = root.findall(".//*[@uri]")
    assert reader(urlsplit(bulk.get("uri") or "").path).status == 200


def test_metadata_of_a_study_in_xml_has_a_part_for_each_instance(
    samples: Mapping[str, FileDataset], reader: Client
) -> None:
    study = path_of(one(samples, "MR")).partition("/series")[0]
    parts = reader(f"{study}/metadata", Accept=XML_PARTS).parts()
    assert len(parts) == len(reader(f"{study}/metadata").json())


def test_searches_in_xml(reader: Client) -> None:
    for level in ("studies", "series", "instances"):
        expected = reader(f"/dicom-web/{level}").json()
        parts = reader(f"/dicom-web/{level}", Accept=XML_PARTS).parts()
        found = [{each.get("tag") for each in ET.fromstring(text)} for _, text in parts]
        assert found == [set(answer) for answer in expected]
    assert reader("/dicom-web/studies?PatientID=nobody", Accept=XML_PARTS).status == 204


@pytest.fixture(name="damaged", scope="module")
def fixture_damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    """Return a gateway with a JPEG-LS cine whose third frame of four is damaged, and its path."""
    data_set = dcmread(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm")))
    (frame,) = generate_frames(data_set.PixelData, number_of_frames=1)
    data_set.PixelData = encapsulate([frame, frame, frame[:100] + bytes(50), frame])
    data_set.NumberOfFrames = 4
    assert data_set.file_meta.TransferSyntaxUID == JPEGLSLossless
    file = BytesIO()
    data_set.save_as(file)
    with running(settings_for(tmp_path_factory.mktemp("damaged"))) as gateway:
        assert gateway.client("device").store(file.getvalue()).status == 200
        yield gateway, path_of(data_set)


def test_one_damaged_frame_among_several_is_named(damaged: tuple[Gateway, str]) -> None:
    gateway, path = damaged
    reader = gateway.client("reader")
    answer = reader(f"{path}/frames/1,2,3,4")
    assert answer.status == 422
    assert "Frame 3" in answer.json()["error"]
    assert len(reader(f"{path}/frames/1,2,4").parts()) == 3
    # As they are stored, all of them are served.
    assert len(reader(f"{path}/frames/1,2,3,4", Accept=AS_STORED).parts()) == 4
    assert reader(f"{path}/pixeldata").status == 422
