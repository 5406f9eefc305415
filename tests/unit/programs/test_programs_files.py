"""What training keeps in files: versions of a program, questions and how they are parted."""

import re
from pathlib import Path
from typing import Any

import pytest

import kag
import programs
from kag.errors import ProgramError, SavingError, TrainingError
from kag.testing import ScriptedLanguageModel
from programs._changes import changes, prompts
from programs._named import optimizer_of, reward_of
from programs._questions import Row, read_questions, split
from programs._versions import current, publish, rollback, versions


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_each_version_is_kept_and_the_file_is_the_newest(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    assert [publish(best, text).number for text in ("one", "two", "three")] == [1, 2, 3]
    assert text_of(best) == "three"
    assert [text_of(version.path) for version in versions(best)] == ["one", "two", "three"]


def test_a_file_that_somebody_else_wrote_becomes_a_version_before_it_is_replaced(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    best.write_text("by hand", encoding="utf-8")
    assert publish(best, "trained").number == 2
    assert rollback(best).number == 1
    assert text_of(best) == "by hand"


def test_rolling_back_again_goes_further_back_and_loses_nothing(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    for text in ("one", "two", "three"):
        publish(best, text)
    assert [rollback(best).number, rollback(best).number] == [2, 1]
    with pytest.raises(SavingError, match="kept are 1, 2, 3"):
        rollback(best)
    assert rollback(best, to=3).number == 3
    assert text_of(best) == "three"


def test_a_change_by_hand_is_kept_when_it_is_rolled_back(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    publish(best, "one")
    best.write_text("edited", encoding="utf-8")
    assert rollback(best).number == 1
    assert [text_of(version.path) for version in versions(best)] == ["one", "edited"]


def test_a_version_that_there_is_not_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    best = tmp_path / "best.json"
    with pytest.raises(SavingError, match="kept are none"):
        rollback(best)
    publish(best, "one")
    with pytest.raises(SavingError, match="version 7"):
        rollback(best, to=7)
    assert text_of(best) == "one"


def test_files_of_like_names_are_no_versions(tmp_path: Path) -> None:
    for name in ("best.v1.txt", "best.vx.json", "xbest.v1.json", "best.v1.json.bak"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert versions(tmp_path / "best.json") == []
    assert current(tmp_path / "best.json") is None


def rows(count: int) -> list[Row]:
    return [Row(n, f"Question {n}?", None) for n in range(count)]  # type: ignore[arg-type]


def test_the_same_questions_are_held_out_whatever_their_order(tmp_path: Path) -> None:
    search, held = split(rows(40), 0.25)
    assert (len(search), len(held)) == (30, 10)
    other = split(rows(40)[::-1], 0.25)[1]
    assert {row.question for row in other} == {row.question for row in held}


def test_a_question_that_stands_twice_is_on_one_side_only() -> None:
    twice = [*rows(12), *(Row(100 + row.line, row.question.upper(), row.right) for row in rows(12))]
    search, held = split(twice, 0.5)
    assert not {row.question.lower() for row in search} & {row.question.lower() for row in held}


@pytest.mark.parametrize(("count", "share"), [(4, 0.9), (4, 0.01), (5, 0.5), (100, 0.3)])
def test_neither_side_is_left_without_questions(count: int, share: float) -> None:
    search, held = split(rows(count), share)
    assert len(search) >= 3
    assert len(held) >= 1
    assert len(search) + len(held) == count


@pytest.mark.parametrize("share", [0, 1, -1, 2])
def test_a_share_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(TrainingError, match="between 0 and 1"):
        split(rows(10), share)


def test_rows_may_name_their_sources_in_several_ways(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        '{"question": " a ", "answer": 42, "gold": "one"}\n\n'
        '{"question": "b", "answer": "", "sources": ["two", "three"]}\n'
        '{"question": "c", "answer": "x", "gold": null, "documents": ["four"], "other": 1}\n',
        encoding="utf-8",
    )
    found = read_questions(path)
    assert [(row.line, row.question, row.right.answer, row.right.gold) for row in found] == [
        (1, "a", "42", ["one"]),
        (3, "b", "", ["two", "three"]),
        (4, "c", "x", ["four"]),
    ]


BAD: dict[str, tuple[str | None, str]] = {
    "empty.jsonl": ("", "holds no questions"),
    "torn.jsonl": ('{"question": "Q", "answer": "A"}\n{"question": ', "line 2: this is not JSON"),
    "list.jsonl": ("[1]\n", "line 1: expected an object"),
    "fields.jsonl": ('{"question": "Q", "answer": "A"}\n\n{"question": "R"}\n', "line 3: answer is missing"),
    "blank.jsonl": ('{"question": " ", "answer": "A"}\n', "line 1: question is ' '"),
    "types.jsonl": ('{"question": "Q", "answer": ["A"]}\n', "line 1: answer is ['A']"),
    "sources.jsonl": ('{"question": "Q", "answer": "A", "gold": [1]}\n', "line 1: the sources are"),
    "bytes.jsonl": ("\udcff", "cannot be read"),
    "gone.jsonl": (None, "No such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_holds_no_usable_questions_is_refused_in_words(tmp_path: Path, name: str) -> None:
    content, told = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(TrainingError, match=re.escape(told)):
        read_questions(tmp_path / name)


def test_the_same_question_again_and_again_is_too_few() -> None:
    with pytest.raises(TrainingError, match="1 different questions"):
        split([Row(n, "Q?", rows(1)[0].right) for n in range(9)], 0.3)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["Nope"], "there are CitationPrecision"),
        (["TokenF1=much"], "must be a number"),
        (["TokenF1=-1", "ExactMatch"], "none negative"),
        (["ProgramAsJudge"], "needs program="),
        (["MeanRewardWrapper"], "needs fn"),
        (["Reward"], "there is no such"),
    ],
)
def test_a_reward_that_cannot_be_named_so_is_refused(names: list[str], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        reward_of(names, ScriptedLanguageModel(), None)


def test_rewards_are_found_however_they_are_written_and_look_at_the_answer() -> None:
    for name in ("TokenF1", "token_f1", "token-f1", "tokenf1"):
        assert reward_of([name], None, None).in_mask == ("answer",)
    assert reward_of(["citation_precision"], None, None).in_mask is None
    both: Any = reward_of(["ExactMatch", "Faithfulness=0.5"], None, None)
    assert both.weights == [1.0, 0.5]
    assert optimizer_of("random_few_shot", None, None).name == "random_few_shot"


async def test_what_changed_in_a_prompt_is_shown_sentence_by_sentence(tmp_path: Path) -> None:
    program = await programs.make("answer", kag.KnowledgeBase(uri=tmp_path), ScriptedLanguageModel())
    before = prompts(program)
    (state,) = program.trainable_variables
    example = {"inputs": {"question": "Q", "passages": [{}, {}]}, "outputs": {"sentences": []}}
    instructions = state.get("instructions").replace("Write short sentences.", "Be \x1b[2J brief.")
    state.update({"instructions": instructions, "examples": [example]})
    lines = changes(before, prompts(program)).splitlines()
    assert [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-Write short sentences.",
        "+Be \\x1b[2J brief.",
        '+Example input:  {"question":"Q","passages":"2 passages"}',
        '+Example output: {"sentences":[]}',
    ]
    assert changes(before, before) == ""


async def test_a_program_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="answer, chat"):
        await programs.make("nope", kag.KnowledgeBase(uri=tmp_path))


async def test_an_option_that_a_program_does_not_take_is_refused(tmp_path: Path) -> None:
    base, model = kag.KnowledgeBase(uri=tmp_path), ScriptedLanguageModel()
    with pytest.raises(ProgramError, match="takes no hops; it takes mode, k, "):
        await programs.make("answer", base, model, hops=3)
    made: Any = await programs.make("answer", base, model, instructions="Be brief.", k=2)
    assert made.trainable_variables[0].get("instructions") == "Be brief."
    assert made.get_module("passages").k == 2


async def test_a_question_is_put_into_what_the_program_takes(tmp_path: Path) -> None:
    base, model = kag.KnowledgeBase(uri=tmp_path), ScriptedLanguageModel()
    made = {name: await programs.make(name, base, model) for name in ("answer", "chat", "extract")}
    assert programs.inputs_for(made["answer"], "Who?").get_json() == {"question": "Who?"}
    (message,) = programs.inputs_for(made["chat"], "Who?").get("messages")
    assert (message["role"], message["content"]) == ("user", "Who?")
    assert programs.inputs_for(made["extract"], "Who?").get("text") == "Who?"


class Route(kag.DataModel):
    start: str
    end: str


def test_a_program_that_takes_several_things_cannot_be_asked() -> None:
    inputs = kag.Input(data_model=Route)
    with pytest.raises(ProgramError, match="start, end"):
        programs.inputs_for(kag.Program(inputs=inputs, outputs=inputs, name="route"), "Who?")
