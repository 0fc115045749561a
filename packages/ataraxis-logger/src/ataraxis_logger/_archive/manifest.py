"""A manifest: proof that a session, wherever it was copied and by whatever tool, is whole there.

The file `manifest.json` in the folder lists size and SHA-256 of every other file in it and below, except hidden ones
(names that begin with a dot), which belong to a running logger or archiver. Of a link to a file the content counts;
links that lead nowhere, links to folders, pipes and the like have none and are not listed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ataraxis_logger._errors import LogFormatError, LogNotFoundError
from ataraxis_logger._files import appear_whole

MANIFEST_NAME: Final = "manifest.json"
_FORMAT: Final = "ataraxis-logger manifest"
_VERSION: Final = 1
_CHUNK: Final = 1 << 20
Progress = Callable[[int], None]


@dataclass
class ManifestReport:
    """What `verify_manifest` found.

    Attributes:
        folder: the folder.
        intact: how many files are as they were.
        missing: the files that are not there.
        changed: the files whose size or digest differs.
        added: the files that the manifest does not list.
    """

    folder: Path
    intact: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether everything that was listed is there unchanged."""
        return not self.missing and not self.changed


def write_manifest(folder: Path | str, progress: Progress | None = None) -> Path:
    """Lists every file in a folder and below, with size and SHA-256, in `manifest.json` there.

    Write it when the session is complete; an earlier manifest is replaced.

    Args:
        folder: the folder of a log, or of a whole session.
        progress: called with the number of bytes read since the last call.

    Returns:
        The path of the manifest.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such folder.
        OSError: a file or a folder in it cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from ataraxis_logger import verify_manifest, write_manifest
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "1_log.npz").write_bytes(b"data")
        ...     _ = write_manifest(folder)
        ...     before = verify_manifest(folder)
        ...     _ = Path(folder, "1_log.npz").write_bytes(b"date")
        ...     after = verify_manifest(folder)
        >>> before.whole, after.whole, after.changed
        (True, False, ['1_log.npz'])
    """
    root = _existing(Path(folder))
    files = {
        name: {"size": path.stat().st_size, "sha256": _digest(path, progress)} for name, path in sorted(_files(root))
    }
    manifest = {"format": _FORMAT, "version": _VERSION, "files": files}
    path = root / MANIFEST_NAME
    with appear_whole(path) as file:
        file.write(json.dumps(manifest, indent=1, ensure_ascii=True).encode() + b"\n")
    return path


def verify_manifest(folder: Path | str, progress: Progress | None = None) -> ManifestReport:
    """Compares a folder with its manifest: size first, then the digest of every file.

    Args:
        folder: the folder that holds `manifest.json`.
        progress: called with the number of bytes read since the last call.

    Raises:
        LogNotFoundError: (FileNotFoundError) there is no such folder, or no manifest in it.
        LogFormatError: (ValueError) the manifest cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from ataraxis_logger import verify_manifest, write_manifest
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "1_log.npz").write_bytes(b"data")
        ...     _ = write_manifest(folder)
        ...     Path(folder, "1_log.npz").unlink()
        ...     verify_manifest(folder).missing
        ['1_log.npz']
    """
    root = _existing(Path(folder))
    listed = _read(root / MANIFEST_NAME)
    present = dict(_files(root))
    report = ManifestReport(root, added=sorted(present.keys() - listed.keys()))
    for name, entry in sorted(listed.items()):
        if name not in present:
            report.missing.append(name)
        elif present[name].stat().st_size != entry["size"] or _digest(present[name], progress) != entry["sha256"]:
            report.changed.append(name)
        else:
            report.intact += 1
    return report


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise LogNotFoundError(f"There is no folder {folder}.")
    return folder


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yields the files of a folder and below, by name, sorted; names are relative and use slashes everywhere."""
    for place, folders, names in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            relative = path.relative_to(root).as_posix()
            if not name.startswith(".") and relative != MANIFEST_NAME and path.is_file():
                yield relative, path


def _refuse(error: OSError) -> None:
    # os.walk would leave out a folder that cannot be listed, and a manifest without its files would prove nothing.
    raise error


def _digest(path: Path, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise LogNotFoundError(f"There is no manifest {path}; write one with write_manifest.") from None
    except (ValueError, RecursionError) as error:
        raise LogFormatError(f"The manifest {path} cannot be read: {str(error)[:100]}.", path) from None
    if not _is_manifest(manifest):
        raise LogFormatError(
            f"{path} is not a manifest of version {_VERSION} of ataraxis-logger; write one with write_manifest.", path
        )
    files: dict[str, dict[str, Any]] = manifest["files"]
    return files


def _is_manifest(manifest: Any) -> bool:
    return (
        isinstance(manifest, dict)
        and manifest.get("format") == _FORMAT
        and manifest.get("version") == _VERSION
        and isinstance(manifest.get("files"), dict)
        and all(_is_entry(name, entry) for name, entry in manifest["files"].items())
    )


def _is_entry(name: str, entry: Any) -> bool:
    # A manifest that came with a copy must not make the check read files elsewhere.
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and isinstance(entry, dict) and {"size", "sha256"} <= entry.keys()
