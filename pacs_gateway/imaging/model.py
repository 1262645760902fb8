"""A data set in the DICOM JSON model (PS3.18 F.2), read as one in a buffer is.

The index keeps headers in this form, so what a viewer must know of a thousand images is told
without opening their objects, by the same code that draws them.
"""

import base64
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword

from pacs_gateway.dicom.part10 import PIXEL_TAGS
from pacs_gateway.imaging.dataset import Elements, Items, Name
from storage.records import DicomJson

BulkReader = Callable[[str], bytes]
"""Returns the value behind a BulkDataURI, in little endian."""


@dataclass(frozen=True, slots=True)
class ModelElements:
    """The elements of a model or of one of its items; `bulk` reads what stands elsewhere."""

    model: DicomJson
    bulk: BulkReader

    @property
    def pixel_tag(self) -> int:
        """The tag of the pixel data, 0 if there is none."""
        return next((tag for tag in sorted(PIXEL_TAGS) if _key(tag) in self.model), 0)

    def get(self, name: Name) -> Any:
        """Return the value of an attribute as `Elements` says."""
        attribute = self._attribute(name)
        if attribute.get("vr") == "SQ":
            return ModelItems(attribute.get("Value", ()), self.bulk)
        if "Value" not in attribute:
            return self.words(name) or None
        values = ["" if value is None else value for value in attribute["Value"]]
        return (values[0] if values[0] != "" else None) if len(values) == 1 else values

    def holds(self, name: Name) -> bool:
        """Return whether an attribute is there with a value."""
        return len(self._attribute(name)) > 1

    def words(self, name: Name) -> bytes:
        """Return the bytes of a value, its 16-bit words in little endian order, none if absent.

        Tables may stand as numbers, when their VR is US or SS.
        """
        attribute = self._attribute(name)
        if "InlineBinary" in attribute:
            return base64.b64decode(attribute["InlineBinary"])
        if "BulkDataURI" in attribute:
            return self.bulk(attribute["BulkDataURI"])
        numbers = attribute.get("Value", ())
        if attribute.get("vr") not in ("US", "SS") or not all(type(n) is int for n in numbers):
            return b""
        return struct.pack(f"<{len(numbers)}H", *(number & 0xFFFF for number in numbers))

    def _attribute(self, name: Name) -> DicomJson:
        tag = name if isinstance(name, int) else tag_for_keyword(name) or 0
        found: DicomJson = self.model.get(_key(tag), {})
        return found


class ModelItems(Items):
    """The items of a sequence in a model."""

    def __init__(self, models: Sequence[DicomJson], bulk: BulkReader) -> None:
        self._models = models
        self._bulk = bulk

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [ModelElements(model, self._bulk) for model in self._models[index]]
        return ModelElements(self._models[index], self._bulk)

    def __iter__(self) -> Iterator[Elements]:
        return (ModelElements(model, self._bulk) for model in self._models)


def _key(tag: int) -> str:
    return f"{tag:08X}"
