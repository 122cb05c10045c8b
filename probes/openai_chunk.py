"""What the chunks of OpenAI's chat and text completions have in common."""

from __future__ import annotations

from typing import Any

from probes.answer import Answer
from probes.json_path import found


def take_choice(answer: Answer, value: dict[str, Any]) -> dict[str, Any]:
    """Take id, usage and finish reason of one chunk; its first choice, empty when it has none."""
    answer.identify(value.get("id"))
    if isinstance(usage := value.get("usage"), dict):
        answer.bill(usage.get("prompt_tokens"), usage.get("completion_tokens"))
        answer.cached(found(usage, "prompt_tokens_details", "cached_tokens"))
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return {}
    answer.finish(choice.get("finish_reason"))
    return choice
