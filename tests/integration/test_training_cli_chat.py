"""`kag chat` in a terminal, as a person uses it: two turns, an interrupted one, and both ways out."""

import asyncio
import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select

import pytest
from fake_providers import FakeProvider, Fault
from kag_process import KAG, kag

PAGE = "# Marie Curie\n\nMarie Curie was born in Warsaw.\n"
SECONDS = 60


class Terminal:
    """A terminal with a process in it."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "KAG_STORE": "kb", "KAG_MODEL": "openai/small", "KAG_API_KEY": fake.key}
        environment["KAG_API_BASE"] = fake.url
        self.process = subprocess.Popen(
            [KAG, "chat"], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
            preexec_fn=lambda: os.login_tty(theirs),
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read_until(self, pattern: str) -> str:
        """What is shown up to a pattern, which must come."""
        while not (found := re.search(pattern, self.shown, re.S)):
            ready, _, _ = select([self._ours], [], [], SECONDS)
            assert ready, f"no {pattern!r} in {self.shown!r}"
            try:
                piece = os.read(self._ours, 4096)
            except OSError:  # the process has gone
                piece = b""
            assert piece, f"ended before {pattern!r}: {self.shown!r}"
            self.shown += piece.decode(errors="replace")
        seen, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return seen

    def interrupted(self) -> int:
        """Presses Ctrl-C until the process ends: a first one may come just before it listens."""
        for _ in range(SECONDS):
            self.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(1)
        raise AssertionError("Ctrl-C did not end it")

    def ends(self) -> int:
        return self.process.wait(SECONDS)


@contextmanager
def terminal(folder: Path, fake: FakeProvider) -> Iterator[Terminal]:
    opened = Terminal(folder, fake)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    done = kag("ingest", "page.md", "--store", "kb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def reply(body: dict[str, object]) -> str:
    text = json.dumps(body["messages"])
    if "Last message:" in text:
        return json.dumps({"question": "In which country is Warsaw?"})
    citation = {"passage": 1, "quote": "born in Warsaw"}
    sentences = [{"text": "She was born in Warsaw.", "citations": [citation]}]
    return json.dumps({"sentences": sentences, "insufficient": False})


async def test_a_conversation_in_a_terminal_goes_on_after_ctrl_c_and_ends_with_ctrl_d(folder: Path) -> None:
    async with FakeProvider("openai") as fake:
        fake.script = reply

        def talk() -> tuple[str, str, str, int]:
            with terminal(folder, fake) as opened:
                opened.read_until("> ")
                opened.type("Where was Marie Curie born?\n")
                first = opened.read_until(r"characters.*?\n\r?\n> ")
                fake.faults.append(Fault("hang"))
                opened.type("And in which country is that?\n")
                while not fake.hanging.is_set():
                    select([], [], [], 0.02)
                opened.type("\x03")
                stopped = opened.read_until("stopped.*> ")
                opened.type("And in which country is that?\n")
                second = opened.read_until(r"characters.*?\n\r?\n> ")
                opened.type("\x04")
                return first, stopped, second, opened.ends()

        first, stopped, second, code = await asyncio.to_thread(talk)
    assert "She was born in Warsaw. [1]" in first
    assert "“born in Warsaw”" in second
    assert "Traceback" not in first + stopped + second
    assert code == 0


async def test_ctrl_c_at_the_prompt_ends_it(folder: Path) -> None:
    async with FakeProvider("openai") as fake:

        def leave() -> tuple[str, int]:
            with terminal(folder, fake) as opened:
                seen = opened.read_until("> ")
                return seen, opened.interrupted()

        seen, code = await asyncio.to_thread(leave)
    assert "/new" in seen
    assert code == 0


async def test_a_model_that_fails_is_told_and_a_piped_chat_fails(folder: Path) -> None:
    def ask() -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "KAG_STORE": "kb", "KAG_MODEL": "openai/none"}
        environment |= {"KAG_API_BASE": "http://127.0.0.1:9/v1", "KAG_API_KEY": "x"}
        return subprocess.run(
            [KAG, "chat"], cwd=folder, env=environment, input=b"Where?\n\xff\xfe\n", capture_output=True
        )

    done = await asyncio.to_thread(ask)
    assert done.returncode == 1
    assert done.stderr.count(b"error: openai/none") == 2
    assert b"Traceback" not in done.stderr
