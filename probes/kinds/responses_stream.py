"""
`responses_stream`: OpenAI's Responses API over server-sent events.

Every event names its type. An answer is complete with `response.completed` or `response.incomplete`; there is no
`[DONE]`. Reasoning comes as text or as a summary.
"""

from __future__ import annotations

from typing import Any, Literal

from probes.answer import Answer, Dialect
from probes.contract import Ask, Finding
from probes.failure import message_in
from probes.json_path import found
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule


class ResponsesStreamModule(StreamingModule):
    """OpenAI's Responses API over SSE."""

    kind: Literal["responses_stream"]


async def responses_stream(ask: Ask) -> Finding:
    """Ask for one response and say what became of it."""
    return await streamed(ask, RESPONSES, prompt_of(ask))


def body(model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request; nothing is to be kept of it."""
    return {
        "model": model,
        "input": prompt.text,
        "max_output_tokens": prompt.max_tokens,
        "temperature": module.temperature,
        "stream": True,
        "store": False,
    }


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one event; types that say nothing of these are passed over."""
    response = value.get("response")
    answer.identify(found(response, "id"))
    match value.get("type"):
        case "response.output_text.delta" | "response.refusal.delta":
            answer.say(value.get("delta"))
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            answer.think(value.get("delta"))
        case "response.completed" | "response.incomplete":
            answer.done = True
            answer.finish(found(response, "incomplete_details", "reason") or found(response, "status"))
            answer.bill(found(response, "usage", "input_tokens"), found(response, "usage", "output_tokens"))
        case "response.failed":
            answer.error = message_in(response) or "the response failed"


RESPONSES = Dialect("/responses", body, take)
