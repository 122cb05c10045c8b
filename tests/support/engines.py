"""Real inference engines as fixtures of the whole session; their tests carry `@pytest.mark.engine`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.engine.serve import ServedEngine, missing, serve_embeddings, serve_third_party, serve_vllm


@pytest.fixture(scope="session")
def vllm_engine() -> Iterator[ServedEngine]:
    """vLLM on the CPU, warm."""
    _need_engine()
    with serve_vllm() as engine:
        yield engine


@pytest.fixture(scope="session")
def embedding_engine() -> Iterator[ServedEngine]:
    """vLLM on the CPU as a pooling engine, warm."""
    _need_engine()
    with serve_embeddings() as engine:
        yield engine


@pytest.fixture(scope="session")
def third_party_engine() -> Iterator[ServedEngine]:
    """`transformers serve`, warm."""
    _need_engine()
    with serve_third_party() as engine:
        yield engine


def _need_engine() -> None:
    """Skip where no engine is installed."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
