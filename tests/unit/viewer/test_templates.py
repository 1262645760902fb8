"""A page is safe whatever the data says: nothing a file, a person or an address carries is markup."""

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from pacs_gateway.web.display import Patient, StudyView
from pacs_gateway.web.healthwords import Said
from pacs_gateway.web.language import Texts, texts_of
from pacs_gateway.web.listpage import Column, ListPages, Row
from pacs_gateway.web.paging import Pages, pages_of
from pacs_gateway.web.templating import Templates
from storage.worklist import Sort
from viewer import LANGUAGES

MAY = frozenset({"logged in", "share", "audit", "administer", "download"})
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7*7 }}</title>"""
ALARM = {"said": Said("wrong", HOSTILE, HOSTILE, HOSTILE), "more": 2}
LANGUAGE_TEXTS = [texts_of(language) for language in LANGUAGES]


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def hostile_study() -> StudyView:
    patient = Patient(
        name=HOSTILE, patient_id=HOSTILE, birth_date=HOSTILE, age=HOSTILE, sex=HOSTILE
    )
    return StudyView(
        uid="1.2.3",
        patient=patient,
        date=HOSTILE,
        time=HOSTILE,
        modalities=(HOSTILE,),
        description=HOSTILE,
        accession_number=HOSTILE,
        study_id=HOSTILE,
        referring_physician=HOSTILE,
        series_count=1,
        instance_count=1,
        conflict=True,
        received=f"{datetime.now(UTC):%Y}",
    )


def one_page() -> Pages:
    return pages_of(1, 1, 50, address=str)


def hostile_contexts() -> dict[str, dict[str, Any]]:
    series = {
        "uid": "1.2.3.4",
        "number": HOSTILE,
        "modality": HOSTILE,
        "description": HOSTILE,
        "instance_count": 1,
    }
    instance = {
        "sop_instance_uid": "1.2.3.4.5",
        "series_uid": "1.2.3.4",
        "instance_number": 1,
        "pixels": {"frame_count": 2},
    }
    section = {"series": series, "frames": 2, "kind": "", "first": instance, "missing": HOSTILE}
    report = {**section, "kind": "report"}
    return {
        "studies.html": {
            "filters": {"text": HOSTILE, "first": "", "last": "", "modality": "", "period": ""}
            | {"narrowed": True, "backwards": False, "fields": {"name": HOSTILE}},
            "fields": {"name": HOSTILE},
            "rows": [
                Row(
                    study=hostile_study(),
                    address="/studies/1.2.3",
                    receiving=True,
                    read=False,
                    alike=(HOSTILE,),
                    incomplete=(HOSTILE,),
                    waits_hours=30,
                )
            ],
            "empty": False,
            "receiver": {"ae_title": HOSTILE, "host": HOSTILE, "port": 1},
            "modalities": ("CT",),
            "periods": [{"text": "studies.period.all", "address": HOSTILE, "active": True}],
            "statuses": [{"text": "studies.status.read", "address": "read", "active": True}],
            "columns": {str(sort): Column(HOSTILE, "ascending") for sort in Sort},
            "sort": HOSTILE,
            "found_by": "name",
            "other_ways": [{"text": "studies.by.id", "address": HOSTILE}],
            "count": HOSTILE,
            "newest_only": True,
            "pages": ListPages(first=HOSTILE, previous=HOSTILE, next=HOSTILE, further=HOSTILE),
            "live": True,
            "receiving_s": 120.0,
            "idle_s": 1800.0,
        },
        "study.html": {
            "study": hostile_study(),
            "facts": [{"label": "study.id", "value": HOSTILE}],
            "sections": [section, report],
            "chosen": section,
            "picture": {"instance": instance, "frame": 1},
            "listed": [{"uid": "1.2.3.4.5", "number": HOSTILE, "kind": ""}],
            "reports": [report],
            "receiving": True,
            "gaps": [section],
            "lacks": [HOSTILE],
            "others": [{"study": hostile_study(), "body_parts": HOSTILE}],
            "pages": one_page(),
            "image_pages": one_page(),
            "guest": False,
            "list": HOSTILE,
            "ohif": True,
        },
        "tags.html": {
            "study": hostile_study(),
            "chosen": instance,
            "series": [series],
            "instances": [instance],
            "rows": [
                {"depth": 0, "tag": HOSTILE, "keyword": "", "vr": "", "value": HOSTILE, "item": 0},
                {"depth": 1, "tag": "", "keyword": "", "vr": "", "value": "", "item": 1},
            ],
            "cut": True,
        },
        "login.html": {
            "next": HOSTILE,
            "username": HOSTILE,
            "half_way": "",
            "provider": HOSTILE,
            "problem": "login.wrong",
        },
        "error.html": {"kind": 404},
    }


def render(name: str, texts: Texts) -> str:
    frame = {
        "here": HOSTILE,
        "user": HOSTILE,
        "may": MAY,
        "theme": "dark",
        "bundle": True,
        "alarm": ALARM,
    }
    context = {**frame, **hostile_contexts()[name]}
    return Templates("vi").text(name, texts, context)


@pytest.mark.parametrize("texts", LANGUAGE_TEXTS, ids=LANGUAGES)
@pytest.mark.parametrize("name", hostile_contexts())
def test_hostile_text_stays_text(name: str, texts: Texts) -> None:
    page = Reader(render(name, texts))
    for tag, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on")], tag
    for script in page.attributes("script"):
        is_ours = (script.get("src") or "").startswith("/static/")
        assert is_ours or script["type"] == "application/json"
    assert [image for image in page.attributes("img") if image.get("src") == "x"] == []
    assert len(page.attributes("title")) == 1
    if name != "error.html":
        assert "49" not in page.words
        assert HOSTILE in page.words or HOSTILE in str(page.tags)


def test_a_hostile_name_is_shown_in_full() -> None:
    assert HOSTILE in Reader(render("studies.html", texts_of("vi"))).words


@pytest.mark.parametrize("texts", LANGUAGE_TEXTS, ids=LANGUAGES)
def test_a_pages_script_gets_its_texts_as_data(texts: Texts) -> None:
    page = render("study.html", texts)
    data = re.search(r'<script type="application/json" id="texts">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["trouble.unreadable"] == texts("trouble.unreadable")


@pytest.mark.parametrize("texts", LANGUAGE_TEXTS, ids=LANGUAGES)
@pytest.mark.parametrize("kind", [400, 401, 403, 404, 422, 500, 503])
def test_every_kind_of_error_is_told_in_words(kind: int, texts: Texts) -> None:
    page = Templates("vi").text(
        "error.html",
        texts,
        {
            "here": "/",
            "user": "",
            "may": frozenset(),
            "theme": "system",
            "bundle": False,
            "alarm": None,
        }
        | {"kind": kind},
    )
    words = Reader(page).words
    assert texts(f"error.{kind}.title") in words
    assert texts(f"error.{kind}.text") in words


@pytest.mark.parametrize("texts", LANGUAGE_TEXTS, ids=LANGUAGES)
def test_the_page_says_its_language_and_offers_the_other(texts: Texts) -> None:
    page = Reader(render("login.html", texts))
    assert page.attributes("html") == [
        {"lang": texts.language, "data-theme": "dark", "data-bundle": None}
    ]
    offered = [button.get("value") for button in page.attributes("button") if "lang" in button]
    assert offered == [language for language in LANGUAGES if language != texts.language]


@pytest.mark.parametrize(
    ("total", "page", "count", "first", "last", "previous", "following"),
    [
        (0, 1, 1, 0, 0, "", ""),
        (50, 1, 1, 1, 50, "", ""),
        (51, 1, 2, 1, 50, "", "2"),
        (51, 2, 2, 51, 51, "1", ""),
        (51, 9, 2, 51, 51, "2", ""),
    ],
)
def test_pages_lead_to_their_neighbours(
    total: int, page: int, count: int, first: int, last: int, previous: str, following: str
) -> None:
    pages = pages_of(total, page, 50, address=str)
    assert (pages.count, pages.first, pages.last) == (count, first, last)
    assert (pages.previous, pages.next) == (previous, following)
