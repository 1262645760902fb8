"""What can go wrong with storage, in terms every adapter shares."""


class StorageError(Exception):
    """Base of every storage fault."""


class NotFoundError(StorageError):
    """The thing asked for is not there."""


class UnavailableError(StorageError):
    """The store or database cannot be reached now; trying again later may work."""


class FullError(StorageError):
    """There is no room left; nothing is deleted to make any."""


class CorruptError(StorageError):
    """The bytes found are not the bytes that were stored."""


class VersionError(StorageError):
    """The database is of a later version of the gateway, which this one cannot work with."""
