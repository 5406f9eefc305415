"""The stores that the contract suites run on: all that `discover` finds and that have an address.

The embedded store needs none. Another takes the one in `KAG_TEST_<NAME>_URI`, such as `KAG_TEST_NEO4J_URI`,
else the fixture `<name>_uri`, which starts a server or skips.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from graph_wipe import emptied
from store_documents import STORES

from kag import discover
from kag.knowledge_bases.base import Store

MakeStore = Callable[[str, Path], Store]


@pytest.fixture(scope="session")
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    """Makes an empty store by its name; the embedded one in a folder, others at their server."""

    def make(name: str, folder: Path) -> Store:
        if name == "embedded":
            address = str(folder / "store")
        else:
            address = emptied(os.environ.get(f"KAG_TEST_{name.upper()}_URI") or _server(request, name))
        made: Store = discover.load("kag.knowledge_bases", name).STORE(address)
        return made

    return make


def _server(request: pytest.FixtureRequest, name: str) -> str:
    try:
        return str(request.getfixturevalue(f"{name}_uri"))
    except pytest.FixtureLookupError:
        pytest.skip(f"KAG_TEST_{name.upper()}_URI is not set, and nothing here starts a {name} server")


@pytest.fixture(params=STORES)
async def store(
    request: pytest.FixtureRequest, make_store: MakeStore, tmp_path: Path
) -> AsyncIterator[Store]:
    """An open, empty store; what a test leaves in it goes."""
    made = make_store(request.param, tmp_path)
    await made.open()
    yield made
    for collection in (await made.statistics()).collections:
        await made.delete_collection(collection)
    await made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves drawn examples on servers to the slow run: each of them empties a database over the network."""
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if drawn and any(f"[{name}" in item.name for name in STORES if name != "embedded"):
            item.add_marker(pytest.mark.slow)
