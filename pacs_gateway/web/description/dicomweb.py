"""The operations of DICOMweb (PS3.18): `/dicom-web/...` and `/wado`."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    answers,
    one_of,
    operation,
    parameter,
    text,
    whole,
)
from pacs_gateway.web.description.parameters import (
    EXAMPLE_INSTANCE,
    EXAMPLE_SERIES,
    EXAMPLE_STUDY,
    FRAME,
    FRAMES,
    INSTANCE,
    RENDERING,
    SERIES,
    STUDY,
    UID,
    search_parameters,
)

_STUDY = "/dicom-web/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_PATHS: Mapping[str, list[Described]] = {
    _STUDY: [STUDY],
    _SERIES: [STUDY, SERIES],
    _INSTANCE: [STUDY, SERIES, INSTANCE],
}

_DATA_SET: Described = {"type": "object", "description": "DICOM JSON model (PS3.18 F.2)"}
_DATA_SETS: Described = {"type": "array", "items": _DATA_SET}
_JSON = "application/dicom+json application/json"
_FOUND = f"{_JSON} multipart/related"
_XML = "application/dicom+xml"
_OBJECTS = "multipart/related application/dicom multipart/byteranges"
_FRAMES = """
    multipart/related application/octet-stream image/jpeg image/jls image/jp2 image/jpx image/jphc
    image/jxl image/dicom-rle video/mpeg video/mp4 video/H265 multipart/byteranges
"""
_PICTURES = """
    image/jpeg image/png image/webp image/gif image/svg+xml application/pdf text/html text/plain
    text/xml text/rtf model/stl model/obj model/mtl video/mpeg video/mp2t video/mp4 video/H265
    multipart/related multipart/byteranges application/octet-stream
