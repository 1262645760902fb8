"""`/api/worklist/neighbours`: which studies stand around one in the list it was opened from."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.errors import BadRequestError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.listpage import hospital_day
from pacs_gateway.web.services import Services
from pacs_gateway.web.studylist import read_filters, worklists
from pacs_gateway.web.studypage import recent_since
from storage.reach import Reach
from storage.records import utc_now
from storage.worklist import Neighbours

MAX_QUERY_CHARACTERS = 2000
"""An address of ours with every field filled in has about 900."""
MAX_QUERY_FIELDS = 40

_NONE = Neighbours(previous="", next="", place=None, total=None)


class NeighboursAnswer(BaseModel):
    """What stands around a study."""

    previous: str | None = Field(description="Study Instance UID")
    next: str | None = Field(description="Study Instance UID")
    place: int | None = Field(description="number of the study, from 1; null far down the list")
    total: int | None = Field(description="null if there are more than anybody counts")


class NeighbourEndpoints:
    """The route of a study's neighbours."""

    def __init__(self, services: Services) -> None:
        self._index = services.index
        self._receiving_s = services.settings.web.receiving_s

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        answer: dict[int | str, dict[str, Any]] = {200: {"model": NeighboursAnswer}}
        path = "/api/worklist/neighbours"
        return [APIRoute(path, self.neighbours, responses=answer, tags=["studies"])]

    async def neighbours(
        self,
        request: Request,
        study: Annotated[str, Query(max_length=64, description="Study Instance UID")],
        of_list: Annotated[
            str, Query(alias="list", max_length=MAX_QUERY_CHARACTERS, description="of `/`")
        ] = "",
    ) -> Response:
        """Find the studies before and after one in a list of studies."""
        reach = caller_of(request).reach
        found = await run_in_threadpool(self._around, study, of_list, reach)
        return JSONResponse(
            {
                "previous": found.previous or None,
                "next": found.next or None,
                "place": found.place,
                "total": found.total,
            }
        )

    def _around(self, study_uid: str, query: str, reach: Reach) -> Neighbours:
        try:
            filters = read_filters(dict(parse_qsl(query, max_num_fields=MAX_QUERY_FIELDS)))
        except ValueError as error:
            raise BadRequestError("The query of the list cannot be read.") from error
        quiet_since = recent_since(utc_now(), self._receiving_s)
        for _, wanted in worklists(filters, hospital_day(), quiet_since=quiet_since):
            found = self._index.list_neighbours(wanted, study_uid, reach=reach)
            # An identifier may be written in two ways, one of which finds nothing.
            if found.total != 0:
                return found
        return _NONE
