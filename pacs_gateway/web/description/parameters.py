"""Parameters that several operations share, with examples from the project's own samples."""

from pacs_gateway.imaging.options import ICC_PROFILES
from pacs_gateway.web.description.operation import Described, one_of, parameter, text, whole
from pacs_gateway.web.pictureoptions import OVERLAYS
from storage.records import MATCHING_KEYS, Level

UID = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$"
_UIDS = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*([,\\](0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*)*$"
_DAY = "[0-9]{8}"
_HOUR = "[0-9]{2}([0-9]{2}([0-9]{2})?)?"

EXAMPLE_STUDY = "2.25.143636154677944234936554614194783691757"
EXAMPLE_SERIES = "2.25.304520387381924229433480747151547982842"
EXAMPLE_INSTANCE = "2.25.256423034041640849565289638225054646589"

_BY_VR: dict[str, Described] = {
    "DA": text(pattern=f"^({_DAY}(-({_DAY})?)?|-{_DAY})$", examples=["20261101-20261130"]),
    "TM": text(pattern=f"^({_HOUR}(-({_HOUR})?)?|-{_HOUR})$", examples=["0800-1759"]),
    "UI": text(pattern=_UIDS, most=640),
    "IS": whole(-(2**31) + 1, 2**31 - 1),
    "US": whole(0, 65535),
}
_TEXT = text(pattern=r"^[^\x00-\x1f\x7f-\x9f*?\\]+[*]?$", most=64)
_EXAMPLES = {
    "ModalitiesInStudy": "CT",
    "Modality": "CT",
    "PatientID": "BN26-000417",
    "PatientName": "nguyen*",
    "SOPInstanceUID": EXAMPLE_INSTANCE,
    "SeriesInstanceUID": EXAMPLE_SERIES,
    "StudyInstanceUID": EXAMPLE_STUDY,
}
_WHERE = {
    Level.PATIENT: "the patient",
    Level.STUDY: "the study",
    Level.SERIES: "the series, or some series of the study",
    Level.IMAGE: "the instance, or some instance below",
}

STUDY = parameter(
    "study",
    text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
    "Study Instance UID",
    place="path",
)
SERIES = parameter(
    "series",
    text(pattern=UID, most=64, examples=[EXAMPLE_SERIES]),
    "Series Instance UID",
    place="path",
)
INSTANCE = parameter(
    "instance",
    text(pattern=UID, most=64, examples=[EXAMPLE_INSTANCE]),
    "SOP Instance UID",
    place="path",
)
FRAME, FRAMES = (
    parameter(
        name,
        text(pattern=r"^[1-9][0-9]{0,5}(,[1-9][0-9]{0,5}){0,9}$", examples=["1"]),
        "Numbers of frames, from 1, separated by commas",
        place="path",
    )
    for name in ("frame", "frames")
)

RENDERING = [
    parameter(
        "window",
        text(
            pattern=r"^-?[0-9]{1,4},[1-9][0-9]{0,3},(linear|linear-exact|sigmoid)$",
            examples=["40,400,linear"],
        ),
        "Centre, width and function of the VOI LUT (PS3.18 8.3.5.1.4)",
    ),
    parameter(
        "viewport",
        text(
            pattern=r"^[1-9][0-9]{0,2},[1-9][0-9]{0,2}"
            r"(,[0-9]{1,2},[0-9]{1,2},-?[1-9][0-9]{0,2},-?[1-9][0-9]{0,2})?$",
            examples=["256,256"],
        ),
        "Width and height; four more numbers name the source region, negative ones turn it over"
        " (PS3.18 8.3.5.1.3)",
    ),
    parameter("quality", whole(1, 100), "Of JPEG and lossy WebP (PS3.18 8.3.5.1.2)"),
    parameter(
        "annotation",
        text(pattern="^(patient|technique)(,(patient|technique))?$", examples=["patient"]),
        "What is written into the picture (PS3.18 8.3.5.1.1)",
    ),
    parameter(
        "iccprofile",
        one_of(*ICC_PROFILES),
        "The colour profile put into the picture (PS3.18 8.3.5.1.5)",
    ),
    parameter(
        "overlays",
        one_of(*OVERLAYS),
        "Whether overlays are drawn, or as a mask without the image; not in PS3.18",
    ),
    parameter(
        "presentation",
        text(pattern=UID, most=64),
        "SOP Instance UID of a presentation state in the study; not in PS3.18",
    ),
]

_PAGING: list[Described] = [
    parameter("limit", whole(0, 999_999_999), "Answers wanted at most"),
    parameter("offset", whole(0, 999_999_999), "Answers left out before the first"),
    parameter(
        "includefield",
        text(
            pattern=r"^(all|[0-9A-Fa-f]{8}(,[0-9A-Fa-f]{8}){0,9}|[A-Z][A-Za-z]{1,40})$",
            examples=["00081030,00080060", "all", "RequestAttributesSequence"],
        ),
        "Further attributes of the answers: tags, keywords or paths, separated by commas, or `all`;"
        " may be repeated",
    ),
    *(
        parameter(name, one_of("true", "false"), description)
        for name, description in (
            ("fuzzymatching", "Words of names are matched by their beginnings, without marks"),
            ("emptyvaluematching", 'Two quotation marks ("") match what has no value'),
            ("multiplevaluematching", "All of several values must match, not any"),
        )
    ),
]


def search_parameters() -> list[Described]:
    """Return the query parameters of a search."""
    keys = [
        parameter(keyword, _key_schema(keyword, vr), f"Of {_WHERE[level]} ({vr})")
        for keyword, (level, vr) in MATCHING_KEYS.items()
    ]
    return [*_PAGING, *keys]


def _key_schema(keyword: str, vr: str) -> Described:
    schema = dict(_BY_VR.get(vr, _TEXT))
    if keyword in _EXAMPLES:
        schema["examples"] = [_EXAMPLES[keyword]]
    return schema
