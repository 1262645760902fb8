"""A message as segments and fields: python-hl7 splits it, what is said here reads it.

Invariant: a value comes out with its escapes undone and without anything that could end a segment;
what goes out goes through `escaped`, so that no value of a patient can forge a field.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import hl7

from pacs_gateway.errors import GatewayError

MAX_SEGMENTS = 500
_DELIMITERS = r"|^~\&"
_ESCAPE = re.compile(r"\\([A-Za-z0-9.+\-]*)\\")
_PLAIN = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": " ", ".sp": " "}
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")


class MessageError(GatewayError):
    """The bytes are no HL7 message that can be read."""

    http_status = 400


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; fields are numbered as the standard numbers them."""

    name: str
    _fields: hl7.Segment

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a value of the first repetition, empty if there is none."""
        repetitions = self.repetitions(field)
        return repetitions[0].text(component, subcomponent) if repetitions else ""

    def repetitions(self, field: int) -> "list[Field]":
        """Return the repetitions of a field that say something."""
        if field >= len(self._fields):
            return []
        return [Field(str(each)) for each in self._fields[field] if str(each)]


@dataclass(frozen=True, slots=True)
class Field:
    """One repetition of a field, as it was sent."""

    raw: str

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return a component, its escapes undone, on one line and trimmed."""
        parts = self.raw.split("^")
        if component > len(parts):
            return ""
        found = parts[component - 1].split("&")
        if subcomponent > len(found) or found[subcomponent - 1] == '""':
            # Two quotation marks say that a value is to be deleted; none of ours is by a message.
            return ""
        return unescaped(found[subcomponent - 1])

    def components(self) -> list[str]:
        """Return all components."""
        return [self.text(number) for number in range(1, self.raw.count("^") + 2)]


class Message:
    """A message that could be split."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments
        self.header = segments[0]

    @property
    def kind(self) -> str:
        """Type and trigger, `ORM^O01`."""
        return f"{self.header.text(9, 1)}^{self.header.text(9, 2)}"

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Yield the segments of a name."""
        return (each for each in self.segments if each.name == name)


def parse(text: str) -> Message:
    """Return the message of a text. Raises MessageError."""
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines or not lines[0].startswith("MSH"):
        raise MessageError("The message does not begin with a segment MSH.")
    if lines[0][3:8] != _DELIMITERS:
        raise MessageError(f"The delimiters of a message are {_DELIMITERS} (MSH-1 and MSH-2).")
    if len(lines) > MAX_SEGMENTS:
        raise MessageError(f"A message has at most {MAX_SEGMENTS} segments.")
    if any(line.startswith("MSH") for line in lines[1:]):
        raise MessageError("The message holds a second segment MSH.")
    for line in lines:
        if not re.fullmatch(r"[A-Z][A-Z0-9]{2}", line[:3]) or line[3:4] not in ("", "|"):
            raise MessageError("A line of the message is no segment: a value holds a line end.")
    try:
        split = hl7.parse("\r".join(lines) + "\r")  # type: ignore[no-untyped-call]
    except (hl7.HL7Exception, ValueError, IndexError, KeyError) as error:
        raise MessageError("The message cannot be split into segments and fields.") from error
    return Message([Segment(line[:3], each) for line, each in zip(lines, split, strict=True)])


def unescaped(value: str) -> str:
    """Return a value with its escapes undone, without line ends and other controls.

    Escapes that stand for no text (highlighting, local ones) are dropped.
    """
    text = _ESCAPE.sub(_meant, value)
    return _BREAKS.sub(" ", text).strip()


def escaped(value: str) -> str:
    """Return a value as a field may hold it (HL7 2.5.1, 2.7)."""
    flat = _BREAKS.sub(" ", value)
    # Backslashes first: the others bring their own.
    for plain, code in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        flat = flat.replace(plain, f"\0{code}\0")
    return flat.replace("\0", "\\")


def _meant(found: re.Match[str]) -> str:
    code = found[1]
    if code.startswith("X"):
        try:
            return bytes.fromhex(code[1:]).decode("utf-8")
        except ValueError:
            return ""
    return _PLAIN.get(code, "")
