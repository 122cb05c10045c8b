"""A Slack incoming webhook: the text `ok`, or a word that says what is wrong."""

from __future__ import annotations

from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, listed, mapping, text, units

BLOCKS_MAX = 50
HEADER_UNITS_MAX = 150
SECTION_UNITS_MAX = 3000
FIELDS_MAX = 10
FIELD_UNITS_MAX = 2000
ALL_UNITS_MAX = 13_200  # not documented: slackapi/bolt-js#2509


def judge(asked: Asked) -> Reply:
    """200 `ok`; 400 with a word; 404 where no such webhook is."""
    if asked.parts["token"] == "revoked":
        return Reply(404, b"no_service")
    message = document_of(asked.body)
    if not isinstance(message, dict):
        return Reply(400, b"invalid_payload")
    blocks = listed(message.get("blocks"))
    if not text(message.get("text")) and not blocks:
        return Reply(400, b"no_text")
    if len(blocks) > BLOCKS_MAX or not all(_fits(mapping(block)) for block in blocks):
        return Reply(400, b"invalid_blocks")
    if sum(units(said) for block in blocks for said in _texts(mapping(block))) > ALL_UNITS_MAX:
        return Reply(400, b"msg_blocks_too_long")
    return Reply(200, b"ok", said=text(message.get("text")))


def _texts(block: dict[str, Any]) -> list[str]:
    return [text(mapping(one).get("text")) for one in (block.get("text"), *listed(block.get("fields"))) if one]


def _fits(block: dict[str, Any]) -> bool:
    said, fields = mapping(block.get("text")).get("text"), listed(block.get("fields"))
    match block.get("type"):
        case "header":
            return 0 < units(said) <= HEADER_UNITS_MAX
        case "section":
            sizes = [units(mapping(one).get("text")) for one in fields]
            fields_fit = len(fields) <= FIELDS_MAX and all(0 < size <= FIELD_UNITS_MAX for size in sizes)
            return bool(said or fields) and units(said) <= SECTION_UNITS_MAX and fields_fit
    return False


SERVICE = Service("slack", ("/services/{team}/{channel}/{token}",), judge)
