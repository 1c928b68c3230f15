"""`triage serve --azurite`: the app's own triggers, run by the worker library against the real storage clients."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import structlog

from triage.azure_storage import CONNECTION
from triage.cloud.storage import INBOX, storage_of
from triage.errors import Misconfigured
from triage.local.azurite import azurite
from triage.local.host import Announcer, Timers, make_containers
from triage.local.http import HttpFunctions
from triage.local.loops import Loop, Turn, until_told, wait_for
from triage.local.queues import QueuePump, queue_rules
from triage.local.worker import APP, Worker
from triage.settings import Settings

STOP_SECONDS = 10
DATA = Path("build/azurite")


def serve_emulated(settings: Settings, app: Path) -> None:
    """Serve the app in the folder `app` until SIGINT or SIGTERM.

    On the account that the environment names as `TriageStorage`; where it names none, on an Azurite of our own.
    Raises `Misconfigured` where the app, the worker library or Azurite is missing, or the address cannot be had.
    """
    if not (app / f"{APP}.py").is_file():
        raise Misconfigured(f"There is no {APP}.py here: --azurite runs in a clone of this project.")
    structlog.configure()  # the functions' lines go to this console too
    with until_told() as stop, nullcontext(None) if os.environ.get(CONNECTION) else azurite(data=DATA) as ours:
        if ours is not None:
            os.environ[CONNECTION] = ours.connection()
        storage = storage_of()
        worker = Worker(app.resolve())
        pump = QueuePump(worker, storage, queue_rules(app))
        make_containers(storage)
        pump.make_queues()
        timers = Timers(worker)
        http = HttpFunctions(worker, settings.serve.http)
        threading.Thread(target=http.run, name="http", daemon=True).start()
        structlog.get_logger().info(
            "serving", functions=sorted(worker.bindings), blobs=storage.blobs.url, inbox=INBOX, http=http.address
        )
        try:
            wait_for(stop, _loops(pump, Announcer(storage), timers, stop), STOP_SECONDS)
        finally:
            http.stop()
        structlog.get_logger().info("stopped")


def _loops(pump: QueuePump, announcer: Announcer, timers: Timers, stop: threading.Event) -> list[Loop]:
    return [
        Loop("events", lambda: _turn(announcer.turn), 1, stop),
        Loop("queues", lambda: _turn(pump.turn), 0.5, stop),
        Loop("timers", lambda: _turn(lambda: timers.turn(datetime.now(UTC))), 0.2, stop),
    ]


@contextmanager
def _turn(turn: Turn) -> Iterator[Turn]:
    yield turn
