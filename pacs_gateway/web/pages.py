"""The pages: login, list of studies, one study's previews, and errors in plain words.

All of them work without scripts; scripts only add keys, the larger preview and friendlier errors.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

import viewer
from pacs_gateway.config import Settings
from pacs_gateway.errors import BadRequestError, TooLargeError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.language import COOKIE, COOKIE_SECONDS
from pacs_gateway.web.listpage import receiver_of, studies_context
from pacs_gateway.web.problems import TooManyAttemptsError, UnauthenticatedError
from pacs_gateway.web.studylist import MAX_PAGE_DIGITS, read_filters
from pacs_gateway.web.studypage import study_context
from pacs_gateway.web.templating import ImmutableFiles, Templates
from storage.index import Index

MAX_FORM_BYTES = 16 * 1024
"""A login of the longest names and passwords has 5 KiB."""
MAX_FORM_FIELDS = 10
MAX_PATH_CHARACTERS = 2000
"""Longer addresses to come back to are no pages of ours."""

