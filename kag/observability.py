"""Seeing what a program does: log lines and OpenTelemetry spans; both cost nothing until enabled."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import ConfigurationError, MissingDependencyError
from kag.graph.structure import leaves
from kag.module import Call, observe

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_log = logging.getLogger("kag")
_EXPORT_SECONDS = 2  # for one batch; the end of a process waits for it
_LEVELS = ("debug", "info", "warning", "error", "critical")
_TELL = Callable[[Any], None]


class _KagHandler(logging.StreamHandler):  # type: ignore[type-arg]  # the class is not generic at run time
    """The handler that `enable_logging` adds, so that it is added once."""


_stop: dict[str, Callable[[], None]] = {}


def enable_logging(level: str | int = "debug") -> None:
    """Shows the library's log on standard error; with `debug`, also each call of a module and its time.

    Values are not logged, only names of properties. Calling it again changes the level.

    Args:
        level: `debug`, `info`, `warning`, `error`, `critical`, or a number as in `logging`.

    Raises:
        ConfigurationError: There is no such level.
    """
    number = _level(level)
    handlers = [handler for handler in _log.handlers if isinstance(handler, _KagHandler)]
    if not handlers:
        handler = _KagHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        _log.addHandler(handler)
    _log.setLevel(number)
    if number <= logging.DEBUG:
        _observe_once("logging", _logged)
    else:
        _stop.pop("logging", _nothing)()


def enable_observability(service_name: str | None = None) -> None:
    """Makes an OpenTelemetry span for each call of a program, a module and a model, with tokens and cost.

    If the application has set up OpenTelemetry, spans go where it sends them. Otherwise they are exported as
    the standard variables say: `OTEL_TRACES_EXPORTER` (`otlp`, `console`, `none`),
    `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_SDK_DISABLED`. That needs the SDK
    (`pip install "kag-server[otel]"`). Without it, if no variable says where spans go, or if nobody is there,
    a hint is logged and programs run as before. Calling it again changes nothing.

    Args:
        service_name: Name of the service if `OTEL_SERVICE_NAME` is not set; `kag` by default.

    Raises:
        MissingDependencyError: OpenTelemetry is not installed at all.
        ConfigurationError: `OTEL_TRACES_EXPORTER` names an exporter that is not supported.
    """
    if "spans" in _stop:
        return
    try:
        from opentelemetry import trace
    except ImportError as error:
        raise MissingDependencyError(
            'enable_observability needs OpenTelemetry; install it with: pip install "kag-server[otel]"'
        ) from error
    _set_up_export(service_name or "kag")
    tracer = trace.get_tracer("kag")
    _observe_once("spans", lambda call, args: _spanned(tracer, call))


def _observe_once(name: str, observer: Callable[[Call, tuple[Any, ...]], Any]) -> None:
    if name not in _stop:
        _stop[name] = observe(observer)


def _nothing() -> None:
    """Nobody observes."""


def _level(level: str | int) -> int:
    if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
        return level
    if isinstance(level, str) and level.lower() in _LEVELS:
        return int(getattr(logging, level.upper()))
    raise ConfigurationError(f"There is no log level {level!r}; use one of: {', '.join(_LEVELS)}.")


@contextmanager
def _logged(call: Call, args: tuple[Any, ...]) -> Iterator[_TELL]:
    begun = time.perf_counter()
    outcome = ["failed"]
    try:
        yield lambda result: outcome.__setitem__(0, f"gave {_outline(result)}")
    finally:
        _log.debug("%s %s in %.1f ms", call.path, outcome[0], (time.perf_counter() - begun) * 1000)


def _outline(result: Any) -> str:
    """Names of the properties that a result has, without their values."""
    parts = [", ".join(leaf.data) if isinstance(leaf, JsonDataModel) else "-" for leaf in leaves(result)]
    return f"({' | '.join(parts)})" if result is not None else "nothing"


@contextmanager
def _spanned(tracer: Tracer, call: Call) -> Iterator[_TELL]:
    module = call.module
    attributes: dict[str, str | bool] = {
        "kag.module.path": call.path,
        "kag.module.class": type(module).__name__,
        "kag.training": call.training,
    }
    name = f"{type(module).__name__} {module.name}"
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        yield lambda result: span.set_attribute(
            "kag.outputs",
            [key for leaf in leaves(result) if isinstance(leaf, JsonDataModel) for key in leaf.data],
        )


def _set_up_export(service_name: str) -> None:
    """Makes spans go somewhere, unless the application has seen to that, or nothing can be done about it."""
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    exporters = _exporter_names(os.environ)
    if not exporters:
        _log.info("Spans are not exported; set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a collector.")
        return
    try:
        resources = importlib.import_module("opentelemetry.sdk.resources")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        made = [_exporter(name, export) for name in exporters]
    except ImportError:
        _log.warning('Spans are not exported: install the exporter with: pip install "kag-server[otel]"')
        return
    name = os.environ.get("OTEL_SERVICE_NAME") or service_name
    tracing = sdk.TracerProvider(resource=resources.Resource.create({"service.name": name}))
    for exporter in made:
        tracing.add_span_processor(export.BatchSpanProcessor(exporter))
    trace.set_tracer_provider(tracing)


def _exporter_names(environment: Mapping[str, str]) -> list[str]:
    """The exporters that the variables name; none if they do not say where spans go."""
    named = environment.get("OTEL_TRACES_EXPORTER", "")
    names = [name.strip().lower() for name in named.split(",") if name.strip()]
    endpoints = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if not names and any(environment.get(name) for name in endpoints):
        names = ["otlp"]
    for name in names:
        if name not in ("otlp", "console", "none"):
            raise ConfigurationError(f"OTEL_TRACES_EXPORTER has {name!r}; use 'otlp', 'console' or 'none'.")
    return [] if "none" in names else names


def _exporter(name: str, export: Any) -> Any:
    """An exporter; modules of the SDK are imported by name, since they may not be installed."""
    if name == "console":
        return export.ConsoleSpanExporter(out=sys.stderr)
    otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    patient = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}TIMEOUT") for part in ("", "TRACES_"))
    return _Quiet(otlp.OTLPSpanExporter(timeout=None if patient else _EXPORT_SECONDS))


class _Quiet:
    """An exporter that says once that nobody takes its spans, instead of at each attempt."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._told = False
        theirs = logging.getLogger("opentelemetry.exporter")
        if theirs.level == logging.NOTSET:
            theirs.setLevel(logging.CRITICAL)

    def export(self, spans: Any) -> Any:
        """Sends spans."""
        result = self._exporter.export(spans)
        if result.name != "SUCCESS" and not self._told:
            self._told = True
            _log.warning("Spans could not be exported; is a collector at OTEL_EXPORTER_OTLP_ENDPOINT?")
        return result

    def shutdown(self) -> None:
        """Ends."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what is waiting."""
        return bool(self._exporter.force_flush(timeout_millis))
