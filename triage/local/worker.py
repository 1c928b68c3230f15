"""The Functions worker library, driven as the host drives it: index, then invoke with binding data.

The library speaks to the host in protobuf messages that are not published as a package; the small classes here stand
in for those messages alone. Everything that reads or answers them is the worker's own code.
"""

import asyncio
import importlib
import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from triage.errors import Misconfigured

APP = "function_app"

_MESSAGES = (
    "BindingInfo FunctionEnvironmentReloadResponse FunctionLoadResponse FunctionMetadataResponse InvocationResponse"
    " ModelBindingData NullableBool NullableDouble NullableString NullableTimestamp ParameterBinding RpcException"
    " RpcFunctionMetadata RpcHttp RpcHttpCookie RpcRetryOptions StatusResult TypedData WorkerInitResponse WorkerMetadata"
)
_FAILURE, _SUCCESS = 0, 1

Bindings = dict[str, list[dict[str, Any]]]
"""The bindings of each function, as the host gets them."""


class Message(SimpleNamespace):
    """One protobuf message: fields by name, and the question which of a oneof is set."""

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - protobuf's own name
        """Give the name of the field that is set."""
        return next((field for field, value in vars(self).items() if value is not None and field != "name"), None)


class Failed(Exception):
    """A function that raised, as the worker tells the host: its text is the worker's."""


class Worker:
    """The worker with one app indexed in it. Several threads may invoke at once."""

    def __init__(self, folder: Path) -> None:
        """Index the app in `folder`. Raises `Misconfigured` where the library is missing or the app cannot be indexed."""
        try:
            self._library = importlib.import_module("azure_functions_runtime")
        except ImportError as error:
            raise Misconfigured(
                "The Functions worker library is not installed: it needs Python 3.13 and"
                " `pip install azure-functions-runtime` (or `make test` once). Without it, leave --azurite away."
            ) from error
        self._protos = _protos()
        self._library.start_threadpool_executor()
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        self._index(folder)

    def _index(self, folder: Path) -> None:
        begin = _request("worker_init_request", SimpleNamespace(capabilities={}, function_app_directory=str(folder)))
        begin.properties = {"host": "127.0.0.1", "protos": self._protos}
        answer = asyncio.run(self._library.worker_init_request(begin))
        if answer.result.status != _SUCCESS:
            raise Misconfigured(f"{APP}.py cannot be indexed: {answer.result.exception.message}")
        found = asyncio.run(self._library.functions_metadata_request(SimpleNamespace())).function_metadata_results
        self._ids = {one.name: one.function_id for one in found}
        self.bindings: Bindings = {one.name: [json.loads(raw) for raw in one.raw_bindings] for one in found}
        self.retries = {one.name for one in found if getattr(one, "retry_options", None) is not None}
        """Functions that ask for retries by the decorator, which the host honours for few triggers."""

    def invoke(self, function: str, data: Message, metadata: Mapping[str, Message] | None = None) -> Any:
        """Invoke a function with the data of its trigger; give what it returns. Raises `Failed` where it raised."""
        trigger = next(one for one in self.bindings[function] if one["type"].lower().endswith("trigger"))
        call = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=self._ids[function],
            input_data=[self._protos.ParameterBinding(name=trigger["name"], data=data)],
            trigger_metadata=dict(metadata or {}),
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        answer = asyncio.run(self._library.invocation_request(_request("invocation_request", call)))
        if answer.result.status != _SUCCESS:
            raise Failed(answer.result.exception.message)
        return answer.return_value

    def typed(self, **value: object) -> Message:
        """Give a TypedData message with one field set: string, bytes, json or http."""
        return self.message("TypedData", **value)

    def message(self, name: str, **fields: object) -> Message:
        """Give a message of the protocol by its name."""
        made: Message = getattr(self._protos, name)(**fields)
        return made


def _request(name: str, inner: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(request=SimpleNamespace(**{name: inner}))


def _protos() -> SimpleNamespace:
    classes: dict[str, Any] = {name: type(name, (Message,), {}) for name in _MESSAGES.split()}
    classes["StatusResult"].Failure, classes["StatusResult"].Success = _FAILURE, _SUCCESS
    for name, value in (("undefined", 0), ("out", 1), ("inout", 2)):
        setattr(classes["BindingInfo"], name, value)
    return SimpleNamespace(**classes)
