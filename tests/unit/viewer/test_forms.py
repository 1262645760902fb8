"""After a login or a change of language a person stays on this host, whatever the form says."""

import pytest

from pacs_gateway.web.forms import local_path


@pytest.mark.parametrize(
    "path",
    ["/", "/studies/1.2.3", "/?q=nguy%E1%BB%85n&page=2", "/studies/1.2?series=1.2.3#series-2"],
)
def test_paths_of_our_own_are_followed(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "studies",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        "/x\r\nSet-Cookie: a=b",
        " //evil.example",
        "/a b",
        "/é",
        "/" + "x" * 5000,
    ],
)
def test_everything_else_leads_to_the_list(wanted: str) -> None:
    assert local_path(wanted) == "/"
