"""Measurements, key images and presentation states of a study: saved and read back.

What is saved is a DICOM object of its own and takes the one write path; nothing is ever changed in
place (docs/design/0015-measurements.md).
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pacs_gateway.annotation import writing
from pacs_gateway.annotation.checking import check_frames, check_measurements
from pacs_gateway.annotation.document import (
    COMPREHENSIVE_SR,
    KEY_OBJECTS,
    Making,
    series_uid_of,
)
from pacs_gateway.annotation.evidence import Evidence, evidence_of
from pacs_gateway.annotation.reports import report_of
from pacs_gateway.annotation.selections import selection_of
from pacs_gateway.annotation.states import PresentationState, states_of
from pacs_gateway.annotation.values import (
    Frame,
    Measurement,
    MeasurementReport,
    Selection,
    Title,
)
from pacs_gateway.archive.ingest import Accepted, Announced, Ingest
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import AnnotationSettings, DocumentsSettings
from pacs_gateway.dicom import jsonencode, meta
from pacs_gateway.dicom.jsonencode import Span
from pacs_gateway.errors import NotADataSetError, UnknownError, UnrenderableError
from pacs_gateway.imaging import header
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import DicomJson, Level, Match, MatchKind, Origin, QuerySpec

REPORTS = (
    COMPREHENSIVE_SR,
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.88.35",
)
"""Comprehensive, Enhanced, Comprehensive 3D and Extensible SR: those that may hold coordinates."""
STATES = tuple(f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3))
"""Softcopy presentation states of one image each: grey, colour, pseudo-colour."""

_Document = TypeVar("_Document", MeasurementReport, Selection)
_UIDS = ("0020000E", "00080018")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who saves something, when and where."""

    name: str
    """As people write it."""
    login: str
    description: str
    """Of the series, in the language of this hospital."""
    institution: str
    language: str
    made_at: datetime
    origin: Origin


class Annotations:
    """Saves and finds what people add to images."""

    def __init__(
        self,
        index: Index,
        retrieval: Retrieval,
        ingest: Ingest,
        limits: AnnotationSettings,
        *,
        documents: DocumentsSettings,
    ) -> None:
        self._index = index
        self._retrieval = retrieval
        self._ingest = ingest
        self._limits = limits
        self._documents_limits = documents

    def save_measurements(
        self, study_uid: str, measurements: Sequence[Measurement], hand: Hand
    ) -> Accepted:
        """Save measurements as one SR; it is durable when this returns.

        Raises BadRequestError for what is no measurement of this study, UnknownError, GoneError,
        OutOfResourcesError.
        """
        images = self._images(study_uid, [each.frame for each in measurements])
        most = self._limits.max_outline_points
        check_measurements(measurements, images, max_points=most)
        making = self._making(study_uid, "SR", hand)
        model = writing.measurement_report(measurements, images, making)
        return self._store(model, study_uid, hand.origin)

    def save_selection(
        self, study_uid: str, title: Title, note: str, frames: Sequence[Frame], hand: Hand
    ) -> Accepted:
        """Save key images as one KO; raises as `save_measurements`."""
        images = self._images(study_uid, frames)
        check_frames(frames, images)
        making = self._making(study_uid, "KO", hand)
        model = writing.key_objects(title, note, frames, images, making)
        return self._store(model, study_uid, hand.origin)

    def reports(self, study_uid: str) -> Sequence[MeasurementReport]:
        """Return the reports of a study that hold measurements, the oldest first.

        Documents larger than any of their kind are left out.

        Raises UnknownError, GoneError.
        """
        found = (
            report_of(model, study_uid=study_uid, at_most=self._documents_limits.max_report_items)
            for model in self._models(study_uid, REPORTS)
        )
        return _by_age(each for each in found if each.measurements)

    def selections(self, study_uid: str) -> Sequence[Selection]:
        """Return the selections of a study, the oldest first; raises as `reports`."""
        models = self._models(study_uid, (KEY_OBJECTS,))
        return _by_age(selection_of(model, study_uid=study_uid) for model in models)

    def states(self, study_uid: str) -> Sequence[PresentationState]:
        """Return the presentation states of a study; raises as `reports`."""
        found: list[PresentationState] = []
        for series, instance in self._documents(study_uid, STATES):
            stored = self._retrieval.instance(study_uid, series, instance)
            if stored.size > self._documents_limits.max_metadata_bytes:
                continue
            try:
                state = header.read(self._retrieval.header(stored))
            except UnrenderableError:
                continue
            found += states_of(state, study_uid=study_uid)
        return found

    def _images(self, study_uid: str, frames: Iterable[Frame]) -> Mapping[str, Evidence]:
        """Return the images of the study that frames are of; others are left out."""
        self._retrieval.revision(study_uid)
        found: dict[str, Evidence] = {}
        for series, instance in dict.fromkeys((f.series_uid, f.sop_instance_uid) for f in frames):
            for kept in self._retrieval.headers(study_uid, series, instance):
                found[instance] = evidence_of(json.loads(zlib.decompress(kept.metadata)))
        return found

    def _making(self, study_uid: str, modality: str, hand: Hand) -> Making:
        try:
            before = len(self._retrieval.revision(study_uid, series_uid_of(study_uid, modality)))
        except UnknownError:
            before = 0
        return Making(
            author=hand.name,
            login=hand.login,
            description=hand.description,
            institution=hand.institution,
            language=hand.language,
            made_at=hand.made_at,
            number=before + 1,
        )

    def _models(self, study_uid: str, sop_classes: tuple[str, ...]) -> Iterator[DicomJson]:
        for series, instance in self._documents(study_uid, sop_classes):
            for kept in self._retrieval.headers(study_uid, series, instance):
                inflating = zlib.decompressobj()
                most = self._documents_limits.max_metadata_bytes
                text = inflating.decompress(kept.metadata, most)
                if not inflating.unconsumed_tail:
                    yield json.loads(text)

    def _documents(self, study_uid: str, sop_classes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield series and UID of each instance of some SOP classes."""
        self._retrieval.revision(study_uid)
        matches = (
            Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid,)),
            Match("SOPClassUID", MatchKind.EQUAL, sop_classes),
        )
        spec = QuerySpec(level=Level.IMAGE, matches=matches, limit=self._limits.max_documents)
        for found in self._index.search(spec, reach=EVERYTHING):
            series, instance = (found.attributes[tag]["Value"][0] for tag in _UIDS)
            yield series, instance

    def _store(self, model: DicomJson, study_uid: str, origin: Origin) -> Accepted:
        encoded = jsonencode.encode(model, _NoBulk(), limits=self._ingest.examiner.limits)
        with self._ingest.begin_file(origin, expected_study_uid=study_uid) as arrival:
            arrival.start(
                Announced(
                    sop_class_uid=model["00080016"]["Value"][0],
                    sop_instance_uid=model["00080018"]["Value"][0],
                    transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
                )
            )
            for piece in encoded.pieces:
                assert isinstance(piece, bytes)
                arrival.write(piece)
            return arrival.accept()


class _NoBulk:
    """Documents are made here, without bulk data; an image's header may still refer to some."""

    def spans(self, uri: str) -> Sequence[Span]:
        """Refuse."""
        del uri
        raise NotADataSetError("What this study says of its patient cannot be copied.")

    def transfer_syntax(self, uri: str) -> str:
        """Return that of documents."""
        del uri
        return meta.EXPLICIT_VR_LITTLE_ENDIAN


def _by_age(found: Iterable[_Document]) -> Sequence[_Document]:
    return sorted(found, key=lambda each: each.created)
