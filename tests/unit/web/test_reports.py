"""A report reads the same as page and as text, its headings in the reader's language and its
values as sent, and no value of it becomes markup or an address elsewhere."""

from html.parser import HTMLParser
from textwrap import dedent

import pytest

from pacs_gateway.documents.report import MAX_DEPTH, report_of
from pacs_gateway.web.language import Texts, texts_of
from pacs_gateway.web.reportsheet import Sheet, sheet_of
from pacs_gateway.web.reporttext import plain_text, running_text
from pacs_gateway.web.templating import Templates
from storage.records import DicomJson
from tests.unit.documents.models import code, element, item, model_of, shipped, text

VIETNAMESE = texts_of("vi")
ENGLISH = texts_of("en")
TEMPLATES = Templates("vi")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</title></h1><svg onload=alert(1)>",
    "&lt;script&gt;",
)

TAGS = frozenset(
    "html head meta title link body main header h1 h2 h3 p span dl div dt dd section a".split()  # noqa: SIM905
)


class Page(HTMLParser):
    """The elements, addresses and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"] or "")
        if "id" in values:
            self.ids.append(values["id"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def sheet(model: DicomJson, texts: Texts = ENGLISH) -> Sheet:
    return sheet_of(report_of(model, max_items=1000), texts)


def page(model: DicomJson, texts: Texts = ENGLISH) -> Page:
    context = {"sheet": sheet(model, texts), "running": running_text}
    return Page(TEMPLATES.text("documents/report.html", texts, context))


def with_evidence(*children: DicomJson, study: str = "1.5", series: str = "1.6") -> DicomJson:
    instance = {"00081155": element("UI", "1.2.3")}
    evidence = {
        "0020000D": element("UI", study),
        "00081115": element(
            "SQ", {"0020000E": element("UI", series), "00081199": element("SQ", instance)}
        ),
    }
    return item("CONTAINER", "Title", *children, t0040A375=element("SQ", evidence))


def image(*frames: int) -> DicomJson:
    reference = {"00081155": element("UI", "1.2.3"), "00081160": element("IS", *frames)}
    return item("IMAGE", "", t00081199=element("SQ", reference))


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_becomes_markup(value: str) -> None:
    model = item(
        "CONTAINER",
        value,
        text(value, value, text(value, value)),
        item("CONTAINER", value, text(value, value), t0040A050=element("CS", "CONTINUOUS")),
        item("CODE", value, t0040A168=element("SQ", code(value))),
        item("DATE", value, t0040A121=element("DA", value)),
        item("TIME", value, t0040A122=element("TM", value)),
        item("DATETIME", value, t0040A120=element("DT", value)),
        item("UIDREF", value, t0040A124=element("UI", value)),
        item("SCOORD", value, t00700023=element("CS", value)),
        item("NUM", value, t0040A301=element("SQ", code(value))),
        t00100010=element("PN", {"Alphabetic": value}),
        t00100020=element("LO", value),
        t00100030=element("DA", value),
        t00100040=element("CS", value),
        t00080020=element("DA", value),
        t00080070=element("LO", value),
        t0040A491=element("CS", value),
    )
    found = page(model)
    assert found.tags <= TAGS
    assert found.attributes <= {"lang", "charset", "name", "content", "rel", "href", "class", "id"}
    assert found.links == []
    # All of it is there to read, the title twice.
    assert found.text.count(value.replace("^", " ")) >= 18
    assert value in plain_text(sheet(model))


def test_headings_follow_the_reader_and_values_the_sender() -> None:
    model = item(
        "CONTAINER",
        "Báo cáo",
        text("Findings", "Không thấy tổn thương"),
        t00100010=element("PN", {"Alphabetic": "NGUYỄN^VĂN AN"}),
        t00100030=element("DA", "19800102"),
        t00080020=element("DA", "20260102"),
        t00100040=element("CS", "M"),
        t0040A491=element("CS", "PARTIAL"),
        t0040A493=element("CS", "UNVERIFIED"),
        t0040A496=element("CS", "PRELIMINARY"),
    )
    vietnamese, english = sheet(model, VIETNAMESE), sheet(model, ENGLISH)
    assert [fact.label for fact in vietnamese.facts][:2] == ["Bệnh nhân", "Ngày sinh"]
    assert [fact.label for fact in english.facts][:2] == ["Patient", "Born"]
    assert [fact.value for fact in english.facts][:2] == [
        "NGUYỄN VĂN AN",
        "2 Jan 1980 (46 years)",
    ]
    assert [fact.value for fact in vietnamese.facts][1] == "02/01/1980 (46 tuổi)"
    assert [flag.text for flag in english.flags] == ["Not complete", "Not verified", "Preliminary"]
    assert {flag.mood for flag in english.flags} == {"warn"}
    assert english.entries == vietnamese.entries


def test_text_and_page_say_the_same() -> None:
    model = model_of(shipped("test-SR.dcm"))
    words = plain_text(sheet(model)).replace("(", " ").replace(")", " ").replace("|", " ").split()
    shown = page(model).text
    missing = [word for word in words if word.strip("=:") not in shown]
    assert missing == []


def test_the_text_of_a_report() -> None:
    model = with_evidence(
        text("Finding", "Two lines\nof text", text("Detail", "below")),
        item("CONTAINER", "Section", image(2, 3)),
        item(
            "CONTAINER",
            "Story",
            text("a", "A mass of", text("b", "solid")),
            text("c", "was seen."),
            t0040A050=element("CS", "CONTINUOUS"),
        ),
    )
    expected = """\
        Title
        =====

        Patient: No name
        Finding: Two lines
          of text
          Detail: below

        Section
          Image, frames 2, 3

        Story
          A mass of (solid) was seen.
    """
    assert plain_text(sheet(model)).strip() == dedent(expected).strip()


def test_references_lead_to_what_they_name() -> None:
    at = "/dicom-web/studies/1.5/series/1.6/instances/1.2.3"
    back = {"0040A010": element("CS", "INFERRED FROM"), "0040DB73": element("UL", 1, 1)}
    found = page(with_evidence(image(), image(1), image(7, 8), text("Finding", "x", back)))
    assert found.links == [
        f"{at}/rendered",
        f"{at}/rendered",
        f"{at}/frames/7/rendered",
        "#item-1.1",
    ]
    assert "item-1.1" in found.ids


@pytest.mark.parametrize("uid", ["../../../admin", "1.2/../3", "javascript:1", "1.2?x=1", ""])
def test_what_is_no_uid_leads_nowhere(uid: str) -> None:
    assert page(with_evidence(image(), series=uid)).links == []
    assert page(with_evidence(image(), study=uid)).links == []


def test_what_the_evidence_does_not_name_leads_nowhere() -> None:
    assert page(item("CONTAINER", "Title", image(2))).links == []


def test_the_deepest_report_allowed_is_shown() -> None:
    model = text("Leaf", "the end")
    for _ in range(MAX_DEPTH - 1):
        model = item("CONTAINER", "Level", model)
    assert "the end" in page(model).text
    assert "the end" in plain_text(sheet(model))


def test_an_empty_report_says_so() -> None:
    found = page({})
    assert ENGLISH("document.empty") in found.text
    assert ENGLISH("document.report") in found.text
