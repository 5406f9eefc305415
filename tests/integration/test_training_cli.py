"""The README's three commands, as a reader runs them: ingest, train on one's own questions, ask."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_providers import FakeProvider
from kag_process import KAG, kag
from terse_reader import TerseReader

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUESTIONS = [json.loads(line) for line in (EXAMPLES / "questions.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example documents, ingested."""
    folder = tmp_path_factory.mktemp("graph")
    done = kag("ingest", EXAMPLES / "documents", "--store", folder / "kb", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "kb"


@pytest.fixture
async def model() -> AsyncIterator[FakeProvider]:
    async with FakeProvider("openai") as fake:
        fake.script = TerseReader({row["question"]: row["answer"] for row in QUESTIONS})
        yield fake


class Shell:
    """Runs `kag` in a folder with the graph and the model set."""

    def __init__(self, folder: Path, graph: Path, model: FakeProvider) -> None:
        self.folder = folder
        self.variables = {
            "KAG_STORE": str(graph),
            "KAG_MODEL": "openai/small",
            "KAG_API_BASE": model.url,
            "KAG_API_KEY": model.key,
        }
        shutil.copy(EXAMPLES / "questions.jsonl", folder)

    async def __call__(self, *arguments: str) -> Any:
        return await asyncio.to_thread(lambda: kag(*arguments, cwd=self.folder, **self.variables))

    async def json(self, *arguments: str) -> Any:
        done = await self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path, graph: Path, model: FakeProvider) -> Shell:
    return Shell(tmp_path, graph, model)


TRAIN = ("train", "questions.jsonl", "--seed", "1", "--epochs", "3", "--batch-size", "4")


async def test_three_commands_train_an_answerer_that_asks_better(shell: Shell) -> None:
    done = await shell(*TRAIN)
    assert done.returncode == 0, done.stderr
    assert "+Example output:" in done.stdout
    assert "best.json" in done.stdout
    assert "Epoch 3/3" in done.stderr
    assert (shell.folder / "best.png").read_bytes().startswith(b"\x89PNG")
    assert (shell.folder / "best.png").stat().st_size > 5000
    question = QUESTIONS[1]
    trained = await shell.json("ask", question["question"], "--program", "best.json")
    assert trained["answer"] == f"{question['answer']}."
    assert trained["sentences"][0]["citations"][0]["quote"]
    before = await shell.json("evaluate", "answers", "questions.jsonl")
    after = await shell.json("evaluate", "answers", "questions.jsonl", "--program", "best.json")
    assert after["reward"] > before["reward"] + 0.1


async def test_a_program_that_is_no_better_replaces_nothing(shell: Shell) -> None:
    assert (await shell(*TRAIN)).returncode == 0
    before = (shell.folder / "best.json").read_bytes()
    again = await shell(*TRAIN[:3], "2", *TRAIN[4:], "--json")
    assert again.returncode == 3
    found = json.loads(again.stdout)
    assert not found["better"]
    assert found["written"]["program"] is None
    assert found["held_out"]["before"] >= found["held_out"]["after"]
    assert (shell.folder / "best.json").read_bytes() == before
    assert not (shell.folder / "best.v2.json").exists()


async def test_held_out_questions_are_never_asked_in_the_search(
    shell: Shell, model: FakeProvider, tmp_path: Path
) -> None:
    asked: list[tuple[str, bool]] = []
    reader = model.script
    assert reader is not None

    def noting(body: dict[str, Any]) -> str:
        question = str(body["messages"][-1]["content"]).rpartition("Question: ")[2]
        asked.append((question, "<example>" in str(body["messages"][0]["content"])))
        return reader(body)

    model.script = noting
    done = json.loads((await shell(*TRAIN, "--json")).stdout)
    held = done["held_out"]["questions"]
    first = [question for question, _ in asked[:held]]
    assert len(set(first)) == held == 4
    assert not {question for question, _ in asked[held:-held]} & set(first)
    assert sorted(question for question, _ in asked[-held:]) == sorted(first)
    assert not {row["question"] for row in QUESTIONS} - {question for question, _ in asked}


async def test_versions_are_shown_compared_and_rolled_back(shell: Shell) -> None:
    assert (await shell(*TRAIN, "--max-calls", "30")).returncode == 0
    first = (shell.folder / "best.json").read_text(encoding="utf-8")
    shown = await shell.json("program", "show", "best.json")
    assert [one["number"] for one in shown["versions"]] == [1]
    (path,) = shown["variables"]
    assert any("Example output" in line for line in shown["variables"][path])
    (shell.folder / "best.json").write_text(first.replace("Write short", "Compose short"), encoding="utf-8")
    assert (await shell("program", "diff", "best.json")).stdout.count("Compose short") == 1
    back = await shell.json("program", "rollback", "best.json")
    assert back["version"] == 1
    assert (shell.folder / "best.json").read_text(encoding="utf-8") == first
    there = await shell.json("program", "rollback", "best.json", "--to", "2")
    assert there["version"] == 2
    assert "Compose short" in (shell.folder / "best.json").read_text(encoding="utf-8")
    assert (await shell("program", "rollback", "best.json", "--to", "9")).returncode == 1
    same = await shell("program", "diff", "best.v1.json", "best.v1.json")
    assert same.stdout == "The prompts are the same.\n"


