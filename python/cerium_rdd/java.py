"""Numbers that Spark's JVM would draw."""

import struct

_INT = (1 << 32) - 1
_LONG = (1 << 64) - 1
# The seed of Scala's hashes of arrays.
_ARRAY = 0x3C074A61


def start(split, bound):
    """Where a repartitioning task begins: a random partition below `bound`, seeded by the task's own."""
    seed = struct.pack(">q", split)
    low = _murmur(seed, _ARRAY)
    state = _murmur(seed, low) << 32 | low
    while True:
        state ^= state << 21 & _LONG
        state ^= state >> 35
        state ^= state << 4 & _LONG
        bits = state & 0x7FFFFFFF
        if bound & -bound == bound:
            return bound * bits >> 31
        value = bits % bound
        # What would not be drawn evenly is drawn again.
        if bits - value + bound - 1 < 1 << 31:
            return value


def _murmur(data, seed):
    """MurmurHash3 of 32 bits; the length of `data` is a multiple of four."""
    mixed = seed
    for (word,) in struct.iter_unpack("<I", data):
        word = _rotated(word * 0xCC9E2D51 & _INT, 15) * 0x1B873593 & _INT
        mixed = (_rotated(mixed ^ word, 13) * 5 + 0xE6546B64) & _INT
    mixed ^= len(data)
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & _INT
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & _INT
    return mixed ^ mixed >> 16


def _rotated(value, bits):
    return (value << bits | value >> 32 - bits) & _INT
