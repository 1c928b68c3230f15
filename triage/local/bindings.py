"""What the functions need of the deployment, told by their bindings: the one list that host.json, app settings and
Bicep are compared with.
"""

import re

import msgspec

from triage.local.worker import Bindings

_SETTING = re.compile(r"%([^%]+)%")
_CONTAINER = re.compile(r"^/?([^/{%]+)")


class Needs(msgspec.Struct, frozen=True):
    """Names that must exist where the app runs, each as the bindings spell it."""

    queues: frozenset[str]
    containers: frozenset[str]
    connections: frozenset[str]
    settings: frozenset[str]
    routes: frozenset[str]


def needs_of(bindings: Bindings) -> Needs:
    """Give what these functions need."""
    every = [one for found in bindings.values() for one in found]
    texts = [value for one in every for value in one.values() if isinstance(value, str)]
    return Needs(
        queues=frozenset(one["queueName"] for one in every if "queueName" in one),
        containers=frozenset(
            match.group(1)
            for one in every
            if one["type"].lower().startswith("blob") and (match := _CONTAINER.match(one.get("path", "")))
        ),
        connections=frozenset(one["connection"] for one in every if one.get("connection")),
        settings=frozenset(name for text in texts for name in _SETTING.findall(text)),
        routes=frozenset(one["route"] for one in every if one.get("route")),
    )
