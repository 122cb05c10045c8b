"""
Makes the tiny model that the engines serve: real shapes, random weights, syllables for language.

Run by the engines' own Python (torch, transformers and tokenizers), never by Touchstone's: `make engine-install` does.
The same seed gives the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20_240_229
VOCABULARY = 2_048
CONTEXT_TOKENS = 2_048
CORPUS_LINES = 20_000
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def syllables() -> tuple[str, ...]:
    """Every consonant-vowel(-consonant) syllable of a made-up language, ASCII only."""
    heads = ("b", "br", "d", "dr", "f", "g", "gl", "k", "kr", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v")
    return tuple(head + vowel + tail for head in heads for vowel in "aeiou" for tail in ("", "l", "m", "n", "r", "s"))


def corpus(seed: int) -> Iterator[str]:
    """Lines of made-up words, for training the tokenizer; enough different ones for the whole vocabulary."""
    chance = random.Random(seed)
    parts = syllables()
    for _ in range(CORPUS_LINES):
        words = ("".join(chance.choices(parts, k=chance.randint(1, 3))) for _ in range(chance.randint(4, 12)))
        yield " ".join(words) + chance.choice((".", "?", "!", ",", ":", " 0", " 17", " 250"))


def make_tokenizer(folder: Path) -> None:
    """A byte-level BPE tokenizer whose alphabet is ASCII, so that no token is half a character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    ascii_alphabet = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ", "ĉ"]  # byte-level names of space, \n and \t
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=ascii_alphabet, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(corpus(SEED), trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        model_max_length=CONTEXT_TOKENS,
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(folder)


def make_weights(folder: Path) -> None:
    """A Llama of two layers with random weights from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(SEED)
    shape = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(shape).to(torch.bfloat16).save_pretrained(folder)


def main() -> None:
    """Write the model into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make_tokenizer(folder)
    make_weights(folder)


if __name__ == "__main__":
    main()
