"""Counting different elements by what little their hashes leave behind: HyperLogLog, with Spark's hashes.

Registers and small counts are those of the library that Spark uses. Where that corrects its estimate by
tables of what it measured, the estimate here is one that needs none (O. Ertl, "New cardinality estimation
algorithms for HyperLogLog sketches", 2017).
"""

import itertools
import math

import numpy

from cerium_rdd.partitioner import seeded_hash

# MurmurHash64A.
_FACTOR = numpy.uint64(0xC6A4A7935BD1E995)
_SHIFT = numpy.uint64(47)
_SEED = 0xE17A1465
_CHUNK = 10000
_LONGEST = 10
# Up to which count empty registers alone tell the count, by their number's logarithm from 4 on.
_SMALL = (10, 20, 40, 80, 220, 400, 900, 1800, 3100, 6500, 11500, 20000, 50000, 120000, 350000)
# More registers than this take more memory than they are worth.
_MOST_BITS = 18


def bits(relative_deviation):
    """The logarithm of how many registers an error needs."""
    return min(max(math.ceil(2.0 * math.log(1.054 / relative_deviation) / math.log(2)), 4), _MOST_BITS)


class Registers:
    """The registers that a partition's elements leave."""

    def __init__(self, bits):
        self.bits = bits

    def __call__(self, index, elements):
        registers = self.empty()
        hash_of = seeded_hash()
        elements = iter(elements)
        while chunk := list(itertools.islice(elements, _CHUNK)):
            numbers = numpy.array([hash_of(element) & 0xFFFFFFFF for element in chunk], numpy.uint64)
            numpy.maximum.at(registers, *self._places(numpy.unique(numbers)))
        return [registers]

    def empty(self):
        """The registers that nothing leaves."""
        return numpy.zeros(1 << self.bits, numpy.uint8)

    def _places(self, numbers):
        """The register of each number, and what it says there: the first set bit of the rest of its hash."""
        hashes = _hashes(numbers)
        left = (hashes << numpy.uint64(self.bits)) | numpy.uint64(1 << (self.bits - 1))
        zeros = numpy.zeros(len(left), numpy.uint8)
        for width in (32, 16, 8, 4, 2, 1):
            empty = left < numpy.uint64(1 << (64 - width))
            zeros[empty] += width
            left[empty] <<= numpy.uint64(width)
        return (hashes >> numpy.uint64(64 - self.bits)).astype(numpy.int64), zeros + 1


def _hashes(numbers):
    """Hashes of the numbers' decimal digits."""
    hashes = numpy.empty_like(numbers)
    for length in range(1, _LONGEST + 1):
        above = 10**length if length < _LONGEST else 1 << 63
        chosen = (numbers < above) & (numbers >= (10 ** (length - 1) if length > 1 else 0))
        hashes[chosen] = _hash_digits(numbers[chosen], length)
    return hashes


def _hash_digits(numbers, length):
    powers = (numpy.uint64(10**place) for place in range(length - 1, -1, -1))
    digits = [numbers // power % numpy.uint64(10) + numpy.uint64(ord("0")) for power in powers]
    hashes = numpy.full_like(numbers, (_SEED ^ length * int(_FACTOR)) % (1 << 64))
    if length >= 8:
        block = _packed(digits[:8]) * _FACTOR
        block = (block ^ (block >> _SHIFT)) * _FACTOR
        hashes = (hashes ^ block) * _FACTOR
    if length % 8:
        hashes = (hashes ^ _packed(digits[length // 8 * 8 :])) * _FACTOR
    hashes = (hashes ^ (hashes >> _SHIFT)) * _FACTOR
    return hashes ^ (hashes >> _SHIFT)


def _packed(digits):
    """Digits as bytes of numbers, the first one lowest."""
    packed = digits[0]
    for place, digit in enumerate(digits[1:], 1):
        packed = packed | (digit << numpy.uint64(8 * place))
    return packed


def estimate(registers):
    """How many different elements left these registers."""
    size = len(registers)
    power = size.bit_length() - 1
    empty = int(numpy.count_nonzero(registers == 0))
    by_empty = size * math.log(size / empty) if empty else math.inf
    if by_empty <= _SMALL[power - 4]:
        return round(by_empty)
    alpha = {4: 0.673, 5: 0.697, 6: 0.709}.get(power, 0.7213 / (1 + 1.079 / size))
    raw = alpha * size * size / float(numpy.sum(numpy.ldexp(1.0, -registers.astype(numpy.int64))))
    return round(raw if raw > 5 * size else _improved(registers, power))


def _improved(registers, power):
    """Ertl's estimate, from how many registers have each value."""
    size, most = len(registers), 64 - power
    counts = numpy.bincount(registers, minlength=most + 2)
    total = size * _tau(1 - counts[most + 1] / size)
    for value in range(most, 0, -1):
        total = 0.5 * (total + counts[value])
    total += size * _sigma(counts[0] / size)
    return size * size / (2 * math.log(2)) / total


def _tau(share):
    if share in (0, 1):
        return 0.0
    factor, total, last = 1.0, 1 - share, None
    while total != last:
        share, factor, last = math.sqrt(share), factor / 2, total
        total -= (1 - share) ** 2 * factor
    return total / 3


def _sigma(share):
    if share == 1:
        return math.inf
    factor, total, last = 1.0, share, None
    while total != last:
        share, last = share * share, total
        total += share * factor
        factor += factor
    return total
