"""A workflow of Microsoft Teams that is started by a request and posts an Adaptive Card."""

from __future__ import annotations

from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, listed, mapping, text

BYTES_MAX = 28_672
CARD = "application/vnd.microsoft.card.adaptive"


def judge(asked: Asked) -> Reply:
    """202 with nothing; an error with a code otherwise."""
    if not asked.query.get("sig"):
        return _error(401, "DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access.")
    message = mapping(document_of(asked.body))
    attachments = [mapping(one) for one in listed(message.get("attachments"))]
    if message.get("type") != "message" or not attachments:
        return _error(
            400, "TriggerInputSchemaMismatch", "The input body for trigger 'manual' did not match its schema."
        )
    if len(asked.body) > BYTES_MAX:
        return _error(413, "RequestEntityTooLarge", f"The message is larger than {BYTES_MAX} bytes.")
    cards = [mapping(one.get("content")) for one in attachments if one.get("contentType") == CARD]
    if len(cards) != len(attachments) or not all(_is_card(card) for card in cards):
        return _error(400, "BadRequest", "The card is no Adaptive Card.")
    return Reply(202, said=text(cards[0].get("fallbackText")))


def _is_card(card: dict[str, Any]) -> bool:
    elements = [mapping(one).get("type") for one in listed(card.get("body"))]
    known = all(one in {"TextBlock", "FactSet", "Container", "ColumnSet"} for one in elements)
    return card.get("type") == "AdaptiveCard" and bool(text(card.get("version"))) and bool(elements) and known


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})


SERVICE = Service("teams", ("/workflows/{workflow}/triggers/manual/paths/invoke",), judge)
