"""Tells how many messages the host gave up on, in the lines that the alert rule `triage-poison-waits` looks for."""

from collections.abc import Callable

import structlog

QUEUES = ("inputs-poison", "notices-poison")
"""Where the host puts a message that it tried in vain: the queue's name and this ending are the host's own."""


def tell_given_up(count: Callable[[str], int]) -> dict[str, int]:
    """Log one line for each poison queue with the messages that lie in it, none among them; give the counts.

    `count` gives the number of messages in a queue. The line is written where there are none, too: the alert ends by it.
    """
    counts = {queue: count(queue) for queue in QUEUES}
    for queue, waiting in counts.items():
        structlog.get_logger().info("poison_waiting", queue=queue, count=waiting)
    return counts
