"""Log lines on their way to the host: through `logging`, which the worker sends on with its level, one JSON line each."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog

P = ParamSpec("P")
T = TypeVar("T")


def function(work: Callable[P, T]) -> Callable[P, T]:
    """Mark what a trigger calls: its log lines go to the host, unless somebody decided otherwise before."""

    @functools.wraps(work)
    def begun(*args: P.args, **kwargs: P.kwargs) -> T:
        if not structlog.is_configured():
            log_to_host()
        return work(*args, **kwargs)

    return begun


def log_to_host() -> None:
    """Send every log line of this process through `logging`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
