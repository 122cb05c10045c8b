"""The frames of an OpenAI-compatible chat completion, as server-sent events and as one JSON document."""

from __future__ import annotations

from typing import Any

import orjson

from simulator.answer import Answer

DONE = b"data: [DONE]\n\n"


class Frames:
    """The events of one streamed answer; the parts that every event shares are encoded once."""

    def __init__(self, id: str, model: str, created: int) -> None:
        shared = f'"id":"{id}","object":"chat.completion.chunk","created":{created},"model":"{model}"'
        self._open = f"data: {{{shared},".encode()
        self._delta = self._open + b'"choices":[{"index":0,"delta":'

    def role(self) -> bytes:
        """The first event: no text yet."""
        return self._delta + b'{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'

    def content(self, text: str, logprobs: dict[str, Any] | None = None) -> bytes:
        """One token, with what is told of its logprobs."""
        told = orjson.dumps(logprobs and {"content": [logprobs]})
        delta = b'{"content":' + orjson.dumps(text) + b'},"logprobs":' + told
        return self._delta + delta + b',"finish_reason":null}]}\n\n'

    def call(self, name: str, arguments: str) -> bytes:
        """A tool call, as two fragments: its name, and its arguments."""
        parts = ({"name": name, "arguments": ""}, {"arguments": arguments})
        deltas = ({"tool_calls": [{"index": 0, "type": "function", "function": part}]} for part in parts)
        return b"".join(
            self._delta + orjson.dumps(delta) + b',"logprobs":null,"finish_reason":null}]}\n\n' for delta in deltas
        )

    def finish(self, reason: str) -> bytes:
        """The event that says why it ended."""
        return self._delta + b'{},"logprobs":null,"finish_reason":"' + reason.encode() + b'"}]}\n\n'

    def usage(self, said: Answer) -> bytes:
        """The event with what is billed."""
        return self._open + b'"choices":[],"usage":' + orjson.dumps(usage_of(said)) + b"}\n\n"


def spoken(said: Answer) -> list[str]:
    """The words as an answer's pieces: a space before each but the first."""
    return [f"{said.opening if index == 0 else ' '}{word}" for index, word in enumerate(said.words)]


def token_logprobs(said: Answer) -> list[dict[str, Any]]:
    """
    Of each word its logprob and those of the likeliest, as the API tells them; none when it tells nothing.

    A word that is not among the likeliest has the last one's.
    """
    return [
        {"token": word, "logprob": dict(likeliest).get(word, likeliest[-1][1]), "bytes": None}
        | {"top_logprobs": [{"token": token, "logprob": value, "bytes": None} for token, value in likeliest]}
        for word, likeliest in zip(said.words, said.likeliest, strict=False)
    ]


def usage_of(said: Answer) -> dict[str, Any]:
    """The usage object."""
    used = {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.billed,
        "total_tokens": said.prompt_tokens + said.billed,
    }
    return used if said.cached is None else used | {"prompt_tokens_details": {"cached_tokens": said.cached}}


def completion(id: str, model: str, created: int, said: Answer) -> dict[str, Any]:
    """The whole answer as one document (stream: false)."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(spoken(said))}
    if said.call is not None:
        function = dict(zip(("name", "arguments"), said.call, strict=True))
        message = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}
    told = token_logprobs(said)
    logprobs = {"content": told} if told else None
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": said.finish_reason}
    return {
        "id": id, "object": "chat.completion", "created": created, "model": model, "choices": [choice],
        "usage": usage_of(said),
    }  # fmt: skip


def models(model: str, created: int) -> dict[str, Any]:
    """What GET /v1/models answers."""
    return {"object": "list", "data": [{"id": model, "object": "model", "created": created, "owned_by": "simulated"}]}


def refusal(message: str, kind: str, code: int) -> dict[str, Any]:
    """An error's body, as vLLM words it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
