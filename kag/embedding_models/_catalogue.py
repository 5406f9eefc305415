"""The models that may be chosen without asking, and what is known of them without the fastembed library.

fastembed knows forty models, but importing it costs 0.45 s of CPU, which a single search should not pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pooling = Literal["mean", "cls", "last", "none"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that fastembed can fetch.

    Args:
        name: Its name on the model hub.
        repository: Where its ONNX files are on the hub.
        file: The model's file there.
        dimensions: Length of its vectors.
        megabytes: Size of the download.
        pooling: How token vectors become one; None means that fastembed itself has to run the model.
        extra_files: Files it needs besides.
    """

    name: str
    repository: str
    file: str
    dimensions: int
    megabytes: int
    pooling: Pooling | None
    extra_files: tuple[str, ...] = ()


# The default. Of fastembed's small models bge-small ranks better in its authors' own tables, but takes twice
# the CPU (12 layers against 6), which counts where documents are embedded on two cores; and the weights of
# the graph walk are tuned on the cosines of MiniLM. It needs no words put before a question.
MINILM = Entry(
    "sentence-transformers/all-MiniLM-L6-v2", "Qdrant/all-MiniLM-L6-v2-onnx", "model.onnx", 384, 90, "mean"
)
BGE_SMALL = Entry(
    "BAAI/bge-small-en-v1.5", "Qdrant/bge-small-en-v1.5-onnx-Q", "model_optimized.onnx", 384, 67, "cls"
)
DEFAULTS = (MINILM, BGE_SMALL)

# Size and SHA-256 of weights that are known under another file name. The 8-bit MiniLM has its own vectors to
# three digits (cosine 0.9995), so it counts as the same space.
WEIGHTS = {
    (22_928_619, "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"): MINILM,
}

# Publishers of fastembed's models: a name that begins with one needs no `fastembed/` before it.
PUBLISHERS = frozenset(
    "baai google ibm-granite intfloat jinaai minishlab mixedbread-ai nomic-ai qdrant qwen "
    "sentence-transformers snowflake thenlper".split()
)


def known(name: str) -> Entry | None:
    """Finds a model by name, case aside, among the few that need no library."""
    return next((entry for entry in DEFAULTS if entry.name.lower() == name.lower()), None)


def everything() -> list[Entry]:
    """Lists all models that the installed fastembed knows; imports it."""
    from fastembed import TextEmbedding

    return [
        Entry(
            found["model"],
            found["sources"]["hf"] or "",
            found["model_file"],
            found["dim"],
            round((found["size_in_GB"] or 0) * 1000),
            None,
            tuple(found["additional_files"]),
        )
        for found in TextEmbedding.list_supported_models()
    ]
