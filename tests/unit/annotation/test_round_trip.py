"""Invariant: whatever measurement or selection is taken, its document says exactly that again."""

import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_gateway.annotation.checking import check_frames, check_measurements
from pacs_gateway.annotation.reports import report_of
from pacs_gateway.annotation.selections import selection_of
from pacs_gateway.annotation.values import (
    Frame,
    Kind,
    Measurement,
    Quantity,
    Title,
    Unit,
    Value,
)
from pacs_gateway.annotation.writing import key_objects, measurement_report
from tests.unit.annotation.documents import MAKING, SERIES, STUDY, image, stored

IMAGES = {each.sop_instance_uid: each for each in (image("1.2.3"), image("1.2.4", frames=30))}
POINTS = {
    Kind.LENGTH: 2,
    Kind.ANGLE: 3,
    Kind.COBB: 4,
    Kind.ELLIPSE: 4,
    Kind.RECTANGLE: 4,
    Kind.ARROW: 2,
    Kind.PROBE: 1,
}
REGION: dict[Quantity, tuple[Unit, ...]] = {
    Quantity.AREA: (Unit.SQUARE_MILLIMETRE, Unit.SQUARE_PIXEL),
    Quantity.LENGTH: (Unit.MILLIMETRE, Unit.PIXEL),
    Quantity.MEAN: (Unit.HOUNSFIELD, Unit.NONE),
    Quantity.DEVIATION: (Unit.HOUNSFIELD, Unit.NONE),
    Quantity.MINIMUM: (Unit.HOUNSFIELD, Unit.NONE),
    Quantity.MAXIMUM: (Unit.HOUNSFIELD, Unit.NONE),
}
QUANTITIES: dict[Kind, dict[Quantity, tuple[Unit, ...]]] = {
    Kind.LENGTH: {Quantity.LENGTH: (Unit.MILLIMETRE, Unit.PIXEL)},
    Kind.ANGLE: {Quantity.ANGLE: (Unit.DEGREE,)},
    Kind.COBB: {Quantity.ANGLE: (Unit.DEGREE,)},
    Kind.ELLIPSE: REGION,
    Kind.RECTANGLE: REGION,
    Kind.FREEHAND: REGION,
    Kind.ARROW: {},
    Kind.PROBE: {Quantity.VALUE: (Unit.HOUNSFIELD, Unit.NONE)},
}
# Hundredths of a pixel, as viewers send them.
points = st.tuples(
    st.integers(0, 60_000).map(lambda n: n / 100), st.integers(0, 51_200).map(lambda n: n / 100)
)
labels = st.text(
    st.sampled_from(string.ascii_letters + " ăâđêôơưẢằỆợ\\^=\n" + string.digits), max_size=40
).map(str.strip)
frames = st.one_of(
    st.just(Frame(SERIES, "1.2.3", 1)), st.integers(1, 30).map(lambda n: Frame(SERIES, "1.2.4", n))
)
numbers = st.floats(-1e12, 1e12, allow_nan=False, allow_infinity=False)


@st.composite
def measurements(draw: Any) -> Measurement:
    kind = draw(st.sampled_from(Kind))
    count = POINTS.get(kind) or draw(st.integers(3, 20))
    drawn = draw(st.lists(points, min_size=count, max_size=count))
    if kind is Kind.FREEHAND and drawn[0] == drawn[-1]:
        drawn[-1] = (drawn[0][0], drawn[0][1] / 2 + 1)
    known = QUANTITIES[kind]
    least = int(kind in (Kind.LENGTH, Kind.ANGLE, Kind.COBB))
    chosen = (
        draw(st.lists(st.sampled_from(list(known)), min_size=least, unique=True)) if known else []
    )
    values = [Value(q, draw(numbers), draw(st.sampled_from(known[q]))) for q in chosen]
    return Measurement(
        uid=f"2.25.{draw(st.integers(1, 2**128))}",
        kind=kind,
        frame=draw(frames),
        points=tuple(drawn),
        values=tuple(values),
        label=draw(labels),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(measurements(), min_size=1, max_size=6, unique_by=lambda each: each.uid))
def test_measurements(given_: list[Measurement]) -> None:
    check_measurements(given_, IMAGES, max_points=2000)
    model = stored(measurement_report(given_, IMAGES, MAKING))
    found = report_of(model, study_uid=STUDY, at_most=1000)
    assert found.measurements == tuple(given_)
    assert found.author == "Nguyễn Văn An"
    assert found.created == "2026-11-23T08:05:09"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(Title), labels, st.lists(frames, min_size=1, max_size=9, unique=True))
def test_selections(title: Title, note: str, chosen: list[Frame]) -> None:
    check_frames(chosen, IMAGES)
    model = stored(key_objects(title, note, chosen, IMAGES, MAKING))
    found = selection_of(model, study_uid=STUDY)
    assert (found.title, found.note) == (title, note)
    # A document names each image once, with its frames in the order they were chosen.
    assert sorted(found.frames, key=str) == sorted(chosen, key=str)


def test_a_patient_without_anything_else_is_carried_over() -> None:
    frame = Frame(SERIES, "1.2.3", 1)
    model = stored(key_objects(Title.KEY, "", [frame], IMAGES, MAKING))
    assert model["00100010"]["Value"] == [{"Alphabetic": "TRẦN^THỊ BÌNH"}]
    assert model["00100020"] == {"vr": "LO"}


def test_nothing_of_another_study_is_shown() -> None:
    frame = Frame(SERIES, "1.2.3", 1)
    model = stored(key_objects(Title.KEY, "", [frame], IMAGES, MAKING))
    assert selection_of(model, study_uid="1.2.3.4").frames == ()
