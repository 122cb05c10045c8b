"""`json_mode`: a chat completion whose answer must be JSON, of a given schema or of none. OpenAI-compatible."""

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

ANY_OBJECT: dict[str, Any] = {"type": "object"}


class JsonModeModule(StreamingModule):
    """A chat completion whose answer must be JSON."""

    kind: Literal["json_mode"]
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    response_format: Literal["json_schema", "json_object"] = Field(
        default="json_schema", description="`json_object` promises an object, whatever is in it"
    )


async def json_mode(ask: Ask) -> Finding:
    """Ask for one object and say what became of it."""
    module, asked = module_of(ask), wanted(ask.nonce)
    assert isinstance(module, JsonModeModule)
    names = ", ".join(asked.schema["properties"])
    text = f"nonce={ask.nonce}. {asked.sentence} Answer with one JSON object that has {names}, and nothing else."
    extra = {"response_format": response_format(module.response_format, asked)}
    schema = asked.schema if module.response_format == "json_schema" else ANY_OBJECT
    return await streamed(ask, CHAT, Prompt(text, length_of(ask)), extra=extra, check=partial(fault_of, schema))


def response_format(name: str, asked: Wanted) -> dict[str, Any]:
    """What the API calls a response format."""
    if name == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reading", "strict": True, "schema": asked.schema}}


def fault_of(schema: dict[str, Any], answer: Answer) -> tuple[Reason | None, str]:
    """What is wrong with the text of a complete answer."""
    reason, detail = fault_in(answer.text, schema)
    cut = reason is not None and answer.finish_reason == "length"
    return reason, detail + (" (cut at max_tokens)" if cut else "")
