"""Every error and warning of the package.

One root, `LoggerError`; each error also derives from the builtin that a caller who has never heard of this package
would catch. Messages say what was wrong, what was expected and what to do, in bounded length.
"""

from pathlib import Path
from queue import Full


class LoggerError(Exception):
    """The root of every error this package raises on purpose."""


class SettingTypeError(LoggerError, TypeError):
    """An argument of `DataLogger`, `LogQueue` or `LogSource` has the wrong type."""


class SettingValueError(LoggerError, ValueError):
    """An argument of `DataLogger`, `LogQueue` or `LogSource` has the right type and an impossible value."""


class PackageTypeError(LoggerError, TypeError):
    """Something that is not a `LogPackage`, or one of its fields, has the wrong type."""


class PackageValueError(LoggerError, ValueError):
    """A field of a `LogPackage` is out of range or has the wrong shape."""


class LogFullError(LoggerError, Full, OSError):
    """A package could not be accepted: its buffer stayed full. Nothing of it was stored."""


class LoggerStateError(LoggerError, RuntimeError):
    """The logger cannot do this now: another one runs on the folder, or data waits that could not be written."""


class FlushTimeoutError(LoggerError, TimeoutError):
    """Not everything accepted was stored in the time that was given. It is kept and will be."""


class LogNotFoundError(LoggerError, FileNotFoundError):
    """There is no log, or no archive of the wanted source, at the given place."""


class LogFormatError(LoggerError, ValueError):
    """A file is not what it should be: foreign, torn, or written by a newer version.

    Attributes:
        path: the file, when it is known.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[type["LogFormatError"], tuple[str, Path | None]]:
        # The default sends `args` only; errors travel back from worker processes and must keep their attributes.
        return type(self), (str(self), self.path)


class DamagedEntryError(LogFormatError):
    """One entry of a log cannot be read as it was written; the others are not affected.

    Attributes:
        path: the file that holds the entry.
        key: the name of the entry (an archive's key, a file's name, or a place in a segment).
    """

    def __init__(self, message: str, path: Path | None = None, key: str = "") -> None:
        super().__init__(message, path)
        self.key = key

    def __reduce__(self) -> tuple[type["DamagedEntryError"], tuple[str, Path | None, str]]:  # type: ignore[override]  # one attribute more than the base
        return type(self), (str(self), self.path, self.key)


class OnsetError(LoggerError, ValueError):
    """A source has no onset, or several: its absolute times are unknown or ambiguous."""


class ArchiveError(LoggerError, RuntimeError):
    """An archive could not be made, or does not hold what it should. The sources were left as they are."""


class ArchiveBusyError(ArchiveError):
    """Another process is archiving the same folder."""


class MissingExtraError(LoggerError, ImportError):
    """A function needs a library that an optional extra of the distribution brings."""


class LogWarning(UserWarning):
    """The root of the package's warnings."""


class OnsetWarning(LogWarning):
    """A folder holds two different onsets of one source."""


class ForeignFileWarning(LogWarning):
    """A log folder holds a file that is not, or no longer, an entry. It was left alone."""


class DamageWarning(LogWarning):
    """Part of a log could not be read; what could be read was used."""
