"""Names of attributes and UIDs for people who read a data set (PS3.6)."""

from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID


def keyword_of(tag: str) -> str:
    """Return the keyword of a tag as the DICOM JSON model writes it, empty if PS3.6 has none."""
    return keyword_for_tag(int(tag, 16))


def uid_name(uid: str) -> str:
    """Return what a registered UID means, empty for any other (PS3.6 A)."""
    name = UID(uid).name
    return "" if name == uid else name
