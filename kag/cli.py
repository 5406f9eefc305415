"""The `kag` command: version, help, and the commands that packages offer.

They offer them through the entry-point group `kag.commands`, whose members name modules with `register(app)`.
So this file imports no package above the library, and `kag --version` imports nothing at all.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

DISTRIBUTION = "kag-server"
GROUP = "kag.commands"
INTERRUPTED = 130


def main() -> None:
    """Runs the command line and exits with its code."""
    try:
        if sys.argv[1:] in (["--version"], ["-V"]):
            print(f"kag {metadata.version(DISTRIBUTION)}")  # noqa: T201
            return
        # One query is too little work for a pool of threads, which costs more than it saves to start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        _speak_utf8()
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("interrupted; what was stored stays, and running it again goes on", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _run() -> int:
    from kag import console
    from kag.errors import KagError

    try:
        code = build_app()(standalone_mode=False)
        sys.stdout.flush()
    except KagError as error:
        return console.fail(error)
    except BrokenPipeError:  # the reader of our output has gone: `kag search ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        console.note(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return console.FAILED
    except Exception as error:  # noqa: BLE001  the outermost edge: no traceback reaches a user
        return _unexpected(error)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> int:
    from kag import console

    code = _click_error(error)
    if code is not None:
        return code
    if os.environ.get("KAG_DEBUG"):
        raise error
    console.note(
        f"error: unexpected {type(error).__name__}: {error}. KAG_DEBUG=1 shows where; please report it."
    )
    return console.FAILED


def _click_error(error: Exception) -> int | None:
    """Shows a usage error as the command-line library does; gives its exit code, None for another error."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or not isinstance(code, int):
        return 1 if type(error).__name__ == "Abort" else None
    show()
    return code


def build_app() -> typer.Typer:
    """Puts the commands of all installed packages together."""
    import typer

    app = typer.Typer(
        name="kag",
        help="Documents in, a cited knowledge graph out.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", "-V", help="Print the version and exit."),
    ) -> None:
        if version:
            print(f"kag {metadata.version(DISTRIBUTION)}")  # noqa: T201
            raise typer.Exit

    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        point.load().register(app)
    return app


def _speak_utf8() -> None:
    """Writes UTF-8 whatever the terminal's code page says, and never dies of a character."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
