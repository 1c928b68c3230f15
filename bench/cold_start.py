"""What a cold start costs: indexing this app beside an empty one, and the first call of each main function.

    python bench/cold_start.py [--rounds N]

Each figure is the median of fresh processes, both apps in turn. An empty app is a `function_app.py` with one function
that does nothing.

- **index**: from the host's first request to the list of functions, in the Functions worker library, which is loaded
  before as it is in Azure. The ratio of the two apps is what is bounded: exit code 1 past 1.5.
- **start**: all of it, from the start of Python.
- **first call**: after indexing, with whatever the function imports then and with the clients that it makes, on Azurite
  and a Graph and sinks on loopback; beside it a second call with as much to do, in the same process.

Processor time is given where only this process works; the clock also shows what else the machine does.
Needs the worker library (Python 3.13) and the node packages: `make test` gets them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.storm import NOW, Sinks, items, report  # noqa: E402  # found beside this file, whether installed or not
from tests.servers.graph import SHARED, GraphServer, running  # noqa: E402
from triage.cloud.intake import keep_items  # noqa: E402
from triage.cloud.storage import INPUTS, NOTICES, Storage, storage_of  # noqa: E402
from triage.group import BlobDocuments  # noqa: E402
from triage.local.azurite import azurite  # noqa: E402
from triage.local.host import make_containers  # noqa: E402
from triage.pipeline import count  # noqa: E402
from triage.settings import Settings  # noqa: E402
from triage.wiring import parts_of  # noqa: E402

MOST = 1.5
"""Times as long as an empty app that indexing may take."""

EMPTY = """import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 0 0 * * *")
def nothing(timer: func.TimerRequest) -> None:
    pass
"""
"""The library lists no app without a function."""

CHILD = f"""
import json, sys, time
sys.path.insert(0, {str(ROOT)!r})
import azure_functions_runtime
from pathlib import Path
from triage.local.worker import Worker
def now():
    return time.process_time() if sys.argv[2] == "processor" else time.perf_counter()
began = now()
worker = Worker(Path(sys.argv[1]))
print(json.dumps([now() - began, now()]), flush=True)
for line in sys.stdin:
    function, kind, data = json.loads(line)
    typed = worker.typed(**{{kind: data}})
    if kind == "http":
        typed = worker.typed(http=worker.message("RpcHttp", method="POST", url="https://contoso.example/api/x",
            headers={{}}, params={{}}, query={{}}, body=worker.typed(bytes=data.encode())))
    began = now(), time.perf_counter()
    worker.invoke(function, typed)
    print(json.dumps([now() - began[0], time.perf_counter() - began[1]]), flush=True)
"""

TIMER = json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False})


def indexed(folder: Path) -> tuple[float, float]:
    """Index the app of a folder in a fresh process; give the seconds of indexing, and of all from the start."""
    command = [sys.executable, "-c", CHILD, str(folder), "processor"]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    index, start = json.loads(done.stdout)
    return index, start


class World:
    """What the functions meet: a storage account, a mailbox, sinks; something new for each call."""

    def __init__(self, storage: Storage, graph: GraphServer, settings: Settings) -> None:
        self._storage, self._graph, self._number = storage, graph, 0
        self._parts = parts_of(settings)
        self._documents = BlobDocuments(storage.blobs.get_container_client("store"))

    def next(self, function: str) -> tuple[str, str, str]:
        """Give the function's next call: its name, the kind of its data, the data."""
        self._number += 1
        content = report(self._number * 10, 10**6)  # each about a server of its own
        if function in ("upload", "diagnose"):
            return function, "http", content.decode()
        if function == "read_input":
            self._storage.blobs.get_blob_client("inbox", f"{self._number}.eml").upload_blob(content)
            subject = f"/blobServices/default/containers/inbox/blobs/{self._number}.eml"
            return function, "string", json.dumps({"subject": subject, "eventType": "Microsoft.Storage.BlobCreated"})
        if function == "poll":
            self._graph.deliver(content)
            return function, "json", TIMER
        readings = keep_items(list(items([self._number * 10], 10**6)), self._documents, self._parts, NOW)
        if function == "commit":
            return function, "json", TIMER
        (incident,) = count(self._documents, readings, self._parts, NOW)
        return function, "string", json.dumps({"incident": incident})


@contextmanager
def world() -> Iterator[World]:
    """Start what the functions need, and name it in the environment as a deployment does."""
    sinks = Sinks()
    settings = sinks.settings()
    with azurite(ROOT / "node_modules" / ".bin" / "azurite") as emulator, running() as graph:
        os.environ |= {
            "TriageStorage": emulator.connection(),
            "IDENTITY_ENDPOINT": f"{graph.origin}/msi/token",
            "IDENTITY_HEADER": graph.identity_header,
            "TRIAGE_MAILBOX__ADDRESS": SHARED,
            "TRIAGE_MAILBOX__GRAPH_URL": graph.url,
            "TRIAGE_MAILBOX__ALLOW_LOOPBACK": "true",
            "TRIAGE_OURS__DOMAINS": '["contoso.example"]',
            **sinks.environment(),
        }
        storage = storage_of()
        make_containers(storage)
        for queue in (INPUTS, NOTICES):
            storage.queue(queue).create_queue()
        yield World(storage, graph, settings)
    sinks.stop()


def called(where: World, function: str) -> tuple[float, float, float]:
    """Call a function twice in a fresh process; give the seconds of processor of the first, and of both by the clock."""
    command = [sys.executable, "-c", CHILD, str(ROOT), "processor"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("no pipes")
        child.stdout.readline()
        seconds = []
        for _ in range(2):
            child.stdin.write(json.dumps(where.next(function)) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"{function} failed")
            seconds.append(json.loads(line))
        child.stdin.close()
    return seconds[0][0], seconds[0][1], seconds[1][1]


def medians(rows: list[tuple[float, ...]]) -> list[float]:
    """Give the median of each column, in milliseconds."""
    return [1000 * statistics.median(column) for column in zip(*rows, strict=True)]


def main() -> int:
    """Measure and print; 1 where indexing is past its bound."""
    parser = argparse.ArgumentParser(description="Measure a cold start.")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, ...]]] = {"an empty app": [], "this app": []}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "function_app.py").write_text(EMPTY, encoding="utf-8")
        for _ in range(options.rounds + 1):
            for name, where in (("an empty app", Path(folder)), ("this app", ROOT)):
                found[name].append(indexed(where))
    print(f"{'median of ' + str(options.rounds) + ' processes':28}{'index':>10}{'start':>12}   processor")
    rows = {name: medians(each[1:]) for name, each in found.items()}  # the first ones fill the disk's cache
    for name, (index, start) in rows.items():
        print(f"{name:28}{index:>7.1f} ms{start:>9.0f} ms")
    ratio, whole = (rows["this app"][at] / rows["an empty app"][at] for at in (0, 1))
    print(f"{'ratio':28}{ratio:>10.2f}{whole:>12.2f}\n")
    times = max(1, options.rounds // 3)
    print(f"{'median of ' + str(times) + ' processes':28}{'first':>10}{'first':>12}{'second call':>15}")
    print(f"{'':28}{'processor':>10}{'by the clock':>15}{'by the clock':>15}")
    with world() as around, tempfile.TemporaryDirectory() as elsewhere:
        os.chdir(elsewhere)  # no settings file of somebody's
        for function in ("poll", "read_input", "commit", "relay", "upload", "diagnose"):
            processor, first, second = medians([called(around, function) for _ in range(times)])
            print(f"{function:28}{processor:>7.0f} ms{first:>12.0f} ms{second:>12.0f} ms", flush=True)
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
