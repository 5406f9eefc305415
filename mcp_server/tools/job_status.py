"""`job_status`: how far an ingestion has come, and what failed in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mcp_server import budget
from mcp_server.job_answer import JobAnswer
from mcp_server.scope import Scope
from mcp_server.tools.base import Arguments, MaxTokens, Tool


class JobStatusArguments(Arguments):
    """A question about a job."""

    job_id: Annotated[str, Field(min_length=1, max_length=100, description="As ingest returned it")]
    max_tokens: MaxTokens = budget.DEFAULT


async def call(scope: Scope, asked: JobStatusArguments) -> JobAnswer:
    """Tells how a job stands."""
    job = await scope.jobs.get(asked.job_id, scope.access.collections)
    return JobAnswer.of(job, scope.fence, asked.max_tokens)


TOOL = Tool(
    title="Job status",
    description=(
        "Tell how an ingestion stands: queued, running, done, partial (some items failed) or failed; how "
        "many items are done, and each failed item with the reason. Jobs survive a restart of the server."
    ),
    arguments=JobStatusArguments,
    answer=JobAnswer,
    call=call,
)
