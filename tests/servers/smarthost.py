"""A mail server that relays for us, on loopback: aiosmtpd, with the replies that a test asks for."""

import asyncio
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, WORD = "triage", "a-pass-word-of-the-tests"


class SmartHost:
    """Keeps what it took. `replies` gives, by command, what is answered in place of yes; each once."""

    def __init__(self, certificate: Path | None = None, *, login: bool = False, seconds: float = 0, tls: bool = False):
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.replies: list[tuple[str, str]] = []
        self.seconds = seconds
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        options: dict[str, Any] = {"tls_context": context, "require_starttls": context is not None}
        if tls:
            options = {}
        if login:
            options |= {"authenticator": _authenticate, "auth_required": True}
        self._context, self._options = context if tls else None, options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def reply(self, command: str) -> str | None:
        """Take the next reply that is not yes."""
        for one in self.replies:
            if one[0] == command:
                self.replies.remove(one)
                return one[1]
        return None

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender."""
        if refused := self.reply("MAIL"):
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if refused := self.reply("RCPT"):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Take the mail, perhaps without saying so for a while."""
        if refused := self.reply("DATA"):
            return refused
        assert isinstance(envelope.content, bytes)
        self.taken.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        await asyncio.sleep(self.seconds)
        return "250 2.0.0 queued"

    def __enter__(self) -> Self:
        self._thread.start()
        starting = self._loop.create_server(
            lambda: _Session(self, loop=self._loop, **self._options), "127.0.0.1", 0, ssl=self._context
        )
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = [one for one in asyncio.all_tasks(self._loop) if one is not asyncio.current_task()]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)


class _Session(SMTP):
    def __init__(self, host: SmartHost, **options: Any) -> None:
        self._host = host
        super().__init__(host, enable_SMTPUTF8=False, **options)

    async def push(self, status: Any) -> None:
        """Put the replies of a test in the place of our own, for the greeting and STARTTLS."""
        text = status if isinstance(status, str) else status.decode()
        if text.startswith("220 Ready to start TLS"):
            text = self._host.reply("STARTTLS") or text
        elif text.startswith("220 "):
            text = self._host.reply("GREETING") or text
        await super().push(text)


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    fits = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), WORD.encode())
    return AuthResult(success=fits, handled=False) if not fits else AuthResult(success=True)
