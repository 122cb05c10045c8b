"""A Discord webhook: 204 with nothing, or JSON with a code."""

from __future__ import annotations

from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, listed, mapping, units

EMBEDS_MAX = 10
EMBED_UNITS_MAX = 6000
FIELDS_MAX = 25
_UNITS_MAX = {"title": 256, "description": 4096}
_FIELD_UNITS_MAX = {"name": 256, "value": 1024}
CONTENT_UNITS_MAX = 2000


def judge(asked: Asked) -> Reply:
    """204; 400 with what is too long; 404 where no such webhook is."""
    if asked.parts["token"] == "revoked":
        return Reply(404, {"message": "Unknown Webhook", "code": 10015})
    message = mapping(document_of(asked.body))
    embeds = [mapping(one) for one in listed(message.get("embeds"))]
    if not message.get("content") and not embeds:
        return Reply(400, {"message": "Cannot send an empty message", "code": 50006})
    wrong = [name for embed in embeds for name in _too_long(embed)]
    if len(embeds) > EMBEDS_MAX or units(message.get("content")) > CONTENT_UNITS_MAX or wrong:
        errors = {"embeds": wrong or ["BASE_TYPE_MAX_LENGTH"]}
        return Reply(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors})
    return Reply(204, said=str(embeds[0].get("title", "")) if embeds else str(message["content"]))


def rate_limited(seconds: float) -> Any:
    """The wait stands in the body."""
    return {"message": "You are being rate limited.", "retry_after": seconds, "global": False}


def _too_long(embed: dict[str, Any]) -> list[str]:
    fields = [mapping(one) for one in listed(embed.get("fields"))]
    sizes = [units(embed.get(name)) for name in _UNITS_MAX] + [
        units(f.get(n)) for f in fields for n in _FIELD_UNITS_MAX
    ]
    wrong = [name for name, most in _UNITS_MAX.items() if units(embed.get(name)) > most]
    wrong += [name for f in fields for name, most in _FIELD_UNITS_MAX.items() if not 0 < units(f.get(name)) <= most]
    wrong += ["fields"] if len(fields) > FIELDS_MAX else []
    return wrong + (["embed"] if sum(sizes) > EMBED_UNITS_MAX else [])


SERVICE = Service("discord", ("/api/webhooks/{webhook}/{token}",), judge, rate_limited)
