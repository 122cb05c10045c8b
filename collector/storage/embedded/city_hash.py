"""
CityHash128 1.0.2, the checksum of ClickHouse's compressed blocks.

The algorithm is Google's (MIT), in the version that ClickHouse has kept since 2012; later ones give other values.
"""

from __future__ import annotations

from struct import unpack_from

_M = (1 << 64) - 1
_K0, _K1, _K2, _K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MUL = 0x9DDFEA08EB382D69


def city_hash_128(data: bytes) -> tuple[int, int]:
    """The low and the high half."""
    n = len(data)
    if n >= 16:
        return _seeded(data[16:], _u64(data, 0) ^ _K3, _u64(data, 8))
    if n >= 8:
        return _seeded(b"", _u64(data, 0) ^ (n * _K0 & _M), _u64(data, n - 8) ^ _K1)
    return _seeded(data, _K0, _K1)


def _u64(data: bytes, at: int) -> int:
    return int(unpack_from("<Q", data, at)[0])


def _rotate(value: int, by: int) -> int:
    return value if by == 0 else (value >> by | value << 64 - by) & _M


def _shift_mix(value: int) -> int:
    return value ^ value >> 47


def _hash16(low: int, high: int) -> int:
    a = (low ^ high) * _MUL & _M
    a ^= a >> 47
    b = (high ^ a) * _MUL & _M
    b ^= b >> 47
    return b * _MUL & _M


def _hash_0_to_16(data: bytes) -> int:
    n = len(data)
    if n > 8:
        a, b = _u64(data, 0), _u64(data, n - 8)
        return _hash16(a, _rotate(b + n & _M, n)) ^ b
    if n >= 4:
        a = int(unpack_from("<I", data, 0)[0])
        return _hash16(n + (a << 3) & _M, int(unpack_from("<I", data, n - 4)[0]))
    if n > 0:
        y = data[0] + (data[n >> 1] << 8)
        z = n + (data[n - 1] << 2)
        return _shift_mix((y * _K2 & _M) ^ (z * _K3 & _M)) * _K2 & _M
    return _K2


def _weak_32(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = unpack_from("<4Q", data, at)
    a = a + w & _M
    b = _rotate(b + a + z & _M, 21)
    c = a
    a = a + x + y & _M
    b = b + _rotate(a, 44) & _M
    return a + z & _M, b + c & _M


def _seeded_short(data: bytes, low: int, high: int) -> tuple[int, int]:
    n = len(data)
    a, b = low, high
    length = n - 16
    if length <= 0:
        a = _shift_mix(a * _K1 & _M) * _K1 & _M
        c = b * _K1 + _hash_0_to_16(data) & _M
        d = _shift_mix(a + (_u64(data, 0) if n >= 8 else c) & _M)
    else:
        c = _hash16(_u64(data, n - 8) + _K1 & _M, a)
        d = _hash16(b + n & _M, c + _u64(data, n - 16) & _M)
        a = a + d & _M
        at = 0
        while length > 0:
            a = ((a ^ _shift_mix(_u64(data, at) * _K1 & _M) * _K1) & _M) * _K1 & _M
            b ^= a
            c = ((c ^ _shift_mix(_u64(data, at + 8) * _K1 & _M) * _K1) & _M) * _K1 & _M
            d ^= c
            at += 16
            length -= 16
    a = _hash16(a, c)
    b = _hash16(d, b)
    return a ^ b, _hash16(b, a)


def _seeded(data: bytes, low: int, high: int) -> tuple[int, int]:
    n = len(data)
    if n < 128:
        return _seeded_short(data, low, high)
    x, y, z = low, high, n * _K1 & _M
    v0 = _rotate(y ^ _K1, 49) * _K1 + _u64(data, 0) & _M
    v1 = _rotate(v0, 42) * _K1 + _u64(data, 8) & _M
    w0 = _rotate(y + z & _M, 35) * _K1 + x & _M
    w1 = _rotate(x + _u64(data, 88) & _M, 53) * _K1 & _M
    at, length = 0, n
    while length >= 128:
        for _ in range(2):
            x = _rotate(x + y + v0 + _u64(data, at + 16) & _M, 37) * _K1 & _M
            y = _rotate(y + v1 + _u64(data, at + 48) & _M, 42) * _K1 & _M
            x ^= w1
            y ^= v0
            z = _rotate(z ^ w0, 33)
            v0, v1 = _weak_32(data, at, v1 * _K1 & _M, x + w0 & _M)
            w0, w1 = _weak_32(data, at + 32, z + w1 & _M, y)
            z, x = x, z
            at += 64
        length -= 128
    y = y + _rotate(w0, 37) * _K0 + z & _M
    x = x + _rotate(v0 + z & _M, 49) * _K0 & _M
    done = 0
    while done < length:
        done += 32
        y = _rotate((y - x) & _M, 42) * _K0 + v1 & _M
        w0 = w0 + _u64(data, n - done + 16) & _M
        x = _rotate(x, 49) * _K0 + w0 & _M
        w0 = w0 + v0 & _M
        v0, v1 = _weak_32(data, n - done, v0, v1)
    x = _hash16(x, v0)
    y = _hash16(y, w0)
    return _hash16(x + v1 & _M, w1) + y & _M, _hash16(x + w1 & _M, y + v1 & _M)
