"""
`messages_stream`: Anthropic's Messages API over server-sent events.

An answer is complete with a stop reason or `message_stop`. Thinking is reasoning; `ping` is nothing.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from probes.answer import Answer, Dialect, count
from probes.contract import Ask, Finding
from probes.json_path import found
from probes.prompt import Prompt
from probes.streaming import module_of, prompt_of, streamed
from probes.streaming_module import StreamingModule
from probes.token_count import ASKED_OUT

VERSION = "2023-06-01"
PROMPT_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")  # their sum is the prompt


class MessagesStreamModule(StreamingModule):
    """Anthropic's Messages API over SSE."""

    kind: Literal["messages_stream"]
    temperature: Annotated[float, Field(ge=0, le=1)] = 1.0
    thinking_budget: Annotated[int, Field(ge=1024, le=100_000)] | None = Field(
        default=None, description="tokens of thinking, on top of max_tokens; the API then takes no temperature"
    )

    @property
    def tokens_out(self) -> float:
        """The mean of the lengths asked for, with the thinking."""
        return super().tokens_out + (self.thinking_budget or 0)


async def messages_stream(ask: Ask) -> Finding:
    """Send one message and say what became of it."""
    finding = await streamed(ask, MESSAGES, prompt_of(ask))
    module = module_of(ask)
    assert isinstance(module, MessagesStreamModule)
    if module.thinking_budget is None or ASKED_OUT not in finding.figures:
        return finding
    asked = finding.figures[ASKED_OUT] + module.thinking_budget
    return replace(finding, figures={**finding.figures, ASKED_OUT: asked})


def body(model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request."""
    assert isinstance(module, MessagesStreamModule)
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": prompt.text}],
        "max_tokens": prompt.max_tokens,
        "stream": True,
    }
    budget = module.thinking_budget
    if budget is None:
        return asked | {"temperature": module.temperature}
    thinking = {"type": "enabled", "budget_tokens": budget}
    return asked | {"max_tokens": prompt.max_tokens + budget, "thinking": thinking}


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one event; types that say nothing of these are passed over."""
    match value.get("type"):
        case "message_start":
            answer.identify(found(value, "message", "id"))
            answer.bill(_prompt_tokens(found(value, "message", "usage")), None)
        case "content_block_delta":
            answer.say(found(value, "delta", "text"))
            answer.think(found(value, "delta", "thinking"))
        case "message_delta":
            answer.finish(found(value, "delta", "stop_reason"))
            answer.bill(_prompt_tokens(value.get("usage")), found(value, "usage", "output_tokens"))
        case "message_stop":
            answer.done = True


def _prompt_tokens(usage: Any) -> int | None:
    if count(found(usage, "input_tokens")) is None:
        return None
    return sum(count(found(usage, name)) or 0 for name in PROMPT_TOKENS)


MESSAGES = Dialect("/messages", body, take, MappingProxyType({"anthropic-version": VERSION}))
