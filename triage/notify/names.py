"""What the ends of an incident are called in a sentence."""

import re

from triage.model import Incident
from triage.notify.phrases import Texts
from triage.safe_text import one_line

_HOST = re.compile(r"[0-9A-Za-z_\u00a1-\uffff-]{1,63}(\.[0-9A-Za-z_\u00a1-\uffff-]{1,63}){0,12}\.?\Z")
_ADDRESS = re.compile(r"[0-9a-fA-F.:\[\]]+\Z")
_ROLE = re.compile(
    r"(e?mail|mx|smtp|mta|relay|gw|gateway|exchange|owa|webmail|hybrid|autodiscover|edge)[a-z]{0,3}[0-9-]{0,4}\Z",
    re.IGNORECASE,
)
NAME_LIMIT = 80
"""Characters of a name in a sentence: a longer one is no honest host name of a mail server."""


class Names:
    """The names of both ends, of the culprit and of the recipients' domain, for headlines and paragraphs."""

    def __init__(self, incident: Incident, texts: Texts) -> None:
        self._incident, self._texts = incident, texts
        seen = incident.sample
        sending = incident.ends.sending or (seen.sending_host if seen else None)
        receiving = incident.ends.receiving or (seen.receiving_host if seen else None)
        self.sending = self._name(sending) or texts.phrase("ends.nobody_sending")
        self.receiving = self._name(receiving) or texts.phrase("ends.nobody_receiving")
        self.domain = self._name(self._domain()) or texts.phrase("ends.nobody_domain")
        self.culprit = self._culprit()
        self.other = self.receiving if incident.verdict.responsible.side == "sending" else self.sending

    @property
    def culprit_is_foreign(self) -> bool:
        """Tell whether nobody among us can change the culprit: a partner's server, or a provider's pool."""
        responsible, ends = self._incident.verdict.responsible, self._incident.ends
        end = {"sending": ends.sending, "receiving": ends.receiving}.get(responsible.side or "")
        return responsible.ours is False or any(
            self._pool(name) is not None for name in (end, responsible.host) if name
        )

    def values(self) -> dict[str, str]:
        """Give what the places of a phrase are filled with."""
        return {
            "culprit": self.culprit,
            "other": self.other,
            "sending": self.sending,
            "receiving": self.receiving,
            "domain": self.domain,
        }

    def short(self, text: str) -> str:
        """Call our own machine by its short name in a line that has little room."""
        host = self._incident.verdict.responsible.host
        named = self._name(host)
        return text.replace(host, named) if host and named and "." in host else text

    def _domain(self) -> str | None:
        seen, incident = self._incident.sample, self._incident
        named = seen.recipient_domain if seen else None
        return named or (incident.ends.receiving if incident.family == "recipient" else None)

    def _culprit(self) -> str:
        responsible = self._incident.verdict.responsible
        if responsible.side == "sending":
            pooled = self._incident.ends.sending
        else:
            pooled = self._incident.ends.receiving if responsible.side == "receiving" else None
        if pooled and self._pool(pooled):
            return self._pool(pooled) or pooled
        by_side = {"sending": self.sending, "receiving": self.receiving}.get(responsible.side or "")
        return self._name(responsible.host) or by_side or self._texts.phrase("ends.nobody_culprit")

    def _pool(self, end: str) -> str | None:
        return self._texts.find(f"ends.pools.{end}") if "." not in end else None

    def _name(self, end: str | None) -> str | None:
        """Name an end: a pool by its product, our own machine by its short name as admins write it."""
        if not end:
            return None
        pool = self._pool(end)
        if pool:
            return pool
        name = one_line(end, NAME_LIMIT)
        responsible = self._incident.verdict.responsible
        ours = responsible.ours is True and responsible.kind in ("host", None) and end == responsible.host
        if ours and _HOST.match(name) and not _ADDRESS.match(name):
            short = name.split(".")[0]
            # A name of a machine stands alone (HQ-EX10A); one of a role (mail, mx1) needs its domain.
            return name if _ROLE.match(short) else short.upper()
        return name
