"""An agent that answers from a knowledge graph, from another MCP server, and from a function.

    kag ingest examples/documents
    python examples/agent.py ollama/qwen3 "Who directed the ESPCI?"

Any server with OpenAI's API will do: name the model `openai/<its name there>`, and set OPENAI_BASE_URL to its
address and OPENAI_API_KEY if it wants a key.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kag

SERVERS = {
    "math": {
        "command": sys.executable,
        "args": [str(Path(__file__).with_name("math_server.py"))],
        "transport": "stdio",
    }
}
OPERATIONS: dict[type, Callable[[Any, Any], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Query(kag.DataModel):
    """What is asked."""

    query: str = kag.Field(description="The user's question")


class Answer(kag.DataModel):
    """What is answered."""

    answer: str = kag.Field(description="The answer, in a sentence")


@kag.utils.register_kag_serializable()
async def calculate(expression: str) -> dict[str, Any]:
    """Calculates an arithmetic expression.

    Args:
        expression: Numbers, + - * / and brackets, up to 200 characters.
    """
    if len(expression) > 200:
        raise ValueError("the expression has more than 200 characters")
    return {"result": value(ast.parse(expression, mode="eval").body), "log": "Success"}


def value(node: ast.expr) -> float:
    """The value of arithmetic; what a model wrote is never run, as `eval` would."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return float(OPERATIONS[type(op)](value(left), value(right)))
    raise ValueError(f"{ast.unparse(node)} is not arithmetic; use numbers, + - * / and brackets")


async def main(store: str, language_model: Any, question: str) -> list[str]:
    """Asks, and gives the answer with the tools that were called for it."""
    servers = kag.MultiServerMCPClient(SERVERS)
    async with kag.KnowledgeBase(store) as base, servers:
        tools = [*kag.agents.graph_tools(base), *await servers.get_tools(), kag.Tool(calculate)]
        agent = kag.FunctionCallingAgent(
            data_model=Answer, tools=tools, language_model=language_model, return_inputs_with_trajectory=True
        )
        result = await agent(Query(query=question))
    calls = [call for step in result.get("trajectory") for call in step["calls"]]
    return [result.get("answer"), *(f"  {call['tool']}({call['arguments']})" for call in calls)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("language_model", help="such as ollama/qwen3 or openai/gpt-4o-mini")
    parser.add_argument("question", nargs="?", default="Who directed the ESPCI?")
    parser.add_argument("--store", default=".kag")
    given = parser.parse_args()
    shown = asyncio.run(main(given.store, given.language_model, given.question))
    sys.stdout.write("\n".join(shown) + "\n")
