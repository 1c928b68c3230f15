"""The named conditions that decide which steps a ticket prints, and how a step's `when` is read.

A step's `when` is a list; all its items must hold. An item is one gate, several joined by `|` of which one must
hold, or either of these after `not `.
"""

from collections.abc import Mapping, Sequence

from triage.mend import signs

VERSIONS: Mapping[str, str] = {
    "exchange-2007-or-older": "Exchange 2007 or older",
    "exchange-2010": "Exchange 2010",
    "exchange-2013": "Exchange 2013",
    "exchange-2016": "Exchange 2016",
    "exchange-2019": "Exchange 2019",
    "exchange-se": "Exchange SE",
}
"""On-premises versions, oldest first: the index decides "2016 or later"."""

GATES: Mapping[str, str] = {
    **VERSIONS,
    "exchange": "the host is an Exchange server on premises, of whatever version",
    "exchange-version-unknown": "the host is an Exchange server on premises whose build is not known",
    "exchange-online": "the host is Exchange Online: nobody but Microsoft changes it",
    "postfix": "the host runs Postfix",
    "exim": "the host runs Exim",
    "sendmail": "the host runs sendmail",
    "provider": "the host belongs to a large provider or to Microsoft",
    "device": "a device or program that submits mail, not a server",
    "windows": "the host is a Windows server (an Exchange server always is)",
    "not-windows": "the host is known not to be a Windows server that somebody can change",
    "unknown-system": "nothing tells what the host runs",
    "build-known": "the build of the host is known",
    "below-code-limit": "SMTP on this build cannot speak TLS 1.2: 2010 before SP3 RU9, 2013 before CU8, 2007",
    "below-guidance": "the build lies below Microsoft's guidance for TLS 1.2",
    "speaks-tls12": "SMTP on this build can speak TLS 1.2",
    "certain": "the verdict is certain",
    "probable": "the verdict is probable",
    "possible": "the verdict is only possible",
    "sending": "the host to be mended is the SMTP client of the hop",
    "receiving": "the host to be mended is the SMTP server of the hop",
    "path": "the fault lies between the two hosts",
    "side-unknown": "it is not known which of the two hosts has to be mended",
    "ours": "the host is ours",
    "not-ours": "the host is somebody else's",
    "ownership-unknown": "the settings do not say whose host it is",
    "trust-low": "the report itself is hardly to be believed",
    "peer-exchange-online": "the other end of the hop is Exchange Online",
    "session": "the incident is about a session: connection, TLS, expiry without a cause",
    "tls-spoken": "a protocol log or a header shows that the two ends spoke TLS 1.2 at about that time",
    "tls12-change": "the TLS 1.2 registry change may be printed for this host",
    "waiting": "mail is still waiting in a queue",
    "our-recipient": "the recipient's domain is ours",
    "their-recipient": "the recipient's domain is somebody else's",
    "our-sender": "the sender's domain is ours",
    "their-sender": "the sender's domain is somebody else's",
    **signs.meanings(),
}
"""Each gate and what it means: ours, and those of `signs.toml`. `Shelf.check` refuses any other name."""

EXCLUSIVE: Sequence[frozenset[str]] = (
    frozenset(VERSIONS)
    | {"exchange-version-unknown", "exchange-online", "postfix", "exim", "sendmail", "unknown-system", "device"},
    frozenset({"windows", "postfix", "exim", "sendmail", "exchange-online", "unknown-system", "device"}),
    frozenset({"exchange", "postfix", "exim", "sendmail", "exchange-online", "unknown-system", "device"}),
    frozenset({"certain", "probable", "possible"}),
    frozenset({"sending", "receiving", "side-unknown"}),
    frozenset({"ours", "not-ours", "ownership-unknown"}),
    frozenset({"our-recipient", "their-recipient"}),
    frozenset({"our-sender", "their-sender"}),
    frozenset({"below-code-limit", "speaks-tls12"}),
)
"""Of the gates of one group at most one holds."""


def names(item: str) -> tuple[bool, tuple[str, ...]]:
    """Split one item of a `when` into (is it negated, the gates of which one must hold)."""
    negated = item.startswith("not ")
    return negated, tuple(name.strip() for name in item.removeprefix("not ").split("|"))


def holds(when: Sequence[str], gates: frozenset[str]) -> bool:
    """Tell whether every item of `when` holds; an empty `when` always does."""
    for item in when:
        negated, wanted = names(item)
        if any(name in gates for name in wanted) == negated:
            return False
    return True


def impossible(when: Sequence[str]) -> bool:
    """Tell whether no host at all can open this `when`: two items exclude each other, or one denies another."""
    items = [names(item) for item in when]
    wanted = [set(gates) for negated, gates in items if not negated]
    denied = {gate for negated, gates in items if negated for gate in gates}
    left = [gates - denied for gates in wanted]
    if any(not gates for gates in left):
        return True
    return any(
        all(_exclude(one, other) for one in first for other in second)
        for index, first in enumerate(left)
        for second in left[index + 1 :]
    )


def _exclude(one: str, other: str) -> bool:
    return one != other and any({one, other} <= group for group in EXCLUSIVE)


def may_reach(when: Sequence[str], version: str | None) -> bool:
    """Tell whether a step with this `when` can be printed for an Exchange server of this version.

    `version` is a name of VERSIONS, or None for a host whose version is not known. Only the gates that follow from
    the version are weighed; every other gate may stand either way. Proofs use it: no step may reach a host that
    lacks what the step calls.
    """
    implied = {"exchange", "windows", version, "build-known"} if version else set()
    impossible = (set(VERSIONS) | {"exchange-online", "postfix", "exim", "sendmail"}) - implied
    if version:
        impossible |= {"exchange-version-unknown", "unknown-system", "not-windows"}
        impossible |= {"below-code-limit"} if version in {"exchange-2016", "exchange-2019", "exchange-se"} else set()
        impossible |= {"speaks-tls12", "tls12-change"} if version == "exchange-2007-or-older" else set()
    else:
        impossible |= {"build-known", "below-code-limit", "below-guidance", "speaks-tls12", "tls12-change"}
    for item in when:
        negated, wanted = names(item)
        sure = any(name in implied for name in wanted)
        ruled_out = all(name in impossible for name in wanted)
        if (sure and negated) or (ruled_out and not negated):
            return False
    return True
