"""Deleting by DICOMweb, and `/api/deletions`: what was deleted, and bringing it back."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.paths import uids_of
from pacs_gateway.web.services import Services
from storage import deletions

MAX_REASON_CHARACTERS = 500
"""One sentence; the reason is shown in lists."""
MAX_LISTED = 200
"""Deletions in one answer."""


class DeletionAnswer(BaseModel):
    """One deletion."""

    id: str
    study_uid: str
    series_uid: str | None = Field(description="null: the whole study")
    sop_instance_uid: str | None = Field(description="null: the whole series or study")
    number_of_instances: int
    reason: str
    deleted_by: str
    deleted_at: datetime
    restored_by: str | None
    restored_at: datetime | None


class DeletionsAnswer(BaseModel):
    """Deletions, the newest first."""

    total: int
    deletions: list[DeletionAnswer]


class DeletionEndpoints:
    """The routes that delete, and those that undo it."""

    def __init__(self, services: Services) -> None:
        self._deletion = services.deletion
        self._recorder = services.recorder
        self._recent = services.recent

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study = "/dicom-web/studies/{study}"
        series = f"{study}/series/{{series}}"
        instance = f"{series}/instances/{{instance}}"
        one: dict[int | str, dict[str, Any]] = {200: {"model": DeletionAnswer}}
        many: dict[int | str, dict[str, Any]] = {200: {"model": DeletionsAnswer}}
        path = "/api/deletions"
        tags: list[Any] = ["deletions"]
        return [
            *(Route(each, self.delete, methods=["DELETE"]) for each in (study, series, instance)),
            APIRoute(path, self.listed, methods=["GET"], responses=many, tags=tags),
            APIRoute(
                f"{path}/{{deletion_id}}/restore",
                self.restore,
                methods=["POST"],
                responses=one,
                tags=tags,
            ),
        ]

    async def delete(self, request: Request) -> Response:
        """Hide a study, series or instance; no byte of it is removed."""
        uids = uids_of(request)
        reason = request.query_params.get("reason", "")
        if len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
            raise BadRequestError(
                f"A reason is one line of at most {MAX_REASON_CHARACTERS} characters."
            )
        by = self._recorder.who(request, caller_of(request))
        await run_in_threadpool(self._deletion.delete, *uids, by=by, reason=reason)
        self._recent.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def listed(
        self,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50,
        offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    ) -> Response:
        """List what was deleted, the newest first."""
        found, total = await run_in_threadpool(self._deletion.listed, limit=limit, offset=offset)
        answer = DeletionsAnswer(total=total, deletions=[_answer(each) for each in found])
        return JSONResponse(answer.model_dump(mode="json"))

    async def restore(self, request: Request, deletion_id: str) -> Response:
        """Show again what a deletion hides."""
        by = self._recorder.who(request, caller_of(request))
        found = await run_in_threadpool(self._deletion.restore, deletion_id, by=by)
        return JSONResponse(_answer(found).model_dump(mode="json"))


def _answer(deletion: deletions.Deletion) -> DeletionAnswer:
    return DeletionAnswer(
        id=deletion.id,
        study_uid=deletion.study_uid,
        series_uid=deletion.series_uid,
        sop_instance_uid=deletion.sop_instance_uid,
        number_of_instances=deletion.number_of_instances,
        reason=deletion.reason,
        deleted_by=deletion.deleted_by,
        deleted_at=deletion.deleted_at,
        restored_by=deletion.restored_by,
        restored_at=deletion.restored_at,
    )
