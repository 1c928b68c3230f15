"""Forwarded mail by SMTP (RFC 5321): kept in the inbox before it is acknowledged, read afterwards.

It takes mail for the recipients that the settings name and for nobody else, passes none on, and asks for no password:
it belongs on loopback or behind a mail server of one's own. What is kept are the message's bytes as they were sent,
with no trace line added, so that the same report sent twice is one input.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import structlog

from triage.collect.inbox import Inbox
from triage.collect.kind import HEAD, shape_of
from triage.collect.limits import MIB
from triage.decode import LOG_HEAD, is_protocol_log
from triage.errors import Misconfigured, TriageError

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope, Session

MESSAGE_BYTES = 50 * MIB
"""One message: the bound of one document (`collect.limits`). Announced by SIZE (RFC 1870), past it 552."""

LINE_BYTES = MIB
"""Of one line. RFC 5321 §4.5.3.1.6 asks for 1,000; broken senders write a whole HTML part in one, and are read too."""

MAX_RECIPIENTS = 100
"""Of one message: RFC 5321 §4.5.3.1.8 asks for as many."""

MAX_SESSIONS = 10
"""At once, each with a message in memory; a mail server that forwards opens one or two."""

SILENT_SECONDS = 300
"""Without a command (RFC 5321 §4.5.3.2.7), or for a whole message."""

START_SECONDS = 10


class Listener:
    """An SMTP server in a thread of its own."""

    def __init__(self, address: str, recipients: Sequence[str], inbox: Inbox, today: Callable[[], str]) -> None:
        """`address` is host:port; `today` gives YYYY-MM-DD, under which messages are kept."""
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._handler = Handler(recipients, inbox, today)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def kept(self) -> int:
        """Give how many messages were kept since the start."""
        return self._handler.kept

    @property
    def address(self) -> str:
        """Give where it listens."""
        if self._server is None:
            return f"{self._host}:{self._port}"
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def start(self) -> None:
        """Begin to listen. Raises `Misconfigured` where the address cannot be had."""
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd names senders and recipients in its log
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_SECONDS)
        except OSError as error:
            self.stop()
            raise Misconfigured(
                f"SMTP cannot listen on {self._host}:{self._port} ({error.strerror or error}). Stop what is there, or"
                " set serve.smtp."
            ) from error

    def stop(self) -> None:
        """Take no more mail; what is half sent is not acknowledged, so its sender sends it again."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_SECONDS)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        factory = _protocol(self._handler, self._loop)
        return await self._loop.create_server(factory, self._host, self._port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Handler:
    """What is said to each command that carries something."""

    def __init__(self, recipients: Sequence[str], inbox: Inbox, today: Callable[[], str]) -> None:
        self._recipients = frozenset(one.lower() for one in recipients)
        self._inbox = inbox
        self._today = today
        self.kept = 0
        self.sessions = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: "Session", envelope: "Envelope", address: str, options: list[str]
    ) -> str:
        """Take a recipient of ours, refuse any other."""
        plain = address.lower()
        if plain not in self._recipients and "@" + plain.rpartition("@")[2] not in self._recipients:
            return "550 5.7.1 This server takes mail for its own recipients only"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, _server: Any, session: "Session", envelope: "Envelope") -> str:  # noqa: N802
        """Keep the message; it is acknowledged once it would survive a loss of power."""
        content = envelope.original_content or b""
        if shape_of(content[:HEAD]) != "document" or is_protocol_log(content[:LOG_HEAD]):
            # A log is believed as a record of ours: it comes as a file, from somebody who may write files here.
            return "554 5.6.0 This is no mail message, but an archive or a log: put the file into the folder"
        digest = sha256(content).hexdigest()
        name = f"smtp/{self._today()}/{digest}.eml"
        try:
            is_new = await asyncio.to_thread(self._inbox.put, name, content)
        except (TriageError, OSError) as error:
            structlog.get_logger().error("message_not_kept", why=str(error))
            return "452 4.3.1 The message cannot be kept now, try again later"
        self.kept += 1
        peer = session.peer[0] if session.peer else None
        structlog.get_logger().info("message_kept", sha256=digest, size=len(content), peer=peer, new=is_new)
        return f"250 2.0.0 Kept as {digest[:16]}"

    async def handle_exception(self, error: Exception) -> str:
        """Answer for a fault of ours, so that the sender tries again."""
        structlog.get_logger().error("smtp_failed", exc_info=error)
        return "451 4.3.0 Local error, try again later"


def _protocol(handler: Handler, loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Protocol]:
    from aiosmtpd.smtp import SMTP

    class Bounded(SMTP):
        """One session, refused where there are too many."""

        line_length_limit = LINE_BYTES
        _counted = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            if handler.sessions >= MAX_SESSIONS and isinstance(transport, asyncio.Transport):
                transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
                transport.close()
                return
            handler.sessions += 1
            self._counted = True
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            if self._counted:
                handler.sessions -= 1
                super().connection_lost(error)

        def eof_received(self) -> bool | None:
            return super().eof_received() if self._counted else None

    def make() -> asyncio.Protocol:
        return Bounded(
            handler,
            data_size_limit=MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Bounce Triage",
            timeout=SILENT_SECONDS,
            loop=loop,
        )

    return make
