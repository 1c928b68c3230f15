"""What a human part says of one recipient: the reply in the reason, and the server that gave it."""

from functools import cached_property

from triage.decode.failure import Failure
from triage.decode.limits import MAX_LINE
from triage.decode.prose_reply import has_words, reply_in
from triage.decode.prose_words import phrases
from triage.decode.reply import address as ip_of
from triage.decode.x400 import status_in
from triage.hosts import normal
from triage.model.words import Action

MAX_REASON = 30
"""Lines of one reason."""

End = tuple[str | None, str | None]
"""Name and IP address of a server, as far as they are known."""


class Around:
    """The lines around the reasons of a text: there a server may stand that a reason does not name."""

    def __init__(self, lines: list[str], first: int | None = None) -> None:
        """Take all lines; where several recipients have a line each, also the number of the first one."""
        self._lines = lines
        self._first = first

    @cached_property
    def server(self) -> End:
        """The server that all of it is about."""
        lines = self._lines if self._first is None else _common(self._lines, self._first)
        return _server(lines[:MAX_REASON])


class Said:
    """What stands there of one recipient, or of all: each thing is looked for when it is asked for, and once."""

    def __init__(self, recipient: str | None, action: Action, reason: list[str], around: Around) -> None:
        """Take the lines of the reason, and those around it."""
        self.recipient = recipient
        self._action = action
        self._reason = reason
        self._around = around

    @property
    def says_anything(self) -> bool:
        """True where there is a `diagnostic`, which need not be known for that."""
        return has_words(self._reason) or self.diagnostic is not None

    @cached_property
    def diagnostic(self) -> str | None:
        """The reply, or the reason itself where it quotes none; None without either."""
        return reply_in(self._reason)

    @cached_property
    def server(self) -> End:
        """The server at the other end."""
        host, ip = _server(self._reason)
        if host is None and ip is None:
            host, ip = self._around.server
        if host is None and ip is None:
            return None, None
        as_ip = ip_of(host)
        return None if as_ip else normal(host), ip_of(ip) or as_ip

    def failure(self) -> Failure:
        """Give all of it as a failure."""
        host, ip = self.server
        return Failure(
            recipient=self.recipient,
            action=self._action,
            status=status_in("\n".join(self._reason)),
            diagnostic=self.diagnostic,
            receiving_host=host,
            receiving_ip=ip,
        )


def _common(lines: list[str], first: int) -> list[str]:
    """Give what several recipients share: what stands above the first, and a transcript of one session below them."""
    searches = phrases().transcripts.searching(lines)
    at = next((at for at, line in enumerate(lines) if any(search(line) for search in searches)), len(lines))
    hosts = {_server([line]) for line in lines[at:]} - {(None, None)}
    return [*lines[: min(at, first)], *(lines[at:] if len(hosts) == 1 else ())]


def _server(lines: list[str]) -> End:
    """Give name and IP address of the server at the other end, as far as the lines name them."""
    texts = [line.strip() for line in lines]
    texts.append(" ".join(texts)[: MAX_LINE * 4].strip())
    for search in phrases().servers.searching(texts):
        for text in texts:
            if found := search(text):
                groups = found.groupdict()
                return groups.get("host"), groups.get("ip")
    return None, None
