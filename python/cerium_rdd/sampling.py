"""RDD methods that draw at random, with PySpark's own samplers: one seed gives one choice everywhere."""

import itertools
import math
import random
import sys

from pyspark.rddsampler import RDDRangeSampler, RDDSampler, RDDStratifiedSampler

# The size of a sample has to stay so many standard deviations below the largest number.
_DEVIATIONS = 10.0


class Sampling:
    """Samples and random splits."""

    def sample(self, withReplacement, fraction, seed=None):
        """About this fraction of the elements; with replacement, elements may come more than once."""
        if not fraction >= 0:
            raise ValueError("Fraction must be nonnegative.")
        return self.mapPartitionsWithIndex(RDDSampler(withReplacement, fraction, seed).func, True)

    def sampleByKey(self, withReplacement, fractions, seed=None):
        """As sample, with a fraction for each key."""
        for fraction in fractions.values():
            assert fraction >= 0.0, "Negative fraction value: %s" % fraction
        return self.mapPartitionsWithIndex(RDDStratifiedSampler(withReplacement, fractions, seed).func, True)

    def randomSplit(self, weights, seed=None):
        """RDDs that each element is in one of, with chances as the weights."""
        if not all(weight >= 0 for weight in weights):
            raise ValueError("Weights must be nonnegative")
        total = float(sum(weights))
        if not total > 0:
            raise ValueError("Sum of weights must be positive")
        if seed is None:
            seed = random.randint(0, 2**32 - 1)
        bounds = itertools.accumulate((weight / total for weight in weights), initial=0.0)
        return [
            self.mapPartitionsWithIndex(RDDRangeSampler(low, high, seed).func, True)
            for low, high in itertools.pairwise(bounds)
        ]

    def takeSample(self, withReplacement, num, seed=None):
        """Exactly `num` elements drawn at random; without replacement at most as many as there are."""
        most = sys.maxsize - int(_DEVIATIONS * math.sqrt(sys.maxsize))
        if num < 0:
            raise ValueError("Sample size cannot be negative.")
        if num > most:
            raise ValueError("Sample size cannot be greater than %d." % most)
        if num == 0 or self.getNumPartitions() == 0:
            return []
        total = self.count()
        if total == 0:
            return []
        chance = random.Random(seed)
        if not withReplacement and num >= total:
            drawn = self.collect()
        else:
            fraction = self._computeFractionForSampleSize(num, total, withReplacement)
            drawn = self.sample(withReplacement, fraction, seed).collect()
            # Rarely a sample is too small: then another is drawn.
            while len(drawn) < num:
                seed = chance.randint(0, sys.maxsize)
                drawn = self.sample(withReplacement, fraction, seed).collect()
        chance.shuffle(drawn)
        return drawn[:num]

    @staticmethod
    def _computeFractionForSampleSize(sampleSizeLowerBound, total, withReplacement):
        """The fraction with which a sample has at least that size in all but one of 10 000 cases.

        With replacement sizes are Poisson distributed, else binomially.
        """
        fraction = float(sampleSizeLowerBound) / total
        if withReplacement:
            deviations = 9 if sampleSizeLowerBound < 12 else 5
            return fraction + deviations * math.sqrt(fraction / total)
        gamma = -math.log(0.00005) / total
        return min(1, fraction + gamma + math.sqrt(gamma * gamma + 2 * gamma * fraction))
