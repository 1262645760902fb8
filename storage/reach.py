"""Which studies somebody may see; storage.search makes a condition of it for the database.

Invariant: whoever reads on behalf of a person passes that person's reach; nothing has a default
that would show everything.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A set of studies: all of them, or those that one of these ways leads to."""

    everything: bool = False
    physician: str = ""
    """Folded name of a physician: the studies that name them as Referring Physician."""
    ward: str = ""
    """Folded name of a ward: the studies it requested or whose patient lies there."""
    holders: tuple[str, ...] = ()
    """Who was granted single studies: `user:NAME`, `guest:ID`."""

    def joined(self, other: "Reach") -> "Reach":
        """Return what both together reach; the names are this one's if both have some."""
        return Reach(
            everything=self.everything or other.everything,
            physician=self.physician or other.physician,
            ward=self.ward or other.ward,
            holders=(*self.holders, *other.holders),
        )


EVERYTHING = Reach(everything=True)
NOTHING = Reach()
