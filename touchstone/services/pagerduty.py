"""PagerDuty's Events API v2, and its change events."""

from __future__ import annotations

from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, mapping

SUMMARY_CHARS_MAX = 1024


def judge(asked: Asked) -> Reply:
    """202 with the key, or 400 with what is wrong."""
    problem = event_problem(asked.body)
    if problem:
        return _invalid(problem)
    event = document_of(asked.body)
    key = event["dedup_key"]
    said = f"{event['event_action']} {mapping(event.get('payload')).get('summary', key)}"
    return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key}, key, said)


def judge_change(asked: Asked) -> Reply:
    """202, or 400 with what is wrong."""
    event = mapping(document_of(asked.body))
    payload = mapping(event.get("payload"))
    routing_key = event.get("routing_key")
    if not isinstance(routing_key, str) or not routing_key:
        return _invalid("routing_key is missing")
    if routing_key.startswith("R"):
        return _invalid("routing_key is a ruleset's")
    if problem := _summary_problem(payload, ("summary",)):
        return _invalid(problem)
    key = mapping(payload.get("custom_details")).get("dedup_key", "")
    return Reply(202, {"status": "success", "message": "Change event processed"}, str(key), payload["summary"])


def event_problem(body: bytes) -> str | None:
    """What the Events API would refuse in *body*; None when nothing."""
    event = document_of(body)
    if not isinstance(event, dict):
        return "the body is no JSON object"
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):  # may be unhashable
        return "event_action is not trigger, acknowledge or resolve"
    if not event.get("routing_key"):
        return "routing_key is missing"
    key = event.get("dedup_key")
    if not isinstance(key, str) or not 0 < len(key) <= 255:
        return "dedup_key is missing or longer than 255 characters"
    if event["event_action"] != "trigger":
        return None
    payload = event.get("payload")
    if not isinstance(payload, dict):
        return "payload is missing"
    if problem := _summary_problem(payload, ("summary", "source", "severity")):
        return problem
    return None if payload["severity"] in SEVERITIES else "payload.severity is not critical, error, warning or info"


def _summary_problem(payload: dict[str, Any], needed: tuple[str, ...]) -> str | None:
    wrong = [name for name in needed if not isinstance(payload.get(name) or None, str)]
    if wrong:
        return f"payload.{wrong[0]} is missing, or no text"
    long = len(payload["summary"]) > SUMMARY_CHARS_MAX
    return f"payload.summary is longer than {SUMMARY_CHARS_MAX} characters" if long else None


def _invalid(problem: str) -> Reply:
    return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": [problem]})


SEVERITIES = frozenset({"critical", "error", "warning", "info"})
EVENTS = Service("pagerduty", ("/v2/enqueue",), judge)
CHANGES = Service("pagerduty_changes", ("/v2/change/enqueue",), judge_change)
