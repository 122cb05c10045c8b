"""The encodings of HTTP bodies, in both directions; and ClickHouse's own compressed blocks (compress=1)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from struct import error as StructError
from struct import pack, unpack_from
from typing import Any

from collector.storage.embedded.city_hash import city_hash_128
from collector.storage.embedded.exceptions import Refused

ANSWERED = ("zstd", "lz4", "gzip", "deflate")
BLOCK_BYTES = 1024 * 1024

_CHECKSUM, _HEAD = 16, 9
_METHOD_LZ4 = 0x82


def decoded(body: bytes, encoding: str, *, bytes_max: int) -> bytes:
    """The body without its Content-Encoding, bounded; raises Refused when it is not what it says."""
    try:
        match encoding.lower():
            case "" | "identity":
                return body
            case "gzip" | "deflate" | "x-gzip":
                return _inflated(lambda: zlib.decompressobj(47), body, bytes_max)
            case "lz4":
                import lz4.frame

                return _inflated(lz4.frame.LZ4FrameDecompressor, body, bytes_max)
            case "zstd":
                from backports import zstd

                return _inflated(zstd.ZstdDecompressor, body, bytes_max)
            case other:
                raise Refused(501, 48, "NOT_IMPLEMENTED", f"Content-Encoding {other[:40]!r} is not served")
    except Refused:
        raise
    except Exception as error:  # each codec has an error class of its own
        raise Refused(400, 33, "CANNOT_READ_ALL_DATA", f"the body is not {encoding}: {str(error)[:100]}") from error


def chosen(accepted: str) -> str:
    """The encoding of the answer to a client that accepts *accepted*; empty for none."""
    wishes = {part.split(";")[0].strip().lower() for part in accepted.split(",") if not _refused(part)}
    return next((encoding for encoding in ANSWERED if encoding in wishes), "")


def encoded(content: bytes, encoding: str, *, level: int = 3) -> bytes:
    """*content* in one of ANSWERED, or as it is."""
    match encoding:
        case "gzip":
            return gzip.compress(content, level, mtime=0)
        case "deflate":
            return zlib.compress(content, level)
        case "lz4":
            import lz4.frame

            return bytes(lz4.frame.compress(content))
        case "zstd":
            from backports import zstd

            return zstd.compress(content, min(level, 9))
        case _:
            return content


def compressed_blocks(content: bytes) -> bytes:
    """*content* as ClickHouse's checksummed LZ4 blocks, which `compress=1` asks for."""
    import lz4.block

    blocks = []
    for at in range(0, len(content), BLOCK_BYTES):
        plain = content[at : at + BLOCK_BYTES]
        packed = lz4.block.compress(plain, store_size=False)
        body = pack("<BII", _METHOD_LZ4, len(packed) + _HEAD, len(plain)) + packed
        blocks.append(pack("<QQ", *city_hash_128(body)) + body)
    return b"".join(blocks)


def decompressed_blocks(body: bytes, *, bytes_max: int) -> bytes:
    """The content of ClickHouse's compressed blocks (`decompress=1`); raises Refused when a checksum differs."""
    try:
        parts, size = [], 0
        for plain in _blocks(body):
            size += len(plain)
            if size > bytes_max:
                raise _too_many(bytes_max)
            parts.append(plain)
    except Refused:
        raise
    except Exception as error:  # each codec has an error class of its own
        raise Refused(500, 271, "CANNOT_DECOMPRESS", f"not a compressed block: {str(error)[:100]}") from error
    return b"".join(parts)


def _blocks(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        checksum = unpack_from("<QQ", body, at)
        method, packed_bytes, plain_bytes = unpack_from("<BII", body, at + _CHECKSUM)
        block = body[at + _CHECKSUM : at + _CHECKSUM + packed_bytes]
        if len(block) < packed_bytes or packed_bytes < _HEAD or plain_bytes > 2**30:
            raise StructError("it is cut off")
        if city_hash_128(block) != checksum:
            raise Refused(500, 40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data")
        yield _plain(method, block[_HEAD:], plain_bytes)
        at += _CHECKSUM + packed_bytes


def _plain(method: int, packed: bytes, plain_bytes: int) -> bytes:
    match method:
        case 0x02:
            return packed
        case 0x82:
            import lz4.block

            return bytes(lz4.block.decompress(packed, uncompressed_size=plain_bytes))
        case 0x90:
            from backports import zstd

            return _inflated(zstd.ZstdDecompressor, packed, plain_bytes)
        case _:
            raise Refused(500, 89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method {method:#x}")


def _refused(part: str) -> bool:
    return part.replace(" ", "").lower().endswith((";q=0", ";q=0.0", ";q=0.00", ";q=0.000"))


def _inflated(new: Callable[[], Any], body: bytes, bytes_max: int) -> bytes:
    """Every member of *body*, each by a decompressor of its own; a cut one would be half an insert."""
    parts, size, rest = [], 0, body
    while rest:
        decompressor = new()
        parts.append(decompressor.decompress(rest, bytes_max + 1 - size))
        size += len(parts[-1])
        if size > bytes_max:
            raise _too_many(bytes_max)
        if not decompressor.eof:
            raise ValueError("it is cut off")
        rest = decompressor.unused_data
    return b"".join(parts)


def _too_many(bytes_max: int) -> Refused:
    return Refused(413, 307, "TOO_MANY_BYTES", f"the body unpacks to more than {bytes_max} bytes")
