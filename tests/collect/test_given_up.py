"""What the host gave up on is told in a line that the alert understands."""

from structlog.testing import capture_logs

from triage.collect.given_up import tell_given_up


def test_each_poison_queue_has_its_line() -> None:
    """A line stands for each queue with its count, also where the count is none, so that the alert can end."""
    with capture_logs() as lines:
        counts = tell_given_up({"inputs-poison": 3, "notices-poison": 0}.__getitem__)
    assert counts == {"inputs-poison": 3, "notices-poison": 0}
    assert [(line["event"], line["queue"], line["count"]) for line in lines] == [
        ("poison_waiting", "inputs-poison", 3),
        ("poison_waiting", "notices-poison", 0),
    ]
