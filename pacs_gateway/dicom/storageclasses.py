"""The SOP classes of stored objects, as the standard names them."""

from functools import cache

from pydicom._uid_dict import UID_dictionary

_SOP_CLASS, _NO_OBJECTS = "SOP Class", ("Commitment", "Directory", "Management")


@cache
def storage_sop_classes() -> frozenset[str]:
    """Return the UIDs of all storage SOP classes of the standard, the retired ones too."""
    return frozenset(
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == _SOP_CLASS and "Storage" in name and not any(no in name for no in _NO_OBJECTS)
    )
