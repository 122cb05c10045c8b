"""
`chat_stream`: OpenAI-compatible chat completions over server-sent events, with usage.

First token is the first content; a role chunk is only the first byte. An answer is complete with a finish reason or the
end marker `[DONE]`. What each broken stream must be called stands in docs/probes/chat_stream.md.
"""

from __future__ import annotations

from typing import Any, Literal

from probes.answer import Answer, Dialect
from probes.contract import Ask, Finding
from probes.json_path import found, objects
from probes.openai_chunk import take_choice
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule


class ChatStreamModule(StreamingModule):
    """OpenAI-compatible chat completions over SSE."""

    kind: Literal["chat_stream"]


async def chat_stream(ask: Ask) -> Finding:
    """Send one chat completion and say what became of it."""
    return await streamed(ask, CHAT, prompt_of(ask))


def body(model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt.text}],
        "max_tokens": prompt.max_tokens,
        "temperature": module.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one chunk: content, logprobs, reasoning (by either of its names) and fragments of tool calls."""
    choice = take_choice(answer, value)
    if logprobs := choice.get("logprobs"):
        answer.weigh(found(logprobs, "content", 0, "top_logprobs"))
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    answer.say(delta.get("content"))
    answer.think(delta.get("reasoning_content") or delta.get("reasoning"))
    for call in objects(delta.get("tool_calls")):
        answer.call(call.get("index"), found(call, "function", "name"), found(call, "function", "arguments"))


CHAT = Dialect("/chat/completions", body, take)
