"""Numbers that Spark's JVM would draw."""

_MASK = (1 << 32) - 1
_LONG = (1 << 48) - 1


def start(split, bound):
    """Where a repartitioning task begins: a random partition below `bound`, seeded by the task's."""
    seed = _swapped(split)
    # The seed is an Int, made a Long with its sign.
    if seed >> 31:
        seed -= 1 << 32
    return _next_int(seed, bound)


def _swapped(value):
    """Scala's `byteswap32`."""
    mixed = value * 0x9E3775CD & _MASK
    mixed = int.from_bytes(mixed.to_bytes(4, "big"), "little")
    return mixed * 0x9E3775CD & _MASK


def _next_int(seed, bound):
    """The first `nextInt(bound)` of a `java.util.Random`."""
    state = (seed ^ 0x5DEECE66D) & _LONG
    while True:
        state = (state * 0x5DEECE66D + 0xB) & _LONG
        bits = state >> 17
        if bound & -bound == bound:
            return bound * bits >> 31
        value = bits % bound
        # What would not be drawn evenly is drawn again.
        if bits - value + bound - 1 < 1 << 31:
            return value