"""
_NOT_MODIFIED = answers("What the client has is still right.", status=304)
_REASON = parameter("reason", text(most=500), "Why, for those who look at it later")
_RETRIEVED = (400, 404, 406, 410)


def _search(summary: str, *path: Described) -> Described:
    return operation(
        summary,
        "search (QIDO-RS)",
        answers("What was found.", _FOUND, _DATA_SETS),
        answers("Nothing was found.", status=204),
        parameters=[*path, *search_parameters()],
        refused=(400, 404, 406),
        description=f"{summary}. Any other attribute that answers show may be a key as well, by its"
        " keyword, its tag, or a path of either through sequences.",
    )


def _retrieve(
    summary: str,
    media_types: str,
    *parameters: Described,
    tag: str = "retrieve (WADO-RS)",
    schema: Described | None = None,
    more: tuple[int, ...] = (),
) -> Described:
    return operation(
        summary,
        tag,
        answers("What was asked for.", media_types, schema),
        answers("The range asked for.", media_types, status=206),
        _NOT_MODIFIED,
        parameters=parameters,
        refused=(*_RETRIEVED, 416, *more),
    )


def _searches() -> dict[str, Described]:
    return {
        "GET /dicom-web/studies": _search("Search for studies"),
        "GET /dicom-web/series": _search("Search for series"),
        "GET /dicom-web/instances": _search("Search for instances"),
        f"GET {_STUDY}/series": _search("Search for series of a study", STUDY),
        f"GET {_STUDY}/instances": _search("Search for instances of a study", STUDY),
        f"GET {_SERIES}/instances": _search("Search for instances of a series", STUDY, SERIES),
    }


def _retrievals() -> dict[str, Described]:
    found: dict[str, Described] = {}
    for path, parameters in _PATHS.items():
        what = _what(path)
        found |= {
            f"GET {path}": _retrieve(f"Retrieve {what}", _OBJECTS, *parameters, more=(422,)),
            f"GET {path}/metadata": _retrieve(
                f"Retrieve the metadata of {what}",
                f"{_FOUND} {_XML}" if path == _INSTANCE else _FOUND,
                *parameters,
                schema=_DATA_SETS,
            ),
            f"GET {path}/bulkdata": _retrieve(
                f"Retrieve all bulk data of {what}", _FRAMES, *parameters, more=(422,)
            ),
            f"GET {path}/pixeldata": _retrieve(
                f"Retrieve the pixel data of {what}", _FRAMES, *parameters, more=(422,)
            ),
        }
        found[f"DELETE {path}"] = operation(
            f"Delete {what}; it is hidden and can be brought back",
            "delete",
            answers("Deleted.", status=204),
            parameters=[*parameters, _REASON],
            refused=(400, 404, 410),
        )
    bulk_path = parameter(
        "path",
        text(pattern="^([0-9A-F]{8}/[0-9]{1,3}/){0,3}[0-9A-F]{8}$", examples=["7FE00010"]),
        "Tags and item numbers, as a BulkDataURI of the metadata has them",
        place="path",
    )
    return found | {
        f"GET {_INSTANCE}/frames/{{frames}}": _retrieve(
            "Retrieve frames of an instance", _FRAMES, *_PATHS[_INSTANCE], FRAMES, more=(422,)
        ),
        f"GET {_INSTANCE}/bulkdata/{{path}}": _retrieve(
            "Retrieve one bulk value of an instance",
            _FRAMES,
            *_PATHS[_INSTANCE],
            bulk_path,
            more=(422,),
        ),
    }


def _pictures() -> dict[str, Described]:
    paths = {**_PATHS, f"{_INSTANCE}/frames/{{frame}}": [*_PATHS[_INSTANCE], FRAME]}
    return {
        f"GET {path}/{last}": _retrieve(
            f"Retrieve {kind} of {_what(path)}",
            _PICTURES,
            *parameters,
            *RENDERING,
            tag="pictures (WADO-RS)",
            more=(413, 422),
        )
        for last, kind in (("rendered", "a picture"), ("thumbnail", "a small picture"))
        for path, parameters in paths.items()
    }


def _what(path: str) -> str:
    """Return what a path names last, with its article."""
    noun = path.rpartition("/{")[2].removesuffix("}")
    return f"an {noun}" if noun == "instance" else f"a {noun}"


def _storing() -> dict[str, Described]:
    body: Described = {
        "required": True,
        "description": "Parts of type application/dicom, or application/dicom+json with their"
        " bulk data (PS3.18 10.5.1); or one instance without an envelope",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in ("multipart/related", "application/dicom", "application/dicom+json")
        },
    }
    outcomes = (
        answers("All instances are kept.", f"{_JSON} {_XML}", _DATA_SET)
        | answers(
            "Some are kept; the body says which are not and why.",
            f"{_JSON} {_XML}",
            _DATA_SET,
            status=202,
        )
        | answers(
            "None could be kept; the body says why.", f"{_JSON} {_XML}", _DATA_SET, status=409
        )
    )
    refused = (400, 404, 406, 410, 413, 415)
    return {
        "POST /dicom-web/studies": operation(
            "Store instances", "store (STOW-RS)", outcomes, body=body, refused=refused
        ),
        f"POST {_STUDY}": operation(
            "Store instances of one study",
            "store (STOW-RS)",
            outcomes,
            parameters=[STUDY],
            body=body,
            refused=refused,
        ),
    }


def _committing() -> dict[str, Described]:
    path = "/dicom-web/commitment-requests/{transaction}"
    uid = parameter(
        "transaction",
        text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
        "Transaction UID",
        place="path",
    )
    body: Described = {
        "required": True,
        "description": "A Referenced SOP Sequence (PS3.18 J.1)",
        "content": {"application/dicom+json": {"schema": _DATA_SET}},
    }
    outcomes = answers(
        "Each instance is kept, or failed with a reason.", f"{_JSON} {_XML}", _DATA_SET
    ) | {"202": {"description": "There is no outcome yet; look again later."}}
    tag = "storage commitment"
    return {
        f"POST {path}": operation(
            "Ask for instances to be kept for good",
            tag,
            outcomes,
            parameters=[uid],
            body=body,
            refused=(400, 404, 406, 409, 413, 415),
        ),
        f"GET {path}": operation(
            "Retrieve what became of a request",
            tag,
            outcomes,
            parameters=[uid],
            refused=(400, 404, 406),
        ),
    }


def _wado_uri() -> dict[str, Described]:
    def uid(name: str, example: str, description: str) -> Described:
        return parameter(name, text(pattern=UID, most=64, examples=[example]), description) | {
            "required": True
        }

    parameters = [
        parameter("requestType", one_of("WADO"), "Always WADO") | {"required": True},
        uid("studyUID", EXAMPLE_STUDY, "Study Instance UID"),
        uid("seriesUID", EXAMPLE_SERIES, "Series Instance UID"),
        uid("objectUID", EXAMPLE_INSTANCE, "SOP Instance UID"),
        parameter(
            "contentType",
            text(
                pattern=r"^(application/dicom|image/(jpeg|png|gif)|\*/\*)$", examples=["image/jpeg"]
            ),
            "Media type wanted",
        ),
        parameter("frameNumber", whole(1, 2**31 - 1), "Number of the frame shown, from 1"),
        parameter("windowCenter", whole(-4096, 4096), "Together with windowWidth"),
        parameter("windowWidth", whole(1, 8192), "Together with windowCenter"),
        parameter("rows", whole(1, 4096), "Height of the picture at most"),
        parameter("columns", whole(1, 4096), "Width of the picture at most"),
        parameter("imageQuality", whole(1, 100), "Of JPEG"),
        parameter(
            "region",
            text(
                pattern=r"^0(\.[0-9]{1,3})?,0(\.[0-9]{1,3})?,1\.0,1\.0$",
                examples=["0.0,0.0,1.0,1.0"],
            ),
            "Left, top, right and bottom as parts of the whole",
        ),
    ]
    return {
        "GET /wado": _retrieve(
            "Retrieve an instance, or a picture of it",
            f"{_PICTURES} application/dicom",
            *parameters,
            tag="WADO-URI",
            more=(422,),
        )
    }


def _capabilities() -> dict[str, Described]:
    described = operation(
        "Retrieve the capabilities of the DICOMweb services",
        "capabilities",
        answers(
            "The description (PS3.18 annex H).", "application/vnd.sun.wadl+xml application/json"
        ),
        refused=(400, 406),
    )
    return {f"OPTIONS {path}": described for path in ("/dicom-web", "/dicom-web/")}


DICOMWEB: Mapping[str, Described] = {
    **_capabilities(),
    **_searches(),
    **_retrievals(),
    **_pictures(),
    **_storing(),
    **_committing(),
    **_wado_uri(),
}
"""Descriptions by method and path."""
