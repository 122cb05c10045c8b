"""
`triton_generate`: the generate extension of Triton (KServe v2) over server-sent events, without a chat template.

The protocol has no end marker. Where the backend says a finish reason, an answer is complete with it; where it does
not, with the orderly end of the body.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from probes.answer import Answer, Dialect, count
from probes.contract import Ask, Finding
from probes.json_path import found
from probes.prompt import Prompt
from probes.streaming import prompt_of, streamed
from probes.streaming_module import StreamingModule

RUNNING = ("", "None")  # what vLLM's backend says of an answer that goes on


class TritonGenerateModule(StreamingModule):
    """Triton's `/v2/models/MODEL/generate_stream`."""

    kind: Literal["triton_generate"]
    backend: Literal["vllm", "tensorrtllm"] = Field(
        default="vllm", description="`vllm` takes its parameters in an object, `tensorrtllm` beside the text"
    )
    details: bool = Field(
        default=True, description="`vllm`: ask for finish reason and token counts (Triton 24.12 and later)"
    )


async def triton_generate(ask: Ask) -> Finding:
    """Ask for one generation and say what became of it."""
    return await streamed(ask, TRITON, prompt_of(ask))


def body(_model: str, module: StreamingModule, prompt: Prompt) -> dict[str, Any]:
    """The request; the model's name stands in the path."""
    assert isinstance(module, TritonGenerateModule)
    wanted = {"stream": True, "max_tokens": prompt.max_tokens, "temperature": module.temperature}
    if module.backend == "tensorrtllm":
        return {"text_input": prompt.text, **wanted}
    details = {"return_finish_reason": True, "return_num_output_tokens": True} if module.details else {}
    return {"text_input": prompt.text, "parameters": wanted, **details}


def take(answer: Answer, value: dict[str, Any]) -> None:
    """Add one response; each says the tokens of its own text."""
    answer.say(value.get("text_output"))
    answer.eof_completes = "finish_reason" not in value
    if (reason := found(value, "finish_reason")) not in RUNNING:
        answer.finish(reason)
    if (tokens := count(value.get("num_output_tokens"))) is not None:
        answer.bill(None, (answer.billed_out or 0) + tokens)


TRITON = Dialect("/v2/models/{model}/generate_stream", body, take)