async def killed_after(shell: Shell, model: FakeProvider, calls: int, *arguments: str) -> int:
    """Runs `kag`, kills it when it has made so many calls, and gives its exit code."""
    reader, count, reached = model.script, 0, asyncio.Event()
    assert reader is not None

    def counting(body: dict[str, Any]) -> str:
        nonlocal count
        count += 1
        if count == calls:
            reached.set()
        return reader(body)

    model.script = counting
    environment = {**os.environ, **shell.variables}
    process = await asyncio.create_subprocess_exec(
        KAG, *arguments, cwd=shell.folder, env=environment, stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await asyncio.wait([asyncio.create_task(reached.wait()), asyncio.create_task(process.wait())],
                       return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
    if process.returncode is None:
        process.kill()
    model.script = reader
    return await process.wait()


async def test_a_training_that_is_killed_goes_on_where_it_was(shell: Shell, model: FakeProvider) -> None:
    jobs = 2
    settings = (*TRAIN, "--jobs", str(jobs), "--json")
    undisturbed = json.loads((await shell(*settings, "--run-dir", "one", "--out", "one.json")).stdout)
    reader = model.script
    assert isinstance(reader, TerseReader)
    whole = reader.asked
    kills = 0
    for after in (3, 5, 6):
        kills += (
            await killed_after(shell, model, after, *settings, "--run-dir", "two", "--out", "two.json") < 0
        )
    assert kills == 3
    done = await shell(*settings, "--run-dir", "two", "--out", "two.json")
    assert done.returncode == 0, done.stderr
    resumed = json.loads(done.stdout)
    for part in ("better", "held_out", "changes"):
        assert resumed[part] == undisturbed[part]
    assert resumed["search"]["best_reward"] == undisturbed["search"]["best_reward"]
    assert reader.asked - whole <= whole + kills * jobs


async def test_a_budget_holds_for_everything_together(shell: Shell, model: FakeProvider) -> None:
    reader = model.script
    assert isinstance(reader, TerseReader)
    done = await shell(*TRAIN, "--max-calls", "20", "--json")
    assert done.returncode in (0, 3), done.stderr
    assert reader.asked <= 20
    assert json.loads(done.stdout)["calls"] == reader.asked
    assert "used up" in json.loads(done.stdout)["search"]["stopped"]
    too_small = await shell(*TRAIN, "--max-calls", "8")
    assert too_small.returncode == 1
    assert "--max-calls" in too_small.stderr


async def test_sentences_are_printed_while_they_come_and_sources_after_them(shell: Shell) -> None:
    question = QUESTIONS[1]
    done = await shell("ask", question["question"], "--stream")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (await shell("ask", question["question"])).stdout
    assert "[1]" in done.stdout.splitlines()[0]


async def test_bad_rows_are_named_by_their_lines(shell: Shell, model: FakeProvider) -> None:
    rows = '{"question": "Q", "answer": "A"}\n\n{"question": "R"}\n{"answer": "A"}\n'
    (shell.folder / "bad.jsonl").write_text(rows, encoding="utf-8")
    for command in (("train",), ("evaluate", "answers")):
        done = await shell(*command, "bad.jsonl")
        assert done.returncode == 1
        assert "line 3: answer is missing" in done.stderr
        assert "line 4: question is missing" in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert model.requests == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--reward", "Nope"), 1, "TokenF1"),
        (("--optimizer", "nope"), 1, "RandomFewShot"),
        (("--out", "best.txt"), 2, ".json"),
        (("--out", "nowhere/best.json"), 2, "not a folder"),
        (("--program", "nope"), 1, "multi_hop"),
        (("--program", "questions.json"), 1, "not a kag program"),
        (("--store", "elsewhere"), 1, "elsewhere"),
    ],
)
async def test_a_training_that_cannot_be_is_refused_before_any_call(
    shell: Shell, model: FakeProvider, arguments: tuple[str, ...], code: int, told: str
) -> None:
    shutil.copy(shell.folder / "questions.jsonl", shell.folder / "questions.json")
    done = await shell("train", "questions.jsonl", *arguments)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert model.requests == []


async def test_a_server_that_is_not_there_ends_a_training_at_once(shell: Shell) -> None:
    shell.variables["KAG_API_BASE"] = "http://127.0.0.1:9/v1"
    done = await shell(*TRAIN)
    assert done.returncode == 1
    assert "openai/small" in done.stderr
    assert not (shell.folder / "best.json").exists()


async def test_a_piped_chat_answers_line_by_line(shell: Shell) -> None:
    lines = f"{QUESTIONS[1]['question']}\n\n/new\n{QUESTIONS[3]['question']}\n/quit\nnever\n"
    done = await asyncio.to_thread(
        lambda: subprocess.run(
            [KAG, "chat", "--json"], cwd=shell.folder, env={**os.environ, **shell.variables}, input=lines,
            capture_output=True, text=True, timeout=60,
        )
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line)["answer"] for line in done.stdout.splitlines()]
    assert len(answers) == 2
    assert all(row["answer"] in said for row, said in zip((QUESTIONS[1], QUESTIONS[3]), answers, strict=True))
    assert done.stderr == ""
