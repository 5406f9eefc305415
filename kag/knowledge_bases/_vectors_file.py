"""The file beside a store that holds its vectors as arrays to be mapped into memory, shared by all processes.

It is a cache: made anew where it is missing or does not fit the store, never needed, and never believed
unseen: its head, keys and codes are compared with their checksums, and a sample of its rows with the store's.
A file never changes; a new one takes its place. Nothing is made where the folder may not be written.
"""

from __future__ import annotations

import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kag.knowledge_bases._vectors_block import Block, Coder, bits_of, rotation_shape
from kag.knowledge_bases._vectors_origin import HEAD, HEAD_BYTES, MAGIC, Origin, description

_ALIGNED = 64


def load(path: Path) -> tuple[Origin, Block] | None:
    """Maps a file into memory; None where it is missing, cut short or altered."""
    try:
        with path.open("rb") as file:
            described = description(file)
            origin = Origin(**described["origin"])
            arrays = list(_mapped(path, file, _layout(described["n"], origin.dimensions)))
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return None
    if _checksum(arrays[:-1]) != described["checksum"]:
        return None
    keys, mean, order, rotation, shifts, codes, rows = arrays
    return origin, Block(keys, rows, Coder(mean, order, rotation), shifts, codes)


def save(path: Path, origin: Origin, block: Block) -> bool:
    """Writes a block with codes in the place of the file that was there; False where that cannot be done."""
    coder = block.coder
    if coder is None:
        return False
    arrays = (
        block.keys, coder.mean, coder.order, coder.rotation, block.shifts, block.codes, block.rows
    )  # fmt: skip
    described = {"origin": asdict(origin), "n": block.keys.shape[1], "checksum": _checksum(arrays[:-1])}
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            text = json.dumps(described).encode()
            file.write(HEAD.pack(MAGIC, len(text), zlib.crc32(text)) + text)
            for (offset, *_), array in zip(
                _layout(block.keys.shape[1], origin.dimensions), arrays, strict=True
            ):
                file.seek(offset)
                file.write(np.ascontiguousarray(array).data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        return False
    return True


def writable(path: Path) -> bool:
    """Whether a file could be made there."""
    return os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _layout(n: int, dimensions: int) -> list[tuple[int, tuple[int, ...], Any]]:
    """Offset, shape and type of the arrays: keys, mean, order, rotation, shifts, codes, rows."""
    offset = HEAD_BYTES
    found: list[tuple[int, tuple[int, ...], Any]] = []
    shapes: tuple[tuple[tuple[int, ...], Any], ...] = (
        ((4, n), np.int64),
        ((dimensions,), np.float32),
        ((bits_of(dimensions),), np.int64),
        (rotation_shape(), np.float32),
        ((2, n), np.float32),
        ((bits_of(dimensions) // 64, n), np.uint64),
        ((n, dimensions), np.float32),
    )
    for shape, type_ in shapes:
        found.append((offset, shape, type_))
        size = int(np.prod(shape)) * np.dtype(type_).itemsize
        offset += -(-size // _ALIGNED) * _ALIGNED
    return found


def _mapped(path: Path, file: BinaryIO, layout: list[tuple[int, tuple[int, ...], Any]]) -> Iterator[Any]:
    size = os.fstat(file.fileno()).st_size
    for offset, shape, type_ in layout:
        if offset + int(np.prod(shape)) * np.dtype(type_).itemsize > size:
            raise ValueError("cut short")
    whole = np.memmap(file, dtype=np.uint8, mode="r")
    for offset, shape, type_ in layout:
        count = int(np.prod(shape)) * np.dtype(type_).itemsize
        yield np.asarray(whole[offset : offset + count]).view(type_).reshape(shape)


def _checksum(arrays: Any) -> int:
    """Of all arrays but the rows, which are too many to be read each time."""
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return checksum
