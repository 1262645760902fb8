"""Invariant: OHIF is told of this host alone, and no setting lets an address come from a query."""

import json
import re
from typing import Any

import pytest

from pacs_gateway.ohif.configuration import script


def config(language: str = "en") -> dict[str, Any]:
    found = re.search(r"^window\.config = (\{.*?^\});$", script(language), re.MULTILINE | re.DOTALL)
    assert found
    return dict(json.loads(found.group(1)))


def test_the_one_data_source_is_this_host() -> None:
    told = config()
    (source,) = told["dataSources"]
    assert source["sourceName"] == told["defaultDataSourceName"]
    roots = {value for key, value in source["configuration"].items() if key.endswith("Root")}
    assert roots == {"/dicom-web", "/wado"}
    assert "://" not in script("vi")


def test_nothing_that_takes_an_address_from_a_query_is_on() -> None:
    told = config()
    risky = {"dangerouslyUseDynamicConfig", "customizationUrlPrefixes", "oidc", "whiteLabeling"}
    assert not risky & set(told)
    assert told["extensions"] == told["modes"] == []


@pytest.mark.parametrize(("language", "theirs"), [("vi", "vi"), ("en", "en-US")])
def test_the_language_is_the_readers(language: str, theirs: str) -> None:
    assert f'"i18next={theirs};' in script(language)


def test_the_list_is_the_one_that_is_translated_and_counts_its_studies() -> None:
    assert config()["customizationService"]["global"]["workList.variant"] == {"$set": "legacy"}
