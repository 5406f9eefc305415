"""Monitor: sends parameters, rewards and metrics of a fit to MLflow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from kag.errors import MissingDependencyError, TrainingError
from kag.training.callbacks.base import Callback, Logs

_LONGEST = 500  # characters of a parameter


class Monitor(Callback):
    """One MLflow run for each fit; each epoch is a step of its metrics.

    MLflow is spoken to in a thread, so that the fit does not wait for it; what fails is raised at the end.

    Args:
        experiment_name: The MLflow experiment; made if it is missing.
        run_name: The run's name; by default the program's.
        tracking_uri: Where MLflow keeps runs, such as `http://127.0.0.1:5000`; by default as MLflow is set.
        name: What logs call it.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """

    def __init__(
        self,
        experiment_name: str = "kag",
        run_name: str | None = None,
        tracking_uri: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.experiment_name = experiment_name
        self.run_name = run_name
        self.tracking_uri = tracking_uri
        self._client: Any = None
        self._run = ""
        self._thread: ThreadPoolExecutor | None = None
        self._sent: list[Future[None]] = []
        _client_class()

    def on_train_begin(self, logs: Logs) -> None:
        """Begins a run, and sends the fit's parameters."""
        self._client = _client_class()(tracking_uri=self.tracking_uri)
        self._thread, self._sent = ThreadPoolExecutor(max_workers=1), []
        params = {key: str(value)[:_LONGEST] for key, value in self.fit.params.items()}
        run_name = self.run_name or str(self.program.name)
        self._send(lambda: self._begin(run_name, params))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Sends the logs."""
        values = {
            **logs,
            "calls": float(self.fit.calls),
            "cost": self.fit.cost,
            "tokens": float(self.fit.tokens),
        }
        self._send(lambda: self._log(epoch, values))

    def on_train_end(self, logs: Logs) -> None:
        """Ends the run.

        Raises:
            TrainingError: Something could not be sent.
        """
        if self._thread is None:
            return
        status = "FAILED" if self.fit.failed else "FINISHED"
        self._send(lambda: self._client.set_terminated(self._run, status=status))
        self._thread.shutdown(wait=True)
        self._thread = None
        error = next((sent.exception() for sent in self._sent if sent.exception() is not None), None)
        if error is not None:
            raise TrainingError(f"{self.name} could not send the fit to MLflow: {error}") from error

    def _send(self, send: Callable[[], None]) -> None:
        if self._thread is not None:
            self._sent.append(self._thread.submit(send))

    def _begin(self, run_name: str, params: dict[str, str]) -> None:
        known = self._client.get_experiment_by_name(self.experiment_name)
        experiment = (
            self._client.create_experiment(self.experiment_name) if known is None else known.experiment_id
        )
        self._run = self._client.create_run(experiment, run_name=run_name).info.run_id
        for key, value in params.items():
            self._client.log_param(self._run, key, value)

    def _log(self, epoch: int, values: dict[str, float]) -> None:
        for key, value in values.items():
            self._client.log_metric(self._run, key, value, step=epoch)


def _client_class() -> Any:
    try:
        return importlib.import_module("mlflow").MlflowClient
    except ImportError as error:
        raise MissingDependencyError(
            'Monitor needs MLflow; install it with `pip install "kag-server[mlflow]"`.'
        ) from error
