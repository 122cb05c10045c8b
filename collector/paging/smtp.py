"""Hands a mail to an SMTP server: submission with STARTTLS or TLS, or a plain relay."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress

import aiosmtplib

from collector.paging.answer import Answer
from collector.paging.outside import SocketFactory, connected
from collector.paging.plain_text import clean
from collector.paging.request import Letter
from schemas.destinations import Email

logger = logging.getLogger(__name__)

QUIT_S = 1.0
_TRANSIENT = range(400, 500)


async def mailed(letter: Letter, settings: Email, factory: SocketFactory | None, context: ssl.SSLContext) -> Answer:
    """
    One attempt, bounded by the destination's timeout; *context* verifies the server's certificate.

    4xx of SMTP is tried again, 5xx is final. Status 0 stands for every answer but the last 250, as SMTP's numbers mean
    something else than HTTP's; the error says them.
    """
    try:
        async with asyncio.timeout(settings.timeout):
            client = await _sent(letter, settings, factory, context)
    except aiosmtplib.SMTPAuthenticationError as refused:  # its words may repeat what was sent
        return _refused((refused.code, "the server refuses user and password"))
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return _refused(max((one.code, one.message) for one in refused.recipients))
    except aiosmtplib.SMTPResponseException as refused:
        return _refused((refused.code, refused.message))
    except TimeoutError as failure:
        return Answer(0, str(failure) or "TimeoutError", accepted=False)
    except ssl.SSLError as failure:
        return Answer(0, f"TLS: {getattr(failure, 'verify_message', '') or failure.reason}", accepted=False)
    except (aiosmtplib.SMTPException, OSError) as failure:
        return Answer(0, _root_words(failure), accepted=False)
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(QUIT_S):
            await client.quit()
    client.close()
    return Answer(250, "", accepted=True)


async def _sent(
    letter: Letter, settings: Email, factory: SocketFactory | None, context: ssl.SSLContext
) -> aiosmtplib.SMTP:
    """A connection on which the server has taken *letter*."""
    host = settings.host()
    client = aiosmtplib.SMTP(
        hostname=host,
        sock=await connected(host, settings.port, factory),
        username=settings.user or None,
        password=settings.password.get_secret_value() if settings.password else None,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
        tls_context=context,
        timeout=settings.timeout,
    )
    try:
        await client.connect()
        refused, _said = await client.sendmail(letter.sender, list(letter.to), letter.content)
    except BaseException:
        client.close()
        raise
    if refused:
        logger.warning("mail: the server refuses %d of %d recipients", len(refused), len(letter.to))
    return client


def _refused(answer: tuple[int, str]) -> Answer:
    code, message = answer
    return Answer(0, f"SMTP {code} {clean(message)}", accepted=False, hopeless=code not in _TRANSIENT)


def _root_words(failure: BaseException) -> str:
    """What the innermost error says: the library's own words repeat it."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
