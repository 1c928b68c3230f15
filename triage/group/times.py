"""Times as the store keeps them: UTC, RFC 3339, whole seconds, so that they compare as texts."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


@lru_cache(maxsize=256)  # most are so much later than now, for thousands of reports
def later(time: str, by: timedelta) -> str:
    """Give a time so much later; one that cannot be read stays as it is."""
    try:
        return (datetime.fromisoformat(time).astimezone(UTC) + by).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return time
