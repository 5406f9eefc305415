"""Branch: a decision, and one module for each possible answer, of which only the chosen one runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kag.data_models.operations import AND, CONCAT, Operand, operand
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.graph.structure import map_leaves
from kag.graph.window import sliding
from kag.module import Module
from kag.modules._deciding import Deciding
from kag.modules._options import GeneratorOptions
from kag.modules.decision import Decision


class Branch(Module):
    """Asks a model which way to go and runs that branch only; gives a tuple with one result for each label.

    The results of the branches that were not taken are None, so `a | b` gives the one that was.

    Args:
        question: What is to be decided about the inputs.
        labels: The possible answers: different, non-empty strings.
        branches: A module for each label, in the same order.
        language_model: Takes the decision: a `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        inject_decision: Give the branch the decision (`thinking`, `choice`) after its inputs.
        return_decision: Put the decision before the properties of the branch's result.
        decision_type: `Decision` chooses one branch; `MultiDecision` any number, which run at the same time.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes the decision and all branches.
        **options: Options of the decision, as for `Generator`: `instructions`, `examples`, `temperature`, ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> (easy, hard) = await Branch(
        ...     question="How difficult is the query?",
        ...     labels=["easy", "difficult"],
        ...     branches=[Generator(Answer, lm), ChainOfThought(Answer, lm)],
        ...     language_model=lm,
        ... )(inputs)
        >>> answer = easy | hard
    """

    accepts_none = True

    def __init__(
        self,
        question: str,
        labels: Sequence[str],
        branches: Sequence[Module],
        language_model: Any = None,
        *,
        inject_decision: bool = True,
        return_decision: bool = True,
        decision_type: type[Deciding] = Decision,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(decision_type, type) or not issubclass(decision_type, Deciding):
            raise ProgramError(
                f"decision_type of {self!r} must be Decision or MultiDecision; got {decision_type!r}."
            )
        self.decision = decision_type(
            question, labels, language_model, name="decision", description=description, **options
        )
        self.branches = self._checked(branches)
        self.inject_decision = inject_decision
        self.return_decision = return_decision

    @property
    def labels(self) -> tuple[str, ...]:
        """The possible answers, in the order of the branches."""
        return self.decision.labels

    async def call(self, inputs: Any, training: bool = False) -> tuple[Any, ...]:
        """One result for each label; None where the branch was not taken, or for inputs of None.

        Raises:
            StructuredOutputError: The model chose something that is not a label.
        """
        results: list[Any] = [None] * len(self.branches)
        if inputs is None:
            return tuple(results)
        decision = await self.decision(inputs)
        chosen = self.decision.chosen(decision.data)
        given = CONCAT(inputs, decision) if self.inject_decision else inputs
        places = [place for place, label in enumerate(self.labels) if label in chosen]
        if len(places) == 1:
            outputs = [await self.branches[places[0]](given)]
        else:
            taken = [self.branches[place] for place in places]
            outputs = await sliding(lambda branch: branch(given), taken, max(len(taken), 1))
        for place, output in zip(places, outputs, strict=True):
            results[place] = self._returned(decision, output)
        return tuple(results)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> tuple[Any, ...]:
        """One symbol (or structure of symbols) for each branch."""
        decision = SymbolicDataModel(schema=self.decision.schema, record_history=False)
        given = _plain(inputs)
        if self.inject_decision:
            given = _plain(CONCAT(given, decision))
        return tuple([await self._spec(branch, given, decision) for branch in self.branches])

    async def _spec(self, branch: Module, given: Operand, decision: Operand) -> Any:
        outputs = await branch(SymbolicDataModel(schema=given.known_schema, exact=given.is_exact))
        return map_leaves(lambda leaf: self._returned(decision, _plain(leaf)), outputs)

    def _returned(self, decision: Any, output: Any) -> Any:
        """The output with the decision before it, if that is wanted."""
        if not self.return_decision:
            return output
        return map_leaves(lambda leaf: AND(decision, leaf), output)

    def _checked(self, branches: Any) -> list[Module]:
        modules = list(branches) if isinstance(branches, list | tuple) else []
        if not modules or not all(isinstance(module, Module) for module in modules):
            raise ProgramError(f"branches of {self!r} must be a list of modules; got {branches!r}.")
        if len(modules) != len(self.labels):
            raise ProgramError(
                f"{self!r} has {len(modules)} branches for {len(self.labels)} labels "
                f"({', '.join(self.labels)}); give one branch for each label."
            )
        names: dict[str, Module] = {self.decision.name: self.decision}
        for module in modules:
            if names.setdefault(module.name, module) is not module:
                raise ProgramError(
                    f"Two modules of {self!r} are called {module.name!r}; give one of them another name=...."
                )
        return modules


def _plain(value: Any) -> SymbolicDataModel:
    """A symbol with the schema of another, on which operations are not recorded."""
    known = operand(value)
    return SymbolicDataModel(schema=known.known_schema, record_history=False, exact=known.is_exact)
