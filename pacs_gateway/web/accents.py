"""Names with their marks: a device that knows ASCII alone sends images without, its order has them."""

from collections.abc import Sequence
from dataclasses import replace

from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.linking import shown_name
from pacs_gateway.web.display import StudyView
from pacs_gateway.web.listpage import Row
from pacs_gateway.web.orderviews import spoken


def with_names_of_orders(desk: Desk, studies: Sequence[StudyView]) -> list[StudyView]:
    """Return studies as they are shown, with the name of their order where it only adds marks."""
    orders = desk.orders_of([study.uid for study in studies])
    return [
        _named(study, spoken(listed.person.told.name))
        if (listed := orders.get(study.uid)) is not None and listed.person is not None
        else study
        for study in studies
    ]


def rows_with_names_of_orders(desk: Desk, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the list of studies with the names of their orders."""
    studies = with_names_of_orders(desk, [row.study for row in rows])
    return [replace(row, study=study) for row, study in zip(rows, studies, strict=True)]


def _named(study: StudyView, name: str) -> StudyView:
    patient = study.patient
    return replace(study, patient=replace(patient, name=shown_name(patient.name, name)))
