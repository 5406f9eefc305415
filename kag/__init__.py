"""KAG: documents in, a cited knowledge graph out; programs of modules over it, which can be trained.

Public names are loaded when they are first used, so `import kag` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "Action": "kag.modules.action",
    "And": "kag.modules.merging",
    "AutoRetriever": "kag.retrievers.auto",
    "Branch": "kag.modules.branch",
    "ChainOfThought": "kag.modules.chain_of_thought",
    "ChatMessage": "kag.data_models.chat",
    "ChatMessages": "kag.data_models.chat",
    "ChatRole": "kag.data_models.chat",
    "CommunityRetriever": "kag.retrievers.community",
    "Concat": "kag.modules.merging",
    "CypherRetriever": "kag.retrievers.cypher",
    "DataModel": "kag.data_models.data_model",
    "Decision": "kag.modules.decision",
    "EmbedKnowledge": "kag.modules.embed_knowledge",
    "EmbeddedEntity": "kag.data_models.knowledge",
    "Embedding": "kag.data_models.common",
    "EmbeddingModel": "kag.embedding_models",
    "EmbeddingRequest": "kag.data_models.common",
    "Embeddings": "kag.data_models.common",
    "Entities": "kag.data_models.knowledge",
    "Entity": "kag.data_models.knowledge",
    "EntityRetriever": "kag.retrievers.entity",
    "Evidence": "kag.retrievers.base",
    "Extract": "kag.modules.extract",
    "FunctionCallingAgent": "kag.agents.function_calling_agent",
    "Generator": "kag.modules.generator",
    "GenericIO": "kag.data_models.common",
    "GenericInputs": "kag.data_models.common",
    "GenericOutputs": "kag.data_models.common",
    "GenericResult": "kag.data_models.common",
    "GraphRetriever": "kag.retrievers.graph",
    "Identity": "kag.modules.identity",
    "InMask": "kag.modules.masking",
    "Input": "kag.modules.input",
    "Instructions": "kag.data_models.trainable",
    "JsonDataModel": "kag.data_models.json_data_model",
    "KnowledgeBase": "kag.knowledge_bases.knowledge_base",
    "KnowledgeGraph": "kag.data_models.knowledge",
    "KnowledgeGraphs": "kag.data_models.knowledge",
    "KnowledgeRetriever": "kag.retrievers.knowledge",
    "Lambda": "kag.modules.lambda_",
    "LanguageModel": "kag.language_models",
    "Limits": "kag.language_models",
    "Module": "kag.module",
    "MultiDecision": "kag.modules.multi_decision",
    "MultiServerMCPClient": "kag.agents.mcp_client",
    "NeighborhoodRetriever": "kag.retrievers.neighborhood",
    "Not": "kag.modules.merging",
    "Or": "kag.modules.merging",
    "OutMask": "kag.modules.masking",
    "PassageRetriever": "kag.retrievers.passage",
    "PathRetriever": "kag.retrievers.path",
    "Prediction": "kag.data_models.trainable",
    "Price": "kag.language_models",
    "Program": "kag.program",
    "QueryRetriever": "kag.retrievers.query",
    "Question": "kag.data_models.common",
    "Rating": "kag.data_models.common",
    "Relation": "kag.data_models.knowledge",
    "Relations": "kag.data_models.knowledge",
    "Reranked": "kag.retrievers._reranker",
    "Reranker": "kag.retrievers._reranker",
    "ResponseCache": "kag.language_models",
    "Retry": "kag.language_models",
    "Score": "kag.data_models.common",
    "Search": "kag.retrievers.base",
    "SelfCritique": "kag.modules.self_critique",
    "Sequential": "kag.sequential",
    "Session": "kag.data_models.session",
    "SimilaritySearch": "kag.data_models.knowledge",
    "Stamp": "kag.data_models.common",
    "SymbolicDataModel": "kag.data_models.symbolic",
    "Thinking": "kag.data_models.common",
    "Tool": "kag.agents.tool",
    "ToolCall": "kag.data_models.chat",
    "Trainable": "kag.data_models.trainable",
    "Trial": "kag.data_models.variable",
    "TripletRetriever": "kag.retrievers.triplet",
    "TripletSearch": "kag.data_models.knowledge",
    "UpdateKnowledge": "kag.modules.update_knowledge",
    "UpdateReport": "kag.data_models.knowledge",
    "Variable": "kag.data_models.variable",
    "Xor": "kag.modules.merging",
    "clear_session": "kag.data_models.session",
    "enable_logging": "kag.observability",
    "enable_observability": "kag.observability",
    "plot_graph": "kag.plotting",
    "plot_recall": "kag.plotting.retrieval",
    "register_kag_serializable": "kag.registry",
}
_MODULES = ("agents", "datasets", "errors", "ops", "plotting", "saving", "schema", "testing", "utils")
_TRAINING = ("callbacks", "metrics", "optimizers", "rewards")  # as users of such frameworks write them

if TYPE_CHECKING:
    from pydantic import Field as Field

    from kag import errors as errors
    from kag import ops as ops
    from kag import plotting as plotting
    from kag import saving as saving
    from kag import schema as schema
    from kag import testing as testing
    from kag import utils as utils
    from kag.data_models.chat import ChatMessage as ChatMessage
    from kag.data_models.chat import ChatMessages as ChatMessages
    from kag.data_models.chat import ChatRole as ChatRole
    from kag.data_models.chat import ToolCall as ToolCall
    from kag.data_models.common import Embedding as Embedding
    from kag.data_models.common import EmbeddingRequest as EmbeddingRequest
    from kag.data_models.common import Embeddings as Embeddings
    from kag.data_models.common import GenericInputs as GenericInputs
    from kag.data_models.common import GenericIO as GenericIO
    from kag.data_models.common import GenericOutputs as GenericOutputs
    from kag.data_models.common import GenericResult as GenericResult
    from kag.data_models.common import Question as Question
    from kag.data_models.common import Rating as Rating
    from kag.data_models.common import Score as Score
    from kag.data_models.common import Stamp as Stamp
    from kag.data_models.common import Thinking as Thinking
    from kag.data_models.data_model import DataModel as DataModel
    from kag.data_models.json_data_model import JsonDataModel as JsonDataModel
    from kag.data_models.knowledge import EmbeddedEntity as EmbeddedEntity
    from kag.data_models.knowledge import Entities as Entities
    from kag.data_models.knowledge import Entity as Entity
    from kag.data_models.knowledge import KnowledgeGraph as KnowledgeGraph
    from kag.data_models.knowledge import KnowledgeGraphs as KnowledgeGraphs
    from kag.data_models.knowledge import Relation as Relation
    from kag.data_models.knowledge import Relations as Relations
    from kag.data_models.knowledge import SimilaritySearch as SimilaritySearch
    from kag.data_models.knowledge import TripletSearch as TripletSearch
    from kag.data_models.knowledge import UpdateReport as UpdateReport
    from kag.data_models.session import Session as Session
    from kag.data_models.session import clear_session as clear_session
    from kag.data_models.symbolic import SymbolicDataModel as SymbolicDataModel
    from kag.data_models.trainable import Instructions as Instructions
    from kag.data_models.trainable import Prediction as Prediction
    from kag.data_models.trainable import Trainable as Trainable
    from kag.data_models.variable import Trial as Trial
    from kag.data_models.variable import Variable as Variable
    from kag.embedding_models import EmbeddingModel as EmbeddingModel
    from kag.knowledge_bases.knowledge_base import KnowledgeBase as KnowledgeBase
    from kag.language_models import LanguageModel as LanguageModel
    from kag.language_models import Limits as Limits
    from kag.language_models import Price as Price
    from kag.language_models import ResponseCache as ResponseCache
    from kag.language_models import Retry as Retry
    from kag.module import Module as Module
    from kag.modules.action import Action as Action
    from kag.modules.branch import Branch as Branch
    from kag.modules.chain_of_thought import ChainOfThought as ChainOfThought
    from kag.modules.decision import Decision as Decision
    from kag.modules.embed_knowledge import EmbedKnowledge as EmbedKnowledge
    from kag.modules.extract import Extract as Extract
    from kag.modules.generator import Generator as Generator
    from kag.modules.identity import Identity as Identity
    from kag.modules.input import Input as Input
    from kag.modules.lambda_ import Lambda as Lambda
    from kag.modules.masking import InMask as InMask
    from kag.modules.masking import OutMask as OutMask
    from kag.modules.merging import And as And
    from kag.modules.merging import Concat as Concat
    from kag.modules.merging import Not as Not
    from kag.modules.merging import Or as Or
    from kag.modules.merging import Xor as Xor
    from kag.modules.multi_decision import MultiDecision as MultiDecision
    from kag.modules.self_critique import SelfCritique as SelfCritique
    from kag.modules.update_knowledge import UpdateKnowledge as UpdateKnowledge
    from kag.observability import enable_logging as enable_logging
    from kag.observability import enable_observability as enable_observability
    from kag.plotting import plot_graph as plot_graph
    from kag.plotting.retrieval import plot_recall as plot_recall
    from kag.program import Program as Program
    from kag.registry import register_kag_serializable as register_kag_serializable
    from kag.retrievers._reranker import Reranked as Reranked
    from kag.retrievers._reranker import Reranker as Reranker
    from kag.retrievers.auto import AutoRetriever as AutoRetriever
    from kag.retrievers.base import Evidence as Evidence
    from kag.retrievers.base import Search as Search
    from kag.retrievers.community import CommunityRetriever as CommunityRetriever
    from kag.retrievers.cypher import CypherRetriever as CypherRetriever
    from kag.retrievers.entity import EntityRetriever as EntityRetriever
    from kag.retrievers.graph import GraphRetriever as GraphRetriever
    from kag.retrievers.knowledge import KnowledgeRetriever as KnowledgeRetriever
    from kag.retrievers.neighborhood import NeighborhoodRetriever as NeighborhoodRetriever
    from kag.retrievers.passage import PassageRetriever as PassageRetriever
    from kag.retrievers.path import PathRetriever as PathRetriever
    from kag.retrievers.query import QueryRetriever as QueryRetriever
    from kag.retrievers.triplet import TripletRetriever as TripletRetriever
    from kag.sequential import Sequential as Sequential
    from kag.training import callbacks as callbacks
    from kag.training import metrics as metrics
    from kag.training import optimizers as optimizers
    from kag.training import rewards as rewards

__all__ = ["Field", "__version__", *_NAMES, *_MODULES, *_TRAINING]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"kag.{name}")
    if name in _TRAINING:
        return importlib.import_module(f"kag.training.{name}")
    if name == "Field":
        from pydantic import Field

        return Field
    if name not in _NAMES:
        raise AttributeError(f"module 'kag' has no attribute {name!r}")
    value = getattr(importlib.import_module(_NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
