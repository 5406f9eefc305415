"""How a job is told to a client: its state, how far it is, and each item that failed with the reason."""

from __future__ import annotations

from typing import Self

from kag.knowledge_bases.base import Job, JobState
from mcp_server import budget
from mcp_server.budget import Budget, within
from mcp_server.jobs import UNFINISHED
from mcp_server.results import Answer, Model
from mcp_server.untrusted import Fence, clean, line


class Failure(Model):
    """An item of a job that failed."""

    item: str
    error: str

    def render(self, fence: Fence) -> str:
        """One line."""
        return f"- {self.item}: {self.error}"


class JobAnswer(Answer):
    """A job as it stands."""

    id: str
    uri: str
    collection: str
    state: JobState
    done: int
    total: int
    failed_count: int = 0
    failed: tuple[Failure, ...] = ()
    message: str = ""

    @classmethod
    def of(cls, job: Job, fence: Fence, most: int = budget.DEFAULT) -> Self:
        """Makes the answer's form of a job, with as many failures as `most` tokens have room for."""
        bare = cls(
            id=job.id,
            uri=f"kag://jobs/{job.id}",
            collection=line(job.collection, 200),
            state=job.state,
            done=job.done,
            total=job.total,
            failed_count=len(job.failed),
            message=within(clean(job.message), 150),
        )
        purse = Budget(most - bare.cost(bare.render(fence)), fence)
        failed = purse.take(_failure(str(f["item"]), str(f["error"])) for f in job.failed)
        return bare.model_copy(update={"failed": tuple(failed), "truncated": purse.cut})

    def render(self, fence: Fence) -> str:
        """The state, then the failures."""
        lines = [
            f"Job {self.id} is {self.state}: {self.done} of {self.total} done, {self.failed_count} failed."
        ]
        lines += [self.message] if self.message else []
        if self.state in UNFINISHED:
            lines.append(f'Poll job_status with job_id="{self.id}".')
        if self.failed:
            listed = fence("\n".join(failure.render(fence) for failure in self.failed))
            lines.append(self.framed(fence, ["Failed:", listed], empty=""))
        return "\n".join(lines)


def _failure(item: str, error: str) -> Failure:
    return Failure(item=within(line(item, 1000), 60, end=True), error=within(line(error, 1000), 100))
