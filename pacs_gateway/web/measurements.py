"""Measurements, key images and presentation states of a study, as JSON for viewers."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.annotation.states import PresentationState
from pacs_gateway.annotation.values import (
    Frame,
    Kind,
    Measurement,
    MeasurementReport,
    Quantity,
    Selection,
    Title,
    Unit,
    Value,
)
from pacs_gateway.archive.annotations import Annotations, Hand
from pacs_gateway.archive.commit import VIEWER
from pacs_gateway.archive.ingest import Accepted
from pacs_gateway.errors import BadRequestError, TooLargeError
from pacs_gateway.web import address
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.language import texts_of
from pacs_gateway.web.paths import uids_of
from pacs_gateway.web.services import Services
from pacs_gateway.web.visible import Visibility
from storage.records import Origin, utc_now

MAX_UID_CHARACTERS = 64
MAX_LABEL_CHARACTERS = 200
"""A label stands beside its line on the image."""
MAX_NOTE_CHARACTERS = 2000
_LINE_ENDS = frozenset("\n\t")

_Body = TypeVar("_Body", bound=BaseModel)


def _plain(text: str) -> str:
    if any(not letter.isprintable() and letter not in _LINE_ENDS for letter in text):
        raise ValueError("a text holds control characters")
    return text.strip()


Text = Annotated[str, AfterValidator(_plain)]
Uid = Annotated[str, Field(max_length=MAX_UID_CHARACTERS)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Number, Number]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FrameModel(_Model):
    """One frame, the first being 1."""

    series: Uid
    instance: Uid
    frame: int = Field(1, ge=1)

    def value(self) -> Frame:
        """Return it as the archive takes it."""
        return Frame(self.series, self.instance, self.frame)

    @classmethod
    def of(cls, frame: Frame) -> "FrameModel":
        """Return it as it is sent."""
        return cls(series=frame.series_uid, instance=frame.sop_instance_uid, frame=frame.number)


class ValueModel(_Model):
    """One result."""

    name: Quantity = Field(strict=False)
    value: Number
    unit: Unit = Field(strict=False)


class MeasurementModel(_Model):
    """One measurement; points are [column, row], 0.5, 0.5 being the middle of the first pixel."""

    id: Uid
    kind: Kind = Field(strict=False)
    image: FrameModel
    points: list[Point] = Field(min_length=1)
    values: list[ValueModel] = []
    label: Annotated[Text, Field(max_length=MAX_LABEL_CHARACTERS)] = ""

    def value(self) -> Measurement:
        """Return it as the archive takes it."""
        return Measurement(
            uid=self.id,
            kind=self.kind,
            frame=self.image.value(),
            points=tuple(self.points),
            values=tuple(Value(each.name, each.value, each.unit) for each in self.values),
            label=self.label,
        )

    @classmethod
    def of(cls, each: Measurement) -> "MeasurementModel":
        """Return it as it is sent; what others wrote is checked by nobody."""
        values = [
            ValueModel.model_construct(name=v.quantity, value=v.number, unit=v.unit)
            for v in each.values
        ]
        return cls.model_construct(
            id=each.uid,
            kind=each.kind,
            image=FrameModel.of(each.frame),
            points=list(each.points),
            values=values,
            label=each.label,
        )


class MeasurementsRequest(_Model):
    """Measurements to save together."""

    measurements: list[MeasurementModel] = Field(min_length=1)


class SelectionRequest(_Model):
    """Images to select."""

    title: Title = Field(Title.KEY, strict=False)
    note: Annotated[Text, Field(max_length=MAX_NOTE_CHARACTERS)] = ""
    images: list[FrameModel] = Field(min_length=1)


class SavedAnswer(BaseModel):
    """What was saved."""

    uid: str = Field(description="SOP Instance UID")


class ReportModel(BaseModel):
    """One Structured Report."""

    uid: str
    created: str
    author: str
    measurements: list[MeasurementModel]


class ReportsAnswer(BaseModel):
    """Reports of a study, the oldest first."""

    reports: list[ReportModel]


class SelectionModel(BaseModel):
    """One Key Object Selection."""

    uid: str
    title: Title
    note: str
    created: str
    images: list[FrameModel]


class SelectionsAnswer(BaseModel):
    """Selections of a study, the oldest first."""

    selections: list[SelectionModel]


class MeasurementEndpoints:
    """The routes of what people add to images."""

    def __init__(self, services: Services) -> None:
        self._settings = services.settings
        self._limits = services.settings.annotation
        self._accounts = services.accounts
        self._visibility = Visibility(
            services.ingest.spool, within_s=services.settings.web.visible_wait_s
        )
        self._annotations = Annotations(
            services.index,
            services.retrieval,
            services.ingest,
            services.settings.annotation,
            documents=services.settings.documents,
        )

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/api/studies/{study}"
        return [
            _route(f"{study}/measurements", self.reports, ReportsAnswer),
            _route(f"{study}/measurements", self.measure, SavedAnswer, MeasurementsRequest),
            _route(f"{study}/key-images", self.selections, SelectionsAnswer),
            _route(f"{study}/key-images", self.select, SavedAnswer, SelectionRequest),
            _route(f"{study}/presentation-states", self.states),
        ]

    async def measure(self, request: Request, study: str) -> Response:
        """Save measurements as a Structured Report (TID 1500); nothing that was saved is changed."""
        del study
        body = await self._body(request, MeasurementsRequest)
        _check_number(body.measurements, self._limits.max_measurements)
        measurements = [each.value() for each in body.measurements]
        uid, hand = uids_of(request).study, await self._hand(request, "measure.series")
        save = self._annotations.save_measurements
        return await self._saved(lambda: save(uid, measurements, hand))

    async def select(self, request: Request, study: str) -> Response:
        """Save key images as a Key Object Selection (TID 2010)."""
        del study
        body = await self._body(request, SelectionRequest)
        _check_number(body.images, self._limits.max_key_images)
        frames = [each.value() for each in body.images]
        uid, hand = uids_of(request).study, await self._hand(request, "measure.key_series")
        save = self._annotations.save_selection
        return await self._saved(lambda: save(uid, body.title, body.note, frames, hand))

    async def reports(self, request: Request, study: str) -> Response:
        """Return measurements of a study, also those that other makers' programs have written."""
        del study
        found = await run_in_threadpool(self._annotations.reports, uids_of(request).study)
        return _answer(ReportsAnswer(reports=[_report(each) for each in found]))

    async def selections(self, request: Request, study: str) -> Response:
        """Return the key images of a study."""
        del study
        found = await run_in_threadpool(self._annotations.selections, uids_of(request).study)
        return _answer(SelectionsAnswer(selections=[_selection(each) for each in found]))

    async def states(self, request: Request, study: str) -> Response:
        """Return how presentation states show images of a study."""
        del study
        found = await run_in_threadpool(self._annotations.states, uids_of(request).study)
        return JSONResponse({"states": [_state(each) for each in found]})

    async def _body(self, request: Request, model: type[_Body]) -> _Body:
        """Return the body; raises TooLargeError, BadRequestError."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > self._limits.max_body_bytes:
                most = self._limits.max_body_bytes
                raise TooLargeError(f"One save takes at most {most} bytes.")
        try:
            return model.model_validate_json(bytes(body))
        except ValidationError as error:
            raise BadRequestError(_explained(error)) from error

    async def _hand(self, request: Request, description: str) -> Hand:
        caller = caller_of(request)
        user = await run_in_threadpool(self._accounts.user, caller.name)
        language = self._settings.language
        return Hand(
            name=(user.display_name if user else "") or caller.name,
            login=caller.name,
            description=texts_of(language)(description),
            institution=self._settings.hospital.name,
            language=language,
            made_at=datetime.now().astimezone(),
            origin=Origin(
                source=VIEWER,
                peer=caller.name,
                address=address.client_address(
                    request, behind_proxy=self._settings.web.behind_proxy
                ),
                received_at=utc_now(),
            ),
        )

    async def _saved(self, save: Callable[[], Accepted]) -> Response:
        accepted = await run_in_threadpool(save)
        await self._visibility.of([accepted])
        answer = SavedAnswer(uid=accepted.identity.sop_instance_uid)
        return _answer(answer, HTTPStatus.CREATED)


def _route(
    path: str,
    endpoint: Callable[..., Any],
    answer: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
) -> APIRoute:
    """Return a route that reads its body itself, within limits, and describes it all the same."""
    status = HTTPStatus.CREATED if body else HTTPStatus.OK
    described: dict[str, Any] = {"model": answer} if answer else {}
    extra = None
    if body:
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        content = {"application/json": {"schema": _inlined(schema)}}
        extra = {"requestBody": {"required": True, "content": content}}
    return APIRoute(
        path,
        endpoint,
        methods=["POST" if body else "GET"],
        status_code=status,
        responses={int(status): described},
        openapi_extra=extra,
        response_class=Response,
        tags=["measurements"],
    )


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its definitions in their places: they have no names in the document."""
    definitions = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolved(definitions[part["$ref"].rpartition("/")[2]])
        return {name: resolved(each) for name, each in part.items()}

    found: dict[str, Any] = resolved(schema)
    return found


def _explained(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place or 'The body'}: {first['msg']}."


def _check_number(found: Sequence[object], most: int) -> None:
    if len(found) > most:
        raise BadRequestError(f"One save takes at most {most} of them; this has {len(found)}.")


def _answer(model: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(model.model_dump(mode="json"), status)


def _report(report: MeasurementReport) -> ReportModel:
    return ReportModel.model_construct(
        uid=report.sop_instance_uid,
        created=report.created,
        author=report.author,
        measurements=[MeasurementModel.of(each) for each in report.measurements],
    )


def _selection(selection: Selection) -> SelectionModel:
    return SelectionModel.model_construct(
        uid=selection.sop_instance_uid,
        title=selection.title,
        note=selection.note,
        created=selection.created,
        images=[FrameModel.of(each) for each in selection.frames],
    )


def _state(state: PresentationState) -> dict[str, Any]:
    shown = asdict(state.shown)
    return {
        "uid": state.sop_instance_uid,
        "label": state.label,
        "description": state.description,
        "created": state.created,
        "creator": state.creator,
        "images": state.images,
        "voiLut": shown.pop("voi_lut"),
        "presentationLut": shown.pop("presentation_lut"),
        **shown,
    }
