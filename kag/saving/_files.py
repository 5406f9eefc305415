"""Files that are there whole or not at all, and that are not believed when they are read."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, NoReturn

from kag.errors import SavingError
from kag.schema.values import Json

VERSION = 1
"""Of the format; it grows when files cannot be read by older versions any more."""

PROGRAM, VARIABLES = "kag program", "kag variables"
"""What files hold; the first thing that they say."""

_MOST_BYTES = 256 * 1024 * 1024


def write(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file at once: whoever reads it sees the old content or the new one, also after a crash.

    Raises:
        SavingError: It cannot be written; the old file stays.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                file.write(_bytes(text))
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                beside.chmod(target.stat().st_mode & 0o777)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise SavingError(f"Cannot write {path}: {error.strerror or error}; choose another file.") from error


def read(path: str | os.PathLike[str], format_name: str) -> Json:
    """Reads a file of a format.

    Raises:
        SavingError: It cannot be read, or is not such a file, or was written by a newer version.
    """
    source = Path(path)
    try:
        size = source.stat().st_size
        if size > _MOST_BYTES:
            raise SavingError(f"{path} has {size} bytes; a {format_name} has at most {_MOST_BYTES}.")
        content = source.read_bytes()
    except OSError as error:
        raise SavingError(f"Cannot read {path}: {error.strerror or error}.") from error
    return parse(content, format_name, str(path))


def parse(text: str | bytes, format_name: str, source: str = "the text") -> Json:
    """The same for text.

    Raises:
        SavingError: It is not of that format, or of a newer version of it.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise SavingError(f"{source} is nested too deeply to be a {format_name}.") from None
    except ValueError as error:
        raise SavingError(f"{source} is not a {format_name}, or is cut off: {error}") from None
    if not isinstance(value, dict) or value.get("format") != format_name:
        raise SavingError(f"{source} {_other(value, format_name)}")
    version = value.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SavingError(f"{source} has no format version; is it damaged?")
    if version > VERSION:
        raise SavingError(
            f"{source} was written by a newer version of kag (format {version}; this one reads up to "
            f"{VERSION}); upgrade kag to load it."
        )
    return value


def dump(value: Json) -> str:
    """A value as JSON text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)


def _other(value: Any, wanted: str) -> str:
    """What a file is that is not of the wanted format, and what to do about it."""
    found = value.get("format") if isinstance(value, dict) else None
    if found == PROGRAM:
        return (
            "holds a whole program, not variables alone; load it with Program.load(path), or write a file of "
            "variables with program.save_variables(path)."
        )
    if found == VARIABLES:
        return (
            "holds variables only; give them to a program with program.load_variables(path), or write a "
            "whole program with program.save(path)."
        )
    method = "save" if wanted == PROGRAM else "save_variables"
    return f"is JSON, but neither a program nor variables; write it with program.{method}(path)."


def _bytes(text: str) -> bytes:
    """UTF-8; halves of surrogate pairs, which UTF-8 cannot have, stay JSON escapes."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=1).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _sync_folder(folder: Path) -> None:
    """Makes the renaming last, where the system can do that for a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
