"""What one input may unpack to, however its archives are nested."""

from triage.collect.limits import MIB, Limits
from triage.errors import TooLarge


class Budget:
    """Counts what one input unpacks to, all layers and members together, against its own raw size."""

    def __init__(self, limits: Limits, raw_bytes: int | None) -> None:
        """Begin with nothing spent. `raw_bytes` None: the size is not known (a pipe), only the total bounds."""
        self._left = limits.unpacked_bytes
        if raw_bytes is not None:
            self._left = min(self._left, max(limits.unpacked_floor, limits.unpacked_ratio * raw_bytes))
        self._allowed = self._left
        self._members_left = limits.archive_members
        self._members_allowed = limits.archive_members
        self.spent: str | None = None
        """The sentence that says which bound was passed, once one was."""

    @property
    def left(self) -> int:
        """Give how many more bytes may be unpacked."""
        return max(self._left, 0)

    def unpack(self, size: int) -> None:
        """Count `size` unpacked bytes. Raises `TooLarge` past the bound."""
        self._left -= size
        if self._left < 0:
            self._stop(
                f"Unpacking stopped: it unpacks to more than {self._allowed // MIB:,} MB, far more than mail of this "
                "size does. If you trust it, unpack it and give the folder."
            )

    def member(self) -> None:
        """Count one member of an archive. Raises `TooLarge` past the bound."""
        self._members_left -= 1
        if self._members_left < 0:
            self._stop(
                f"Unpacking stopped after {self._members_allowed:,} members. Unpack it and give the folder, or "
                "divide it."
            )

    def _stop(self, sentence: str) -> None:
        self.spent = sentence
        raise TooLarge(sentence)
