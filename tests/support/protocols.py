"""How each streaming protocol says the same things, as bytes of its documented events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tests.support.bad_server import chunk, event, named_event

USAGE_IN, USAGE_OUT = 5, 3


@dataclass(frozen=True, slots=True)
class Protocol:
    """
    One protocol. *path* is what the server is asked at.

    ends: the events that complete an answer, given the prompt's and the answer's tokens. prompt: where the request
    holds it. thought is None where the protocol knows no reasoning, billed_in False where usage leaves the prompt out.
    """

    path: str
    start: bytes
    said: Callable[[str], bytes]
    ends: Callable[[Any, Any], bytes]
    finish_reason: str
    error: Callable[[str, str, int], bytes]  # (type or status, words, code)
    prompt: Callable[[dict[str, Any]], str]
    length: Callable[[dict[str, Any]], int]
    thought: Callable[[str], bytes] | None = None
    identity: str = ""
    billed_in: bool = True


def _typed(value: dict[str, Any]) -> bytes:
    """An event whose name stands in its data too."""
    return named_event(str(value["type"]), value)


def _tgi(value: object) -> bytes:
    """TGI's server leaves out the space after the colon."""
    return chunk(b"data:" + orjson.dumps(value) + b"\n\n")


def _chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return event({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _openai_end(prompt: Any, answer: Any) -> bytes:
    return event({"id": "c1", "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": answer}}) + event(
        "[DONE]"
    )


def _openai_error(kind: str, words: str, code: int) -> bytes:
    return event({"error": {"message": words, "type": kind, "code": code}})


def _response(kind: str, **fields: Any) -> bytes:
    return _typed({"type": kind, "response": {"id": "r1", "status": "in_progress", "error": None, **fields}})


def _gemini(parts: list[dict[str, Any]], **fields: Any) -> bytes:
    return event({"responseId": "g1", "candidates": [{"content": {"role": "model", "parts": parts}, **fields}]})


def _triton(text: str, finish: str, tokens: Any) -> bytes:
    said = {"text_output": text, "finish_reason": finish, "num_output_tokens": tokens}
    return event({"model_name": "m", "model_version": "1", **said})


PROTOCOLS: dict[str, Protocol] = {
    "chat_stream": Protocol(
        path="/v1/chat/completions",
        start=_chat({"role": "assistant", "content": ""}),
        said=lambda text: _chat({"content": text}),
        thought=lambda text: _chat({"reasoning_content": text}),
        ends=lambda prompt, answer: _chat({}, "stop") + _openai_end(prompt, answer),
        finish_reason="stop",
        error=_openai_error,
        prompt=lambda request: str(request["messages"][0]["content"]),
        length=lambda request: int(request["max_tokens"]),
        identity="c1",
    ),
    "completion_stream": Protocol(
        path="/v1/completions",
        start=b"",
        said=lambda text: event({"id": "c1", "choices": [{"index": 0, "text": text, "finish_reason": None}]}),
        ends=lambda prompt, answer: (
            event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}) + _openai_end(prompt, answer)
        ),
        finish_reason="length",
        error=_openai_error,
        prompt=lambda request: str(request["prompt"]),
        length=lambda request: int(request["max_tokens"]),
        identity="c1",
    ),
    "responses_stream": Protocol(
        path="/v1/responses",
        start=_response("response.created")
        + _typed({"type": "response.output_item.added", "item": {"type": "message", "content": []}}),
        said=lambda text: _typed({"type": "response.output_text.delta", "delta": text}),
        thought=lambda text: _typed({"type": "response.reasoning_text.delta", "delta": text}),
        ends=lambda prompt, answer: _response(
            "response.completed", status="completed", usage={"input_tokens": prompt, "output_tokens": answer}
        ),
        finish_reason="completed",
        error=lambda kind, words, code: _typed({"type": "error", "code": kind, "message": words, "param": None}),
        prompt=lambda request: str(request["input"]),
        length=lambda request: int(request["max_output_tokens"]),
        identity="r1",
    ),
    "messages_stream": Protocol(
        path="/v1/messages",
        start=_typed({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": None}}})
        + _typed({"type": "ping"})
        + _typed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        said=lambda text: _typed({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}),
        thought=lambda text: _typed(
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": text}}
        ),
        ends=lambda prompt, answer: (
            _typed(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                    "usage": {"input_tokens": prompt, "output_tokens": answer},
                }
            )
            + _typed({"type": "message_stop"})
        ),
        finish_reason="end_turn",
        error=lambda kind, words, code: _typed({"type": "error", "error": {"type": kind, "message": words}}),
        prompt=lambda request: str(request["messages"][0]["content"]),
        length=lambda request: int(request["max_tokens"]),
        identity="msg_1",
    ),
    "generate_stream": Protocol(
        path="/v1/generate_stream",
        start=b"",
        said=lambda text: _tgi({"token": {"id": 7, "text": text, "special": False}, "generated_text": None}),
        ends=lambda prompt, answer: _tgi(
            {
                "token": {"id": 2, "text": "</s>", "special": True},
                "generated_text": "one two",
                "details": {"finish_reason": "eos_token", "generated_tokens": answer, "input_length": prompt},
            }
        ),
        finish_reason="eos_token",
        error=lambda kind, words, code: _tgi({"error": words, "error_type": kind}),
        prompt=lambda request: str(request["inputs"]),
        length=lambda request: int(request["parameters"]["max_new_tokens"]),
    ),
    "triton_generate": Protocol(
        path="/v1/v2/models/m/1/generate_stream",
        start=b"",
        said=lambda text: _triton(text, "None", 1),
        ends=lambda prompt, answer: _triton("", "stop", answer if answer != USAGE_OUT else 1),
        finish_reason="stop",
        error=lambda kind, words, code: event({"error": f"{kind}: {words}"}),
        prompt=lambda request: str(request["text_input"]),
        length=lambda request: int(request["parameters"]["max_tokens"]),
        billed_in=False,
    ),
    "gemini_stream": Protocol(
        path="/v1/models/m/1:streamGenerateContent?alt=sse",
        start=b"",
        said=lambda text: _gemini([{"text": text}]),
        thought=lambda text: _gemini([{"text": text, "thought": True}]),
        ends=lambda prompt, answer: event(
            {
                "candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": answer},
            }
        ),
        finish_reason="STOP",
        error=lambda kind, words, code: event({"error": {"code": code, "message": words, "status": kind}}),
        prompt=lambda request: str(request["contents"][0]["parts"][0]["text"]),
        length=lambda request: int(request["generationConfig"]["maxOutputTokens"]),
        identity="g1",
    ),
}
