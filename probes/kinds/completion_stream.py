"""`completion_stream`: OpenAI-compatible text completions over server-sent events, without a chat template."""

from __future__ import annotations

from typing import Any, Literal

from probes.answer import Answer, Dialect
from probes.contract import Ask, Finding
from probes.openai_chunk import take_choice
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule


class CompletionStreamModule(StreamingModule):
    """OpenAI-compatible text completions over SSE."""

    kind: Literal["completion_stream"]


async def completion_stream(ask: Ask) -> Finding:
    """Send one text completion and say what became of it."""
    return await streamed(ask, COMPLETION, prompt_of(ask))


def body(model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request."""
    return {
        "model": model,
        "prompt": prompt.text,
        "max_tokens": prompt.max_tokens,
        "temperature": module.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one chunk."""
    answer.say(take_choice(answer, value).get("text"))


COMPLETION = Dialect("/completions", body, take)
