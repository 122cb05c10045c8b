"""
`generate_stream`: Text Generation Inference's own protocol over server-sent events, without a chat template.

One event is one token; special tokens are no content. The last event holds the whole text and the details.
"""

from __future__ import annotations

from typing import Any, Literal

from probes.answer import Answer, Dialect
from probes.contract import Ask, Finding
from probes.json_path import found
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule


class GenerateStreamModule(StreamingModule):
    """Text Generation Inference's `/generate_stream`."""

    kind: Literal["generate_stream"]


async def generate_stream(ask: Ask) -> Finding:
    """Ask for one generation and say what became of it."""
    return await streamed(ask, GENERATE, prompt_of(ask))


def body(_model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request; the server has one model, and refuses a temperature of 0."""
    sampling = {"do_sample": True, "temperature": module.temperature} if module.temperature else {"do_sample": False}
    return {
        "inputs": prompt.text,
        "parameters": {"max_new_tokens": prompt.max_tokens, "details": True, **sampling},
    }


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one token; the last one brings the finish reason and the counts."""
    if not found(value, "token", "special"):
        answer.say(found(value, "token", "text"))
    answer.done = answer.done or isinstance(value.get("generated_text"), str)
    answer.finish(found(value, "details", "finish_reason"))
    answer.bill(found(value, "details", "input_length"), found(value, "details", "generated_tokens"))


GENERATE = Dialect("/generate_stream", body, take)
