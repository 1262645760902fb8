"""The sums that series and studies carry, made anew from the rows that they count.

Invariant: after any change of what is current, each count equals the current rows below it, and a
study names just the modalities and SOP classes of these.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, func, select, update

from storage import schema

_IDS_AT_ONCE = 500


def count_series(connection: Connection, series_ids: Collection[int]) -> None:
    """Count the current instances of series."""
    instances, series = schema.instances.c, schema.series
    own = select(func.count(instances.id)).where(
        instances.series_id == series.c.id, instances.current
    )
    ids = sorted(series_ids)
    for start in range(0, len(ids), _IDS_AT_ONCE):
        connection.execute(
            update(series)
            .where(series.c.id.in_(ids[start : start + _IDS_AT_ONCE]))
            .values(number_of_instances=own.scalar_subquery())
        )


def count_study(connection: Connection, study_id: int) -> None:
    """Count series and instances of a study whose series are counted already."""
    of_study = (
        schema.series.c.study_id == schema.studies.c.id,
        schema.series.c.number_of_instances > 0,
    )
    total = select(func.coalesce(func.sum(schema.series.c.number_of_instances), 0)).where(*of_study)
    connection.execute(
        update(schema.studies)
        .where(schema.studies.c.id == study_id)
        .values(
            number_of_series=select(func.count(schema.series.c.id))
            .where(*of_study)
            .scalar_subquery(),
            number_of_instances=total.scalar_subquery(),
        )
    )


def name_contents(connection: Connection, study_id: int) -> None:
    """Note the modalities and SOP classes that a study has now."""
    series, instances = schema.series.c, schema.instances.c
    modalities = connection.scalars(
        select(series.Modality)
        .distinct()
        .where(series.study_id == study_id, series.number_of_instances > 0)
    )
    sop_classes = connection.scalars(
        select(instances.SOPClassUID)
        .distinct()
        .join_from(schema.instances, schema.series)
        .where(series.study_id == study_id, instances.current)
    )
    connection.execute(
        update(schema.studies)
        .where(schema.studies.c.id == study_id)
        .values(modalities=united("", modalities), sop_classes=united("", sop_classes))
    )


def united(joined: str, more: Iterable[str | None]) -> str:
    """Return joined values with more of them, each between backslashes, in order."""
    values = sorted({value for value in (*joined.split("\\"), *more) if value})
    return "\\".join(("", *values, "")) if values else ""
