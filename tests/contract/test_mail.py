"""Mail reaches a real SMTP server over STARTTLS, TLS and without; a refusal is final or tried again as SMTP says."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from collector.paging.answer import Answer
from collector.paging.hand_over import Carrier
from collector.paging.outbox import after_answer
from schemas.incident import Change
from schemas.page import DeliveryState
from tests.support.certificates import server_context
from tests.support.pages import EVIDENCE, NOW, delivery, every_kind, intent
from touchstone.address import free_port

USER, PASSWORD = "touchstone", "pl4nt3d-mark-of-mail"
ON_CALL, LEAD = "on-call@example.com", "lead@example.com"


@dataclass
class Mailbox:
    """The server's side: keeps what it takes, refuses whom it is told to."""

    refuses: dict[str, str] = field(default_factory=dict)
    answers: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: Any) -> str:
        """Take a recipient, or not."""
        if to in self.refuses:
            return self.refuses[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail, or not."""
        if self.answers.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.envelopes.append(envelope)
            self.sessions.append(session)
        return self.answers


def _lets_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, told: Any) -> AuthResult:
    assert isinstance(told, LoginPassword)
    right = (told.login, told.password) == (USER.encode(), PASSWORD.encode())
    if right:
        return AuthResult(success=True)
    repeated = base64.b64encode(b"\0" + told.login + b"\0" + told.password).decode()
    return AuthResult(success=False, handled=False, message=f"535 5.7.8 no: {told.password.decode()} {repeated}")


@contextmanager
def server(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, **more: Any
) -> Iterator[int]:
    """A real SMTP server on loopback; its port."""
    running = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), ssl_context=tls, tls_context=starttls,
        authenticator=_lets_in, **more,
    )  # fmt: skip
    running.start()
    try:
        yield running.port
    finally:
        running.stop(no_assert=True)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the file of the authority that vouches for it."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return server_context(made.issue_cert("127.0.0.1")), str(tmp_path / "ca.pem")


async def mailed(port: int, change: Change = Change.OPENED, seq: int = 1, allowed: bool = True, **more: Any) -> Answer:
    """What one attempt came to."""
    settings = {
        "kind": "email", "smtp_host": "127.0.0.1", "smtp_port": port, "security": "plain", "timeout": "3s",
        "sender": "touchstone@example.com", "to": [ON_CALL, LEAD],
    }  # fmt: skip
    paging = every_kind(private_addresses=allowed, destinations={"mail": settings | more})
    async with Carrier(paging) as carrier:
        page = delivery(intent(change, seq=seq, evidence=EVIDENCE), "mail")
        return await carrier.hand_over(page, paging.destinations["mail"], NOW)


async def test_a_page_is_one_mail_to_everybody_and_its_incident_is_one_thread() -> None:
    """Text and HTML; the last mail refers to what the first one does."""
    mailbox = Mailbox()
    with server(mailbox) as port:
        answers = [await mailed(port), await mailed(port, Change.RESOLVED, seq=2)]

    first, last = mailbox.mails
    assert [answer.accepted for answer in answers] == [True, True]
    assert mailbox.envelopes[0].rcpt_tos == [ON_CALL, LEAD]
    assert mailbox.envelopes[0].mail_from == "touchstone@example.com"
    assert first["Subject"] == "P0 provider acme is down (connect_refused): 3 of 5 clusters down"
    assert first["References"] == last["References"]
    assert first["Message-ID"] != last["Message-ID"]
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_connection_is_encrypted_before_the_password_goes_over_it(
    security: str, authority: tuple[ssl.SSLContext, str]
) -> None:
    """And the server is who it says."""
    context, ca_file = authority
    mailbox = Mailbox()
    how: dict[str, Any] = (
        {"starttls": context, "require_starttls": True} if security == "starttls" else {"tls": context}
    )
    how |= {"auth_required": True} if security == "starttls" else {"auth_require_tls": False}
    with server(mailbox, **how) as port:
        answer = await mailed(port, security=security, user=USER, password=PASSWORD, tls={"ca_file": ca_file})

    assert answer == Answer(250, "", accepted=True)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(
    security: str, authority: tuple[ssl.SSLContext, str]
) -> None:
    """No mail, no password."""
    mailbox = Mailbox()
    context, _ = authority
    with server(mailbox, **({"tls": context} if security == "tls" else {"starttls": context})) as port:
        answer = await mailed(port, security=security, user=USER, password=PASSWORD)

    assert not answer.accepted
    assert "certificate" in answer.error
    assert mailbox.mails == []


async def test_a_server_without_starttls_gets_nothing_where_it_is_asked_for() -> None:
    """Rather than in clear; somebody between us may have taken it away, so it is tried again."""
    mailbox = Mailbox()
    with server(mailbox) as port:
        answer = await mailed(port, security="starttls")

    assert (answer.accepted, answer.hopeless) == (False, False)
    assert "STARTTLS" in answer.error
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("says", "state"),
    [
        ("451 try again later", DeliveryState.PENDING),
        ("452 mailbox full", DeliveryState.PENDING),
        ("421 shutting down", DeliveryState.PENDING),
        ("550 no such user", DeliveryState.DEAD),
        ("554 spam", DeliveryState.DEAD),
    ],
)
async def test_what_is_refused_is_final_or_not_as_smtp_says(says: str, state: DeliveryState) -> None:
    """4xx is for now, 5xx is for good; the numbers are not HTTP's."""
    with server(Mailbox(answers=says)) as port:
        answer = await mailed(port)

    assert answer.error == f"SMTP {says}"
    assert after_answer(delivery(), answer, at=NOW).state is state


async def test_a_mail_that_some_can_get_is_delivered_and_the_log_counts_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sent again, it would come twice to those who have it."""
    mailbox = Mailbox(refuses={LEAD: "550 gone"})
    with server(mailbox) as port:
        answer = await mailed(port)

    assert answer.accepted
    assert mailbox.envelopes[0].rcpt_tos == [ON_CALL]
    assert "refuses 1 of 2 recipients" in caplog.text
    assert LEAD not in caplog.text


@pytest.mark.parametrize(("code", "hopeless"), [("550", True), ("450", False)])
async def test_a_mail_that_nobody_can_get_is_not_delivered(code: str, hopeless: bool) -> None:
    """For good, or for now."""
    with server(Mailbox(refuses={ON_CALL: f"{code} no", LEAD: f"{code} no"})) as port:
        answer = await mailed(port)

    assert (answer.accepted, answer.hopeless, answer.error) == (False, hopeless, f"SMTP {code} no")


async def test_a_wrong_password_is_final_and_not_repeated(
    authority: tuple[ssl.SSLContext, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even when the server repeats it, in clear and as it came."""
    caplog.set_level(logging.DEBUG)
    context, ca_file = authority
    with server(Mailbox(), starttls=context) as port:
        wrong = f"{PASSWORD}-wrong"
        answer = await mailed(port, security="starttls", user=USER, password=wrong, tls={"ca_file": ca_file})

    assert (answer.accepted, answer.hopeless) == (False, True)
    assert answer.error == "SMTP 535 the server refuses user and password"
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]
    assert PASSWORD not in f"{answer!r} {ours}"


async def test_a_server_inside_is_not_connected_to_unless_it_is_allowed() -> None:
    """As for every destination: at the connection."""
    mailbox = Mailbox()
    with server(mailbox) as port:
        by_address = await mailed(port, allowed=False)
        by_name = await mailed(port, allowed=False, smtp_host="localhost")

    for answer in (by_address, by_name):
        assert (answer.accepted, answer.hopeless) == (False, False)
        assert "is loopback: not connected to, unless paging.private_addresses allows it" in answer.error
    assert mailbox.sessions == []


async def test_a_server_that_never_greets_is_given_up_in_time() -> None:
    """It is the destination's timeout that counts."""
    held: list[asyncio.StreamWriter] = []

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        answer = await mailed(listening.sockets[0].getsockname()[1], timeout="300ms")
        for writer in held:
            writer.close()

    assert (answer.accepted, answer.hopeless, answer.error) == (False, False, "TimeoutError")
