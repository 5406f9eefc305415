"""The cache of answers: what is kept, what makes a question another one, several processes on one file."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault

from kag.errors import ConfigurationError, ProviderError
from kag.language_models import LanguageModel, ResponseCache

ASK = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def model(fake: FakeProvider, cache: Any, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": 0, "cache": cache, **options}
    return LanguageModel(given.pop("model", "openai/gpt-4o-mini"), **given)


async def test_the_same_question_is_paid_for_once(tmp_path: Path) -> None:
    async with FakeProvider() as fake:
        first = model(fake, tmp_path / "answers.db", price=(1.0, 1.0))
        again = model(fake, tmp_path / "answers.db", price=(1.0, 1.0))
        assert await first(ASK, SCHEMA) == await first(ASK, SCHEMA) == await again(ASK, SCHEMA)
        assert await first(ASK) == await again(ASK)
    assert len(fake.requests) == 2
    assert (first.usage.cache_hits, again.usage.cache_hits) == (1, 2)
    assert (again.cumulated_cost, again.last_call_cost) == (0.0, 0.0)


async def test_everything_that_shapes_an_answer_makes_another_question(tmp_path: Path) -> None:
    async with FakeProvider() as fake:
        lm = model(fake, tmp_path / "answers.db")
        await lm(ASK)
        await lm([{"role": "user", "content": "Hello!"}])
        await lm(ASK, SCHEMA)
        await lm(ASK, {**SCHEMA, "title": "Other"})
        await lm(ASK, seed=1)
        await lm(ASK, extra_body={"n": 1})
        await model(fake, tmp_path / "answers.db", model="openai/gpt-4o")(ASK)
    assert len(fake.requests) == 7
    assert lm.usage.cache_hits == 0


async def test_sampled_answers_are_not_kept_unless_wanted(tmp_path: Path) -> None:
    async with FakeProvider() as fake:
        lm = model(fake, tmp_path / "answers.db", temperature=0.7)
        await lm(ASK)
        await lm(ASK)
        assert len(fake.requests) == 2
        await lm(ASK, cache=True)
        await lm(ASK, cache=True)
        assert len(fake.requests) == 3
        await lm(ASK, temperature=0.0)
        await lm(ASK, temperature=0.0)
        assert len(fake.requests) == 4
        await lm(ASK, temperature=0.0, cache=False)
    assert len(fake.requests) == 5


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 500))
        lm = model(fake, tmp_path / "answers.db")
        with pytest.raises(ProviderError):
            await lm(ASK)
        assert (await lm(ASK))["content"] == "Paris"


async def test_an_answer_is_not_shared_with_who_changes_it(tmp_path: Path) -> None:
    async with FakeProvider() as fake:
        lm = model(fake, tmp_path / "answers.db")
        (await lm(ASK, SCHEMA))["answer"] = "changed"
        (await lm(ASK, SCHEMA))["answer"] = "changed"
        assert await lm(ASK, SCHEMA) == {"answer": "Paris"}


async def test_the_cache_counts_and_forgets(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "deep" / "answers.db")
    async with FakeProvider() as fake:
        lm = model(fake, cache)
        await lm(ASK)
        await lm(ASK, SCHEMA)
    stats = await cache.stats()
    assert (stats["answers"], stats["models"]) == (2, {"openai/gpt-4o-mini": 2})
    assert stats["bytes"] > 0
    assert await cache.clear() == 2
    assert (await cache.stats())["answers"] == 0
    cache.close()
    assert await cache.get(cache.key("anything")) is None


def test_several_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    code = (
        "import asyncio, sys; from kag.language_models import ResponseCache\n"
        "async def main():\n"
        "    cache = ResponseCache(sys.argv[1])\n"
        "    by = sys.argv[2]\n"
        "    puts = [cache.put(cache.key(by, i), {'by': by}, model='m') for i in range(25)]\n"
        "    await asyncio.gather(*puts)\n"
        "asyncio.run(main())\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    cache = ResponseCache(path)
    assert asyncio.run(cache.stats())["answers"] == 100
    assert asyncio.run(cache.get(cache.key("2", 7))) == {"by": "2"}


async def test_a_damaged_answer_is_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    async with FakeProvider() as fake:
        await model(fake, path)(ASK)
        assert path.stat().st_mode & 0o777 == 0o600
        with sqlite3.connect(path) as database:
            database.execute("UPDATE answers SET answer = ?", (b'{"role": "assis',))
        database.close()
        assert (await model(fake, path)(ASK))["content"] == "Paris"
        assert len(fake.requests) == 2
        await model(fake, path)(ASK)
        assert len(fake.requests) == 2


async def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.write_text("this is no database, but it is long enough to look like one" * 50)
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match=r"answers\.db"):
            await model(fake, path)(ASK)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await ResponseCache("/dev/null/answers.db").get(b"x")


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ResponseCache(tmp_path / "answers.db")
    await cache.put(b"other", 1, model="m")
    async with FakeProvider() as fake:
        with sqlite3.connect(cache.path) as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        other.close()
        assert (await model(fake, cache)(ASK))["content"] == "Paris"
    assert "disk full" in caplog.text


def test_a_cache_works_in_one_event_loop_after_another(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "answers.db")
    for number in range(3):
        asyncio.run(cache.put(cache.key(number), number, model="m"))
    assert asyncio.run(cache.get(cache.key(1))) == 1
