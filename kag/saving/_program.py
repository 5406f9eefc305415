"""Whole programs and their variables, to and from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from kag.errors import MissingDependencyError, SavingError
from kag.module import Module
from kag.saving._decoder import Decoder
from kag.saving._encoder import Encoder
from kag.saving._files import PROGRAM, VARIABLES, VERSION, dump, parse, read, write
from kag.saving._secrets import refuse_secrets
from kag.saving._state import restore, state_of
from kag.schema.values import Json

FilePath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class SavedProgram:
    """What a file holds.

    Args:
        program: The program, with its variables' values.
        training: Compile settings and the optimizer's state, as they were given when it was saved.
    """

    program: Any
    training: Mapping[str, Any] | None = None


def save_program(program: Module, path: FilePath, *, training: Mapping[str, Any] | None = None) -> None:
    """Writes a program to one JSON file: structure, settings and variables.

    Args:
        program: A program, or any module.
        path: The file; an existing one is replaced at once or not at all. Missing folders are made.
        training: Compile settings and optimizer state, kept as they are; may hold live objects of registered
            classes.

    Raises:
        SavingError: Something in it cannot be saved (the message says where, and how to mend it), or the file
            cannot be written.
    """
    write(path, to_json(program, training=training))


def load_program(path: FilePath) -> Any:
    """The program in a file. No code in it is run; it decides which models and stores the program uses.

    Raises:
        SavingError: The file cannot be read or trusted, or names a class that is not registered.
    """
    return read_program(path).program


def read_program(path: FilePath) -> SavedProgram:
    """The program in a file and what belongs to its training.

    Raises:
        SavingError: See `load_program`.
    """
    return _decoded(read(path, PROGRAM), str(path))


def to_json(program: Module, *, training: Mapping[str, Any] | None = None) -> str:
    """A program as the text of its file.

    Raises:
        SavingError: See `save_program`.
    """
    schemas: list[Json] = []
    encoder = Encoder(schemas)
    encoded = encoder.encode(program, program.name)
    state = state_of(program)
    refuse_secrets(training, "The training of a program")
    extra = None if training is None else encoder.encode(dict(training), "training")
    refuse_secrets(schemas, "A schema", prose=True)
    return dump(
        {
            "format": PROGRAM,
            "version": VERSION,
            "kag_version": _own_version(),
            "program": encoded,
            "state": state,
            "training": extra,
            "schemas": schemas,
        }
    )


def from_json(text: str) -> SavedProgram:
    """The program that `to_json` was given.

    Raises:
        SavingError: See `load_program`.
    """
    return _decoded(parse(text, PROGRAM), "the text")


def save_variables(module: Module, path: FilePath) -> None:
    """Writes the values of a program's variables to a JSON file.

    Raises:
        SavingError: The file cannot be written, or a value holds a secret.
    """
    write(path, dump({"format": VARIABLES, "version": VERSION, "state": state_of(module)}))


def load_variables(module: Module, path: FilePath) -> None:
    """Gives a program's variables the values in a file; all of them, or none if something does not fit.

    Args:
        module: Of the same structure as the one that was saved; names may differ.
        path: A file of `save_variables`.

    Raises:
        SavingError: The file cannot be read, or does not fit.
    """
    value = read(path, VARIABLES)
    try:
        restore(module, value["state"], values_only=True)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(str(path), error) from error


def _decoded(value: Json, source: str) -> SavedProgram:
    try:
        schemas = value["schemas"]
        if not isinstance(schemas, list):
            raise SavingError(f"{source}: schemas must be a list; got {type(schemas).__name__}.")
        decoder = Decoder(schemas)
        program = decoder.decode(value["program"])
        if not isinstance(program, Module):
            raise SavingError(f"{source} holds a {type(program).__name__}, not a program.")
        restore(program, value["state"])
        return SavedProgram(program, decoder.decode(value["training"]))
    except (SavingError, MissingDependencyError):
        raise
    except Exception as error:  # a file that somebody else wrote may be wrong in any way
        raise _damaged(source, error) from error


def _damaged(source: str, error: Exception) -> SavingError:
    return SavingError(f"{source} is damaged or was not written by kag: {type(error).__name__}: {error}")


def _own_version() -> str:
    try:
        return version("kag-server")
    except PackageNotFoundError:  # used from a folder of sources
        return "0"
