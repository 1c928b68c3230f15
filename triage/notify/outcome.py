"""What became of one try to tell somebody."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """The sink has it; `remote` is the name by which it can be found there."""

    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """It failed for now; `seconds` is how long the sink asks to wait, `unsure` that it may have arrived after all."""

    reason: str
    seconds: int | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It will fail again however often it is sent: a person has to look.

    `words` are the far side's own, about the field that it did not take: they are kept with the notice, not logged.
    """

    reason: str
    words: str = ""

    def told(self) -> str:
        """Give all that is known of it."""
        return f"{self.reason} It said: {self.words}" if self.words else self.reason


Outcome = Accepted | Later | Refused
