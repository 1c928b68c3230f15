"""The real Functions worker library, driven as the host drives it: index, load, invoke.

The library speaks to the host in protobuf messages that are not published as a package; the small classes here
stand in for those messages alone. Everything that reads or answers them is the worker's own code.
"""

import asyncio
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

APP = Path(__file__).parents[2]
STATUS = {"Failure": 0, "Success": 1}
NAMES = (
    "BindingInfo FunctionEnvironmentReloadResponse FunctionLoadResponse FunctionMetadataResponse InvocationResponse"
    " ModelBindingData NullableBool NullableDouble NullableString NullableTimestamp ParameterBinding RpcException"
    " RpcFunctionMetadata RpcHttp RpcHttpCookie RpcRetryOptions StatusResult TypedData WorkerInitResponse WorkerMetadata"
)


class Message(SimpleNamespace):
    """One protobuf message: fields by name, and the question which of a oneof is set."""

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - protobuf's own name
        """Give the name of the field that is set."""
        return next((field for field, value in vars(self).items() if value is not None and field != "name"), None)


def _protos() -> SimpleNamespace:
    classes = {name: type(name, (Message,), {}) for name in NAMES.split()}
    classes["StatusResult"].Failure, classes["StatusResult"].Success = STATUS["Failure"], STATUS["Success"]  # type: ignore[attr-defined]
    for name, value in (("undefined", 0), ("out", 1), ("inout", 2)):
        setattr(classes["BindingInfo"], name, value)
    return SimpleNamespace(**classes)


class Worker:
    """The worker with our app indexed in it."""

    def __init__(self, app: Path) -> None:
        self.protos = _protos()
        self._runtime: ModuleType = importlib.import_module("azure_functions_runtime")
        self._runtime.start_threadpool_executor()
        start = SimpleNamespace(capabilities={}, function_app_directory=str(app))
        request = SimpleNamespace(
            request=SimpleNamespace(worker_init_request=start),
            properties={"host": "127.0.0.1", "protos": self.protos},
        )
        self.start = asyncio.run(self._runtime.worker_init_request(request))

    def functions(self) -> dict[str, list[dict[str, Any]]]:
        """Give, for each function that the worker indexed, its bindings as the host would get them."""
        answer = asyncio.run(self._runtime.functions_metadata_request(SimpleNamespace()))
        self._ids = {one.name: one.function_id for one in answer.function_metadata_results}
        return {one.name: [json.loads(raw) for raw in one.raw_bindings] for one in answer.function_metadata_results}

    def invoke(self, function: str, argument: str, data: Message, metadata: dict[str, Message]) -> Any:
        """Load and invoke a function with the data that the host would send; give the worker's response."""
        self.functions()
        binding = self.protos.ParameterBinding(name=argument, data=data)
        call = SimpleNamespace(
            invocation_id="invocation-1",
            function_id=self._ids[function],
            input_data=[binding],
            trigger_metadata=metadata,
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        return asyncio.run(self._runtime.invocation_request(_wrapped("invocation_request", call)))

    def typed(self, **value: object) -> Message:
        """Give a TypedData message with one field set."""
        message: Message = self.protos.TypedData(**value)
        return message

    def http(self, body: bytes) -> Message:
        """Give the data of an HTTP POST with this body."""
        request = SimpleNamespace(
            method="POST",
            url="http://localhost/api/diagnose",
            headers={"content-type": "message/rfc822"},
            params={},
            query={},
            body=self.typed(bytes=body),
        )
        return self.typed(http=request)


def _wrapped(name: str, call: object) -> SimpleNamespace:
    return SimpleNamespace(request=SimpleNamespace(**{name: call}))


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Give a worker that indexed the app afresh: its registries are module globals, so they are dropped first."""
    stale = [name for name in sys.modules if name.startswith(("azure_functions_runtime", "function_app"))]
    for name in stale:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(APP))
    return Worker(APP)
