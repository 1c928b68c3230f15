"""What software the other server says that it is, in the 220 line with which it greets.

The default greetings of Postfix (postconf(5), `smtpd_banner`), Exim (`smtp_banner`), sendmail (`SmtpGreetingMessage`) and
Exchange. Anybody may set another one, so it is a claim of that host about itself: it picks the steps that a ticket prints
for it, and decides nothing.
"""

import re

from triage.decode.protocol_log.session import Session

_GREETING = re.compile(
    rb'"?220[ -](?:\S{1,255} )?(?:ESMTP )?'
    rb"(?:(?P<Postfix>Postfix)\b|(?P<Exim>Exim \d)|(?P<sendmail>Sendmail \d)"
    rb"|(?P<Exchange>Microsoft ESMTP MAIL Service ready\b))"
)
"""By the names that Received stamps give the same software. IIS greets as `Microsoft ESMTP MAIL Service, Version: …`."""


def software_of(session: Session) -> str | None:
    """Give the product that the server of a Send log's session names in its greeting; None where it names none of these."""
    found = _GREETING.match(session.banner) if session.side == "send" and session.banner else None
    return found.lastgroup if found is not None else None
