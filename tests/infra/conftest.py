"""The deployment worked out from the Bicep files, and the app as the worker indexes it."""

import asyncio
import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.infra.bicep import EVERYTHING, INFRA, Resource, deployed

APP = INFRA.parent
MESSAGES = (
    "BindingInfo FunctionMetadataResponse RpcException RpcFunctionMetadata RpcRetryOptions StatusResult"
    " WorkerInitResponse WorkerMetadata"
)


@pytest.fixture(scope="session")
def resources() -> list[Resource]:
    """Give all that is deployed with every switch on."""
    return deployed(**EVERYTHING).resources


@pytest.fixture(scope="session")
def plain() -> list[Resource]:
    """Give all that is deployed where nothing was said but a name and a region."""
    return deployed().resources


class Function(SimpleNamespace):
    """One function as the worker tells the host of it."""

    bindings: list[dict[str, Any]]
    retry: Any

    def trigger(self, *kinds: str) -> bool:
        """Whether one of its bindings is of such a kind."""
        return any(one["type"] in kinds for one in self.bindings)


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Function]:
    """Give each function by name: the app is indexed by the worker's own library, as in Azure.

    The library speaks in protobuf messages that are not published; classes that keep what they are given stand in.
    """
    # Its registries are module globals: what an earlier test indexed is dropped.
    for name in [name for name in sys.modules if name.startswith(("azure_functions_runtime", "function_app"))]:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(APP))
    protos = SimpleNamespace(**{name: type(name, (SimpleNamespace,), {}) for name in MESSAGES.split()})
    protos.StatusResult.Failure, protos.StatusResult.Success = 0, 1
    protos.BindingInfo.undefined, protos.BindingInfo.out, protos.BindingInfo.inout = 0, 1, 2
    runtime = importlib.import_module("azure_functions_runtime")
    start = SimpleNamespace(capabilities={}, function_app_directory=str(APP))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=start), properties={"host": "127.0.0.1", "protos": protos}
    )
    started = asyncio.run(runtime.worker_init_request(request))
    assert started.result.status == protos.StatusResult.Success
    answer = asyncio.run(runtime.functions_metadata_request(SimpleNamespace()))
    return {
        one.name: Function(bindings=[json.loads(raw) for raw in one.raw_bindings], retry=one.retry_options)
        for one in answer.function_metadata_results
    }
