"""
`tool_call`: a chat completion that must call a tool; name, JSON and JSON Schema of the arguments are checked.

Two tools are offered, and the prompt tells which to call. The arguments are streamed in fragments; the first of them is
the first token. OpenAI-compatible.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.kinds.chat_stream import CHAT
from probes.prompt import Prompt
from probes.streaming import length_of, module_of, streamed
from probes.streaming_module import StreamingModule
from probes.structured import Wanted, fault_in, wanted
from schemas.observation import Reason

TOOL, OTHER_TOOL = "record_reading", "list_stations"


class ToolCallModule(StreamingModule):
    """A chat completion that must call a tool."""

    kind: Literal["tool_call"]
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    tool_choice: Literal["forced", "required", "auto"] = Field(
        default="forced", description="`forced` names the tool, `required` wants any, `auto` leaves it to the model"
    )
    strict: bool = Field(
        default=False,
        description="ask the server to hold arguments to the schema; without it, that is the model's part",
    )


async def tool_call(ask: Ask) -> Finding:
    """Ask for one call and say what became of it."""
    module, asked = module_of(ask), wanted(ask.nonce)
    assert isinstance(module, ToolCallModule)
    text = f"nonce={ask.nonce}. {asked.sentence} Record this reading by calling the tool {TOOL}. Write nothing else."
    extra = {"tools": tools(asked, strict=module.strict), "tool_choice": choice(module.tool_choice)}
    return await streamed(ask, CHAT, Prompt(text, length_of(ask)), extra=extra, check=partial(fault_of_calls, asked))


def tools(asked: Wanted, *, strict: bool) -> list[dict[str, Any]]:
    """The two tools that are offered."""
    nothing = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    offered = [
        {"name": TOOL, "description": "Record the reading of a weather station.", "parameters": asked.schema},
        {"name": OTHER_TOOL, "description": "List all weather stations.", "parameters": nothing},
    ]
    held = {"strict": True} if strict else {}
    return [{"type": "function", "function": function | held} for function in offered]


def choice(name: str) -> str | dict[str, Any]:
    """What the API calls a choice."""
    return {"type": "function", "function": {"name": TOOL}} if name == "forced" else name


def fault_of_calls(asked: Wanted, answer: Answer) -> tuple[Reason | None, str]:
    """What is wrong with the calls of a complete answer: none, another tool, or bad arguments."""
    if not answer.calls:
        return Reason.UNKNOWN_NAME, f"no tool was called; text: {answer.text[:80]!r}"
    for call in answer.calls.values():
        if call.name != TOOL:
            return Reason.UNKNOWN_NAME, f"called {call.name[:80]!r}, not {TOOL!r}"
        reason, detail = fault_in(call.arguments, asked.schema)
        if reason is not None:
            return reason, f"arguments: {detail}" + (" (cut at max_tokens)" if answer.finish_reason == "length" else "")
    return None, ""
