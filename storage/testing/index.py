"""What the index must do, on every database it runs on.

A test class of a database inherits `IndexContract` and has a fixture `index` that returns an
`Index` on an empty, migrated database.
"""

from storage.testing.index_commit import (
    CommitContract,
    ConcurrencyContract,
    ConflictContract,
    FillingContract,
)
from storage.testing.index_deletion import DeletionContract
from storage.testing.index_kept import KeptMatchingContract
from storage.testing.index_reach import ReachContract
from storage.testing.index_reading import ReadingContract
from storage.testing.index_search import (
    AnswerContract,
    LevelContract,
    NameMatchingContract,
    OrderContract,
    RangeMatchingContract,
    TextMatchingContract,
)
from storage.testing.index_worklist import (
    WorklistLimitContract,
    WorklistOrderContract,
    WorklistReadContract,
)


class IndexContract(
    CommitContract,
    FillingContract,
    ConflictContract,
    ConcurrencyContract,
    TextMatchingContract,
    RangeMatchingContract,
    NameMatchingContract,
    KeptMatchingContract,
    DeletionContract,
    LevelContract,
    OrderContract,
    AnswerContract,
    ReadingContract,
    ReachContract,
    WorklistOrderContract,
    WorklistReadContract,
    WorklistLimitContract,
):
    """Inherit from this and give a fixture `index`."""
