"""Documents of other makers show what they say in shapes of ours, and spoiled ones show nothing."""

import json
from io import BytesIO
from typing import Any

import numpy as np
from highdicom import sr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.sr.codedict import codes

from pacs_gateway.annotation.reports import report_of
from pacs_gateway.annotation.selections import selection_of
from pacs_gateway.annotation.values import Kind, MeasurementReport, Quantity, Unit, Value
from storage.records import DicomJson
from tests.unit.documents.models import model_of, shipped

IMAGE = dcmread(BytesIO(shipped("CT_small.dcm")), stop_before_pixels=True)
STUDY = str(IMAGE.StudyInstanceUID)
SOURCE = sr.SourceImageForRegion(IMAGE.SOPClassUID, IMAGE.SOPInstanceUID)


def read(*groups: Any) -> MeasurementReport:
    """Return a report that highdicom made, read by us."""
    return report_of(made(*groups), study_uid=STUDY, at_most=1000)


def made(*groups: Any) -> DicomJson:
    person = sr.PersonObserverIdentifyingAttributes(name="Bà^Đọc")
    context = sr.ObservationContext(
        observer_person_context=sr.ObserverContext(codes.DCM.Person, person)
    )
    content = sr.MeasurementReport(context, codes.SCT.ImagingProcedure, list(groups))
    document = sr.Comprehensive3DSR(
        [IMAGE], content[0], "1.2.7", 1, "1.2.8", 1, manufacturer="Others"
    )
    document.SpecificCharacterSet = "ISO_IR 192"
    file = BytesIO()
    dcmwrite(file, document, enforce_file_format=True)
    return model_of(file.getvalue())


def region(shape: str, points: list[list[float]], **more: Any) -> Any:
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.2.9", identifier="nốt phổi"),
        referenced_region=sr.ImageRegion(shape, np.array(points), SOURCE),
        **more,
    )


def line(name: Any, points: list[list[float]], number: float, unit: Any) -> sr.Measurement:
    coordinates = sr.CoordinatesForMeasurement("POLYLINE", np.array(points), SOURCE)
    return sr.Measurement(name, number, unit, referenced_coordinates=[coordinates])


def test_a_circle_becomes_an_ellipse_with_its_values() -> None:
    values = [
        sr.Measurement(codes.SCT.Area, 3.5, codes.UCUM.SquareCentimeter),
        sr.Measurement(
            codes.DCM.AttenuationCoefficient,
            40.0,
            codes.UCUM.HounsfieldUnit,
            derivation=codes.SCT.Mean,
        ),
    ]
    found = read(region("CIRCLE", [[50.0, 50.0], [53.0, 54.0]], measurements=values))
    (circle,) = found.measurements
    assert circle.kind is Kind.ELLIPSE
    assert circle.points == ((45.0, 50.0), (55.0, 50.0), (50.0, 45.0), (50.0, 55.0))
    assert circle.values == (
        Value(Quantity.AREA, 350.0, Unit.SQUARE_MILLIMETRE),
        Value(Quantity.MEAN, 40.0, Unit.HOUNSFIELD),
    )
    assert (circle.uid, circle.label) == ("1.2.9", "nốt phổi")
    assert circle.frame.sop_instance_uid == IMAGE.SOPInstanceUID
    assert found.author == "Bà Đọc"


def test_closed_lines_are_outlines_and_open_ones_arrows() -> None:
    closed = region("POLYLINE", [[1.0, 1.0], [9.0, 1.0], [9.0, 9.0], [1.0, 1.0]])
    (outline,) = read(closed).measurements
    assert (outline.kind, len(outline.points)) == (Kind.FREEHAND, 3)
    (arrow,) = read(region("POLYLINE", [[1.0, 1.0], [9.0, 1.0]])).measurements
    assert arrow.kind is Kind.ARROW
    (probe,) = read(region("POINT", [[1.0, 1.0]])).measurements
    assert probe.kind is Kind.PROBE


def test_two_lines_of_one_group_are_two_lengths() -> None:
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.2.9", identifier="Tools@1:Bidirectional"),
        measurements=[
            line(codes.SCT.LongAxis, [[1.0, 1.0], [9.0, 1.0]], 8.0, codes.UCUM.Millimeter),
            line(codes.SCT.ShortAxis, [[5.0, 0.0], [5.0, 4.0]], 0.4, codes.UCUM.Centimeter),
        ],
    )
    long, short = read(group).measurements
    assert (long.kind, short.kind) == (Kind.LENGTH, Kind.LENGTH)
    assert short.values == (Value(Quantity.LENGTH, 4.0, Unit.MILLIMETRE),)
    assert long.uid == "1.2.9"
    assert short.uid not in ("", long.uid)
    assert read(group).measurements == (long, short)
    assert long.label == ""


def test_an_angle() -> None:
    points = [[1.0, 1.0], [5.0, 5.0], [9.0, 1.0]]
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.2.9", identifier="góc"),
        measurements=[line(codes.SCT.Angle, points, 90.0, codes.UCUM.Degree)],
    )
    (angle,) = read(group).measurements
    assert (angle.kind, angle.values[0].unit) == (Kind.ANGLE, Unit.DEGREE)


def test_images_of_other_studies_are_left_out() -> None:
    model = made(region("POINT", [[1.0, 1.0]]))
    assert report_of(model, study_uid="1.2.3", at_most=1000).measurements == ()


def test_a_report_without_measurements_has_none() -> None:
    model = model_of(shipped("test-SR.dcm"))
    assert report_of(model, study_uid=STUDY, at_most=1000).measurements == ()


def test_no_more_items_are_looked_at_than_allowed() -> None:
    groups = [region("POINT", [[float(n), 1.0]]) for n in range(20)]
    model = made(*groups)
    assert len(report_of(model, study_uid=STUDY, at_most=1000).measurements) == 20
    assert len(report_of(model, study_uid=STUDY, at_most=10).measurements) < 10


WHOLE = json.dumps(made(region("CIRCLE", [[50.0, 50.0], [53.0, 54.0]])))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_spoiled_documents_never_raise(data: st.DataObject) -> None:
    model = json.loads(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        spoil(model, data)
    report_of(model, study_uid=STUDY, at_most=1000)
    selection_of(model, study_uid=STUDY)


def spoil(part: Any, data: st.DataObject) -> None:
    """Replace something somewhere in a model."""
    while isinstance(part, dict | list) and part:
        key = data.draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))
        if data.draw(st.integers(0, 5)) == 0:
            other: Any = data.draw(
                st.sampled_from([None, {}, [], "x", -1, 1e39, {"vr": "SQ"}, {"Value": [None]}])
            )
            part[key] = other
            return
        part = part[key]
