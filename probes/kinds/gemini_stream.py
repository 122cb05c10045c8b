"""
`gemini_stream`: Gemini's `streamGenerateContent` over server-sent events.

An answer is complete with a finish reason; there is no end marker. Parts marked as thought are reasoning. A prompt that
was blocked is a complete answer without content.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from probes.answer import Answer, Dialect, count
from probes.contract import Ask, Finding
from probes.json_path import found, objects
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule


class GeminiStreamModule(StreamingModule):
    """Gemini's `models/MODEL:streamGenerateContent`."""

    kind: Literal["gemini_stream"]
    include_thoughts: bool = Field(default=False, description="ask for summaries of the thoughts, to see reasoning")


async def gemini_stream(ask: Ask) -> Finding:
    """Ask for one generation and say what became of it."""
    return await streamed(ask, GEMINI, prompt_of(ask))


def body(_model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request; the model's name stands in the path."""
    assert isinstance(module, GeminiStreamModule)
    thinking = {"thinkingConfig": {"includeThoughts": True}} if module.include_thoughts else {}
    return {
        "contents": [{"role": "user", "parts": [{"text": prompt.text}]}],
        "generationConfig": {"maxOutputTokens": prompt.max_tokens, "temperature": module.temperature, **thinking},
    }


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one response; usage counts up, and thoughts are billed as output."""
    answer.identify(value.get("responseId"))
    usage, candidate = value.get("usageMetadata"), found(value, "candidates", 0)
    for part in objects(found(candidate, "content", "parts")):
        (answer.think if part.get("thought") else answer.say)(part.get("text"))
    answer.finish(found(value, "promptFeedback", "blockReason"))
    answer.finish(found(candidate, "finishReason"))
    said = count(found(usage, "candidatesTokenCount"))
    thought = count(found(usage, "thoughtsTokenCount")) or 0
    answer.bill(found(usage, "promptTokenCount"), None if said is None else said + thought)


GEMINI = Dialect("/models/{model}:streamGenerateContent?alt=sse", body, take)
