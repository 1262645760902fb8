"""Invariant: dicomweb-client, the Python client that 3D Slicer and most scripts use, can do with the
gateway all it knows, and what it gets is what pydicom reads in the files that were stored."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from dicomweb_client.web import DICOMwebClient
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import generate_frames
from requests.auth import HTTPBasicAuth

from tests.integration.dicomweb.conftest import SAMPLES
from tests.integration.web.gateway import PASSWORD, Gateway, running, settings_for

CT = "2.25.143636154677944234936554614194783691757"
US = "2.25.337135295132538919251200668584823757715"
MR = "2.25.195946116688701721873944010625271190877"
EXPLICIT = "1.2.840.10008.1.2.1"
NEVER_ON_THE_WEB = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
OF_EVERY_STUDY = (
    "AccessionNumber",
    "PatientBirthDate",
    "PatientID",
    "PatientName",
    "PatientSex",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyDescription",
    "StudyID",
    "StudyTime",
)
AS_EXPLICIT = (("application/dicom", EXPLICIT),)
AS_STORED = (("application/dicom", "*"),)


def client_of(gateway: Gateway, username: str) -> DICOMwebClient:
    session = requests.Session()
    session.auth = HTTPBasicAuth(username, PASSWORD)
    client = DICOMwebClient(f"http://127.0.0.1:{gateway.port}/dicom-web", session=session)
    # The client says which host it calls but not which port, so URLs in answers would lack it.
    client.host = f"127.0.0.1:{gateway.port}"
    # A wrong answer should fail the test at once.
    client.set_http_retry_params(retry=False)
    return client


@pytest.fixture(name="client")
def fixture_client(archive: Gateway) -> DICOMwebClient:
    return client_of(archive, "reader")


def values(answers: list[dict[str, dict[str, Any]]], tag: str) -> list[Any]:
    return [answer[tag]["Value"][0] for answer in answers]


def of_study(samples: Mapping[str, FileDataset], study: str) -> list[FileDataset]:
    return [each for each in samples.values() if each.StudyInstanceUID == study]


def uids(data_set: Dataset) -> tuple[str, str, str]:
    return data_set.StudyInstanceUID, data_set.SeriesInstanceUID, data_set.SOPInstanceUID


def served(sample: FileDataset) -> str:
    """Return the transfer syntax in which the web gets to see a sample."""
    syntax = str(sample.file_meta.TransferSyntaxUID)
    return EXPLICIT if syntax == "1.2.840.10008.1.2" else syntax


def without_empty_lists(model: Any) -> Any:
    """Return a part of a DICOM JSON model with empty values left out (PS3.18 F.2.5)."""
    if isinstance(model, list):
        return [without_empty_lists(each) for each in model]
    if not isinstance(model, dict):
        return model
    return {name: without_empty_lists(each) for name, each in model.items() if each != []}


class TestSearch:
    def test_studies(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        found = client.search_for_studies()
        assert set(values(found, "0020000D")) == {s.StudyInstanceUID for s in samples.values()}
        for answer in found:
            data_set = Dataset.from_json(answer)
            sample = of_study(samples, data_set.StudyInstanceUID)[0]
            for keyword in OF_EVERY_STUDY:
                assert data_set.get(keyword) == sample.get(keyword), keyword
            series = {s.SeriesInstanceUID for s in of_study(samples, data_set.StudyInstanceUID)}
            assert data_set.NumberOfStudyRelatedSeries == len(series)

    def test_paging(self, client: DICOMwebClient) -> None:
        everything = client.search_for_instances()
        assert client.search_for_instances(get_remaining=True) == everything
        assert client.search_for_instances(limit=5, get_remaining=True) == everything
        assert client.search_for_instances(limit=5, offset=10) == everything[10:15]
        assert client.search_for_studies(limit=2, offset=1) == client.search_for_studies()[1:3]
        assert client.search_for_studies(offset=99) == []

    @pytest.mark.parametrize(
        ("filters", "fuzzy", "count"),
        [
            ({"PatientID": "BN26-000417"}, None, 2),
            ({"00100020": "BN26-000417", "StudyDate": "20261101-"}, False, 1),
            ({"PatientName": "tran dat"}, True, 1),
            ({"PatientName": "tran dat"}, False, 0),
            ({"ModalitiesInStudy": "US"}, None, 1),
            ({"StudyInstanceUID": [CT, US]}, None, 2),
        ],
    )
    def test_filters(
        self, client: DICOMwebClient, filters: dict[str, Any], fuzzy: bool | None, count: int
    ) -> None:
        found = client.search_for_studies(search_filters=filters, fuzzymatching=fuzzy)
        assert len(found) == count

    def test_series_and_instances(
        self, client: DICOMwebClient, samples: Mapping[str, FileDataset]
    ) -> None:
        fields = ["SeriesDate", "00080031", "BodyPartExamined"]
        series = client.search_for_series(CT, fields=fields, search_filters={"Modality": "CT"})
        assert len(series) == 2
        for answer in series:
            data_set = Dataset.from_json(answer)
            sent = [
                each
                for each in of_study(samples, CT)
                if each.SeriesInstanceUID == data_set.SeriesInstanceUID
            ]
            assert data_set.NumberOfSeriesRelatedInstances == len(sent)
            assert data_set.BodyPartExamined == sent[0].BodyPartExamined
            assert data_set.SeriesDescription == sent[0].SeriesDescription
            instances = client.search_for_instances(
                CT, data_set.SeriesInstanceUID, fields=["WindowCenter", "ImagePositionPatient"]
            )
            assert set(values(instances, "00080018")) == {each.SOPInstanceUID for each in sent}
            for found in map(Dataset.from_json, instances):
                assert found.ImagePositionPatient == (
                    samples[found.SOPInstanceUID].ImagePositionPatient
                )
        assert len(client.search_for_instances(CT)) == 26
        assert len(client.search_for_series()) == 9


class TestRetrieve:
    def test_a_study(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        sent = {each.SOPInstanceUID for each in of_study(samples, MR)}
        got = client.retrieve_study(MR, media_types=AS_STORED)
        assert {each.SOPInstanceUID for each in got} == sent
        for each in got:
            sample = samples[each.SOPInstanceUID]
            syntax = sample.file_meta.TransferSyntaxUID
            expected = EXPLICIT if syntax in NEVER_ON_THE_WEB else syntax
            assert each.file_meta.TransferSyntaxUID == expected
            assert each.PatientID == sample.PatientID
        assert {each.SOPInstanceUID for each in client.iter_study(MR)} == sent

    def test_a_series(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        for series in {each.SeriesInstanceUID for each in of_study(samples, CT)}:
            got = client.retrieve_series(CT, series, media_types=AS_STORED)
            assert all(each == samples[each.SOPInstanceUID] for each in got)
            iterated = list(client.iter_series(CT, series, media_types=AS_STORED))
            assert [each.SOPInstanceUID for each in iterated] == [e.SOPInstanceUID for e in got]

    def test_every_instance(
        self, client: DICOMwebClient, samples: Mapping[str, FileDataset]
    ) -> None:
        for sample in samples.values():
            got = client.retrieve_instance(*uids(sample), media_types=AS_STORED)
            assert got == sample

    def test_plain_objects_in_explicit_little_endian(
        self, client: DICOMwebClient, samples: Mapping[str, FileDataset]
    ) -> None:
        for sample in samples.values():
            if sample.file_meta.TransferSyntaxUID.is_encapsulated:
                continue
            got = client.retrieve_instance(*uids(sample), media_types=AS_EXPLICIT)
            assert got.file_meta.TransferSyntaxUID == EXPLICIT
            assert got == sample

    def test_metadata(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        of_studies = [
            model for study in (CT, US, MR) for model in client.retrieve_study_metadata(study)
        ]
        for model in of_studies:
            uid = model["00080018"]["Value"][0]
            sample = samples[uid]
            assert client.retrieve_instance_metadata(*uids(sample)) == model
            plain = {tag: each for tag, each in model.items() if "BulkDataURI" not in each}
            # What a viewer would read in the file meta information.
            assert plain.pop("00083002")["Value"] == [served(sample)]
            expected = sample.to_json_dict(bulk_data_threshold=1024, bulk_data_element_handler=str)
            for tag, attribute in plain.items():
                # pydicom gives empty sequences an empty list, which F.2.5 does not have.
                assert attribute == without_empty_lists(expected[tag]), (uid, tag)
        series = of_study(samples, MR)[0].SeriesInstanceUID
        of_series = client.retrieve_series_metadata(MR, series)
        assert all(model in of_studies for model in of_series)


class TestPixels:
    def test_native_frames(
        self, client: DICOMwebClient, samples: Mapping[str, FileDataset]
    ) -> None:
        sample = next(
            each
            for each in samples.values()
            if "PixelData" in each and not each.file_meta.TransferSyntaxUID.is_compressed
        )
        (frame,) = client.retrieve_instance_frames(*uids(sample), frame_numbers=[1])
        assert frame.ljust(len(sample.PixelData), b"\0") == sample.PixelData

    def test_compressed_frames(
        self, client: DICOMwebClient, samples: Mapping[str, FileDataset]
    ) -> None:
        (cine,) = (each for each in of_study(samples, US) if each.get("NumberOfFrames", 1) > 1)
        stored = list(generate_frames(cine.PixelData, number_of_frames=cine.NumberOfFrames))
        types = (("image/jpeg", cine.file_meta.TransferSyntaxUID),)
        numbers = [1, 24, 7]
        got = client.retrieve_instance_frames(*uids(cine), numbers, media_types=types)
        assert [piece.rstrip(b"\0") for piece in got] == [
            stored[number - 1].rstrip(b"\0") for number in numbers
        ]
        iterated = client.iter_instance_frames(*uids(cine), numbers, media_types=types)
        assert list(iterated) == got

    def test_pictures(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        for sample in samples.values():
            if "PixelData" not in sample or sample.InstanceNumber > 1:
                continue
            for types, form in ((("image/png",), "PNG"), (("image/jpeg",), "JPEG")):
                picture = client.retrieve_instance_rendered(*uids(sample), media_types=types)
                with Image.open(io.BytesIO(picture)) as image:
                    assert image.format == form
                    assert image.size == (sample.Columns, sample.Rows)
            small = client.retrieve_instance_frames_rendered(
                *uids(sample), [1], media_types=("image/jpeg",), params={"viewport": "64,64"}
            )
            with Image.open(io.BytesIO(small)) as image:
                assert max(image.size) == 64

    def test_bulk_data(self, client: DICOMwebClient, samples: Mapping[str, FileDataset]) -> None:
        (report,) = (each for each in of_study(samples, US) if "EncapsulatedDocument" in each)
        model = client.retrieve_instance_metadata(*uids(report))
        url = model["00420011"]["BulkDataURI"]
        whole = report.EncapsulatedDocument
        (value,) = client.retrieve_bulkdata(url)
        assert value == whole
        assert b"".join(client.iter_bulkdata(url)) == whole


class TestStoreAndDelete:
    @pytest.fixture(name="own")
    def fixture_own(self, tmp_path: Path) -> Iterator[Gateway]:
        with running(settings_for(tmp_path)) as gateway:
            yield gateway

    def test_store(self, own: Gateway) -> None:
        client = client_of(own, "device")
        sent = [dcmread(path) for path in sorted((SAMPLES / "mr-brain-2026-10-21").glob("*.dcm"))]
        report = client.store_instances(sent)
        stored = {item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence}
        assert stored == {each.SOPInstanceUID for each in sent}
        assert "FailedSOPSequence" not in report
        again = client.store_instances(sent[:1], study_instance_uid=MR)
        assert len(again.ReferencedSOPSequence) == 1
        assert len(client.search_for_instances(MR)) == len(sent)
        for each in sent:
            assert client.retrieve_instance(*uids(each), media_types=AS_STORED) == each

    def test_delete(self, own: Gateway) -> None:
        device, administrator = client_of(own, "device"), client_of(own, "admin")
        for folder in ("ct-chest-2026-11-12", "us-abdomen-2026-11-16"):
            sent = [dcmread(path) for path in sorted((SAMPLES / folder).glob("*.dcm"))]
            device.store_instances(sent)
        ct = device.search_for_instances(CT)
        study, series, instance = (
            values(ct, tag)[0] for tag in ("0020000D", "0020000E", "00080018")
        )
        administrator.delete_instance(study, series, instance)
        assert len(device.search_for_instances(CT)) == len(ct) - 1
        last = values(ct, "0020000E")[-1]
        administrator.delete_series(CT, last)
        assert last not in values(device.search_for_series(CT), "0020000E")
        administrator.delete_study(CT)
        assert values(device.search_for_studies(), "0020000D") == [US]
        with pytest.raises(requests.HTTPError, match="410"):
            device.retrieve_study(CT)
