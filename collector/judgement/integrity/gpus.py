"""
GPUs as their makers sell them: memory in GB (10^9 bytes), memory bandwidth in TB/s. The *source* is the data sheet.

A claim names one loosely (`8x H100 SXM`, `nvidia-h100-80gb-hbm3`). Where it fits several products, each comparison
takes the one that is best for the provider.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """One product: its *family* is one word of a claim, what else it says of *kinds* picks it out."""

    name: str
    family: str
    kinds: tuple[str, ...]
    memory_gb: float
    bandwidth_tb_s: float
    source: str


GPUS = (
    Gpu("A100 40GB", "a100", ("40gb",), 40, 1.555, "NVIDIA A100 data sheet, 2021"),
    Gpu("A100 80GB PCIe", "a100", ("pcie", "80gb"), 80, 1.935, "NVIDIA A100 80GB data sheet, 2022"),
    Gpu("A100 80GB SXM", "a100", ("sxm", "sxm4", "80gb"), 80, 2.039, "NVIDIA A100 80GB data sheet, 2022"),
    Gpu("A40", "a40", (), 48, 0.696, "NVIDIA A40 data sheet, 2021"),
    Gpu("RTX A6000", "a6000", (), 48, 0.768, "NVIDIA RTX A6000 data sheet, 2021"),
    Gpu("A10", "a10", (), 24, 0.6, "NVIDIA A10 data sheet, 2021"),
    Gpu("L4", "l4", (), 24, 0.3, "NVIDIA L4 data sheet, 2023"),
    Gpu("L40S", "l40s", (), 48, 0.864, "NVIDIA L40S data sheet, 2023"),
    Gpu("RTX 4090", "4090", (), 24, 1.008, "NVIDIA Ada GPU architecture paper, 2022"),
    Gpu("RTX 5090", "5090", (), 32, 1.792, "NVIDIA RTX Blackwell architecture paper, 2025"),
    Gpu("RTX 6000 Ada", "6000", ("ada",), 48, 0.96, "NVIDIA RTX 6000 Ada data sheet, 2023"),
    Gpu("RTX PRO 6000", "6000", ("pro", "blackwell"), 96, 1.792, "NVIDIA RTX PRO 6000 Blackwell data sheet, 2025"),
    Gpu("H20", "h20", (), 96, 4.0, "NVIDIA H20 data sheet, 2024"),
    Gpu("H100 PCIe", "h100", ("pcie", "80gb"), 80, 2.0, "NVIDIA H100 data sheet, 2023"),
    Gpu("H100 NVL", "h100", ("nvl",), 94, 3.9, "NVIDIA H100 data sheet, 2024"),
    Gpu("H100 SXM", "h100", ("sxm", "sxm5", "hbm3", "80gb"), 80, 3.35, "NVIDIA H100 data sheet, 2023"),
    Gpu("GH200 96GB", "gh200", ("96gb", "hbm3"), 96, 4.0, "NVIDIA GH200 data sheet, 2024 (HBM3)"),
    Gpu("GH200 144GB", "gh200", ("144gb", "hbm3e"), 144, 4.9, "NVIDIA GH200 data sheet, 2024 (HBM3e)"),
    Gpu("H200", "h200", (), 141, 4.8, "NVIDIA H200 data sheet, 2024"),
    Gpu("B200", "b200", (), 192, 8.0, "NVIDIA HGX B200 data sheet, 2024"),
    Gpu("GB200", "gb200", (), 192, 8.0, "NVIDIA GB200 NVL72 data sheet, 2024"),
    Gpu("B300", "b300", (), 288, 8.0, "NVIDIA HGX B300 data sheet, 2025"),
    Gpu("MI300X", "mi300x", (), 192, 5.3, "AMD Instinct MI300X data sheet, 2023"),
    Gpu("MI325X", "mi325x", (), 256, 6.0, "AMD Instinct MI325X data sheet, 2024"),
    Gpu("MI355X", "mi355x", (), 288, 8.0, "AMD Instinct MI355X data sheet, 2025"),
)
BYTES = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "w8a8": 1.0,
    "int4": 0.5,
    "fp4": 0.5,
    "nf4": 0.5,
    "mxfp4": 0.5,
    "nvfp4": 0.5,
    "awq": 0.5,
    "gptq": 0.5,
}


def gpus_of(claim: str) -> tuple[Gpu, ...]:
    """The products that *claim* may mean: those of its family of whose kind it says most; none when it is not here."""
    words = set(re.findall(r"[a-z0-9]+", re.sub(r"\b\d+x(?=[a-z])|x\d+\b", "", claim.lower())))
    family = [gpu for gpu in GPUS if gpu.family in words]
    most = max((len(words.intersection(gpu.kinds)) for gpu in family), default=0)
    return tuple(gpu for gpu in family if len(words.intersection(gpu.kinds)) == most)


def bytes_of(precision: str) -> float | None:
    """Bytes of a weight in *precision* (`bf16`, `fp8`); None when it is not known."""
    return next((BYTES[word] for word in re.findall(r"[a-z0-9]+", precision.lower()) if word in BYTES), None)
