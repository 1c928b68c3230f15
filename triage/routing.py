"""Who is told and when, in the forms in which the settings and our own file hold it: rows, quiet hours, ceilings."""

from datetime import UTC, tzinfo
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from triage.model import ChangeKind
from triage.model.words import Actor, Category, Confidence, Family, Impact

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

MINUTES = 24 * 60
_WEEK = 7 * MINUTES

Clock = Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]
"""An hour and a minute of a day, "07:00"."""

EndOfDay = Annotated[str, StringConstraints(pattern=r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._:*-]{1,253}$", to_lower=True)]


def time_zone(name: str) -> tzinfo:
    """Give a time zone by its name in the IANA list. UTC is always there; the others come with the system.

    Raises `ValueError` where this machine knows no such zone.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"this machine knows no time zone “{name}”; names are those of the IANA list (Europe/Berlin), and UTC is always"
            " known. On Windows, and where a system has no list, `pip install tzdata` brings it"
        ) from None


def _known(name: str) -> str:
    time_zone(name)
    return name


Zone = Annotated[str, AfterValidator(_known)]


def minutes_of(clock: str) -> int:
    """Give the minutes since midnight of a clock ("07:30")."""
    return int(clock[:2]) * 60 + int(clock[3:])


class QuietHours(BaseModel):
    """Hours of some days. They begin on these days, and end on the next where `end` is not after `begin`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[Day, ...] = DAYS
    begin: Clock
    end: EndOfDay

    @property
    def length(self) -> int:
        """Give their minutes, by a clock that nobody changes: a whole day where they end when they begin."""
        return (minutes_of(self.end) - minutes_of(self.begin)) % MINUTES or MINUTES


def _leave_time(hours: tuple[QuietHours, ...]) -> tuple[QuietHours, ...]:
    """Refuse hours that leave no minute of the week: what they hold would never be told."""
    quiet: set[int] = set()
    for one in hours:
        for day in one.days:
            first = DAYS.index(day) * MINUTES + minutes_of(one.begin)
            quiet.update(minute % _WEEK for minute in range(first, first + one.length))
    if len(quiet) == _WEEK:
        raise ValueError("these quiet hours fill the whole week: nothing would ever be told")
    return hours


Quiet = Annotated[tuple[QuietHours, ...], AfterValidator(_leave_time)]


class Ceiling(BaseModel):
    """How much one sink gets, over all incidents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sink: str
    an_hour: Annotated[int, Field(ge=2)]


class Route(BaseModel):
    """A row of the routing: the incidents that it is for, who is told of them, and when.

    A condition that is not given fits every incident. The first row that fits decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sinks: tuple[str, ...] = Field(description="Who is told; an empty list tells nobody.")
    categories: tuple[Category, ...] = Field((), description="The causes that it is for.")
    families: tuple[Family, ...] = Field((), description="The families of faults that it is for.")
    at_least: Confidence = Field("possible", description="How sure the verdict must be.")
    hosts: tuple[Pattern, ...] = Field(
        (),
        description="Names of hosts or pools, one of which must be an end or the host that is blamed; * is any text.",
    )
    ours: bool | None = Field(None, description="Whether what is to be mended is ours.")
    actors: tuple[Actor, ...] = Field((), description="Who has to act.")
    impacts: tuple[Impact, ...] = Field((), description="What came of the mail: one of these must have happened.")
    changes: tuple[ChangeKind, ...] = Field(get_args(ChangeKind), description="The kinds of change that it is for.")
    team: str | None = Field(None, max_length=80, description="Whose it is: a label that sinks may use.")
    digest: Clock | None = Field(None, description="Tell all of a day in one message at this hour.")
    quiet_hours: Quiet | None = Field(None, description="Instead of `notices.quiet_hours`; [] for none.")
    urgent_passes: bool | None = Field(None, description="Instead of `notices.urgent_passes`.")
    zone: Zone | None = Field(None, description="The time zone of its hours, instead of `notices.zone`.")
    remind_hours: int | None = Field(
        None,
        ge=1,
        le=24 * 7,
        description="Tell an open incident again that nobody has and that has mail waiting, so many hours after the last"
        " word, and before the first loss of it; not more than once a day.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.digest is not None and self.quiet_hours:
            raise ValueError("a row with a digest has no quiet hours: its hour is when it speaks")
        return self


class NoticeSettings(BaseModel):
    """When people are told, and how notices of ours are known again when they come back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str | None = Field(
        None, description="The address from which our notices come; a bounce of one of them opens no incident."
    )
    key: SecretStr | None = Field(
        None, description="The key with which notices are marked, so that nobody can make up the mark. A secret."
    )
    zone: Zone = Field("UTC", description="The time zone of quiet hours and digests, such as Europe/Berlin.")
    quiet_hours: Quiet = Field(
        (), description="Hours in which nobody is told: `days` on which they begin (else all), `begin` and `end`."
    )
    programs: tuple[str, ...] = Field(
        ("webhook", "servicenow", "jira", "azure_devops", "github"),
        description="Sinks that are programs or lists of work: quiet hours and reminders mean nothing to them.",
    )
    urgent_passes: bool = Field(
        False, description="Tell what is certain and has mail waiting in quiet hours too; nothing else passes them."
    )
    ceilings: tuple[Ceiling, ...] = Field(
        (Ceiling(sink="teams", an_hour=30), Ceiling(sink="mail", an_hour=30)),
        description="How many messages a sink gets in an hour at most, over all incidents; one that is not named, any number.",
    )
