"""RDD methods on partitions in memory. What is expected was recorded from Spark 4.1.1, unless it is arithmetic."""

import operator
import os
import pathlib
import sys
import unittest

ADD_ON = str(pathlib.Path(__file__).resolve().parent.parent)
if ADD_ON not in sys.path:
    sys.path.insert(0, ADD_ON)

from local_rdd import LocalContext

WORDS = "the quick brown fox jumps over the lazy dog and then some more words follow after that".split()


class Methods(unittest.TestCase):
    """Each test has a context of its own."""

    def setUp(self):
        # Hashes of strings are Spark's only where the seed is Spark's.
        os.environ.setdefault("PYTHONHASHSEED", "0")
        self.sc = LocalContext()
        self.numbers = self.sc.parallelize(range(100), 4)


class SamplingTest(Methods):
    def test_a_seed_chooses_what_it_chooses_in_spark(self):
        self.assertEqual(self.numbers.sample(False, 0.1, 2).collect(), [36, 40, 74, 86, 88])
        twice = [0, 6, 12, 14, 18, 20, 21, 24, 27, 31, 32, 38, 38, 40, 45, 46, 56, 87, 96]
        self.assertEqual(self.numbers.sample(True, 0.2, 5).collect(), twice)
        self.assertEqual(self.numbers.takeSample(False, 8, 7), [39, 12, 60, 99, 98, 44, 25, 43])
        self.assertEqual(self.numbers.takeSample(True, 8, 7), [90, 49, 67, 49, 95, 36, 46, 73])
        self.assertEqual(self.sc.parallelize(range(6), 3).takeSample(False, 20, 1), [2, 3, 5, 0, 4, 1])
        halves = self.sc.parallelize(range(20), 4).randomSplit([2, 3], 17)
        self.assertEqual(halves[0].collect(), [5, 6, 7, 15, 17, 19])
        self.assertEqual(sorted(halves[0].collect() + halves[1].collect()), list(range(20)))
        pairs = self.sc.parallelize([(i % 2, i) for i in range(30)], 3)
        drawn = pairs.sampleByKey(False, {0: 0.2, 1: 0.5}, 2).values().collect()
        self.assertEqual(drawn, [5, 11, 13, 15, 21, 29])


class OrderTest(Methods):
    def test_partitions_are_ranges_of_keys(self):
        pairs = self.sc.parallelize([(i * 59 % 101, i) for i in range(40)], 4)
        ascending = pairs.sortByKey(numPartitions=3).keys().glom().collect()
        ends = [(len(part), part[0], part[-1]) for part in ascending]
        self.assertEqual(ends, [(14, 0, 28), (13, 34, 62), (13, 68, 95)])
        descending = pairs.sortByKey(False, 3).keys().glom().collect()
        self.assertEqual(descending, [part[::-1] for part in ascending[::-1]])

    def test_a_function_of_the_key_orders_across_partitions_too(self):
        pairs = self.sc.parallelize([(i, None) for i in range(30)], 3)
        keys = pairs.sortByKey(numPartitions=3, keyfunc=operator.neg).keys().collect()
        self.assertEqual(keys, list(range(29, -1, -1)))

    def test_the_ends_of_an_order(self):
        words = self.sc.parallelize(["bb", "a", "cc"], 2)
        self.assertEqual((words.max(len), words.min(len)), ("bb", "a"))
        self.assertEqual((words.top(2), words.takeOrdered(2, len)), (["cc", "bb"], ["a", "bb"]))
        self.assertEqual(self.sc.emptyRDD().takeOrdered(1), [])
        with self.assertRaisesRegex(ValueError, r"^Can not reduce\(\) empty RDD$"):
            self.sc.emptyRDD().top(1)


class PairsTest(Methods):
    def test_values_are_merged_in_the_order_of_partitions(self):
        pairs = self.sc.parallelize([(len(word), word) for word in WORDS], 3)
        merged = pairs.reduceByKey(lambda a, b: a + "+" + b).glom().collect()
        self.assertEqual([sorted(key for key, _ in part) for part in merged], [[3, 6], [4], [5]])
        self.assertEqual(dict(merged[0])[3], "the+fox+the+dog+and")
        self.assertEqual(dict(pairs.groupByKey().mapValues(list).collect())[6], ["follow"])
        self.assertEqual(dict(pairs.aggregateByKey([], lambda l, w: l + [w], operator.add).collect())[6], ["follow"])
        self.assertEqual(pairs.lookup(6), ["follow"])
        self.assertEqual(pairs.reduceByKey(operator.add, 2).lookup(6), ["follow"])

    def test_values_are_merged_on_disk_when_they_are_many(self):
        self.sc._conf["spark.python.worker.memory"] = "1m"
        pairs = self.sc.parallelize(range(30000), 2).map(lambda x: (x % 5000, x))
        self.assertEqual(sorted(pairs.reduceByKey(max).collect()), [(k, 25000 + k) for k in range(5000)])
        grouped = pairs.groupByKey().mapValues(sorted).collect()
        self.assertEqual(sorted(grouped), [(k, list(range(k, 30000, 5000))) for k in range(5000)])
        self.assertEqual(pairs.sortByKey().values().count(), 30000)

    def test_joins(self):
        left, right = self.sc.parallelize([(1, "a"), (2, "b")], 2), self.sc.parallelize([(2, "c"), (3, "d")], 1)
        self.assertEqual(left.join(right).collect(), [(2, ("b", "c"))])
        full = [(1, ("a", None)), (2, ("b", "c")), (3, (None, "d"))]
        self.assertEqual(sorted(left.fullOuterJoin(right).collect()), full)
        self.assertEqual(sorted(left.leftOuterJoin(right).collect()), full[:2])
        self.assertEqual(sorted(left.rightOuterJoin(right).collect()), full[1:])
        self.assertEqual(left.subtractByKey(right).collect(), [(1, "a")])

    def test_a_function_that_raises_stop_iteration_is_an_error(self):
        def stop(*_):
            raise StopIteration("enough")

        pairs = self.sc.parallelize([(1, 1), (1, 2)], 1)
        told = "Caught StopIteration thrown from user's code; failing the task: enough"
        for action in (pairs.mapValues, pairs.flatMapValues, pairs.keyBy, pairs.reduceByKey, pairs.reduceByKeyLocally):
            with self.assertRaisesRegex(RuntimeError, told):
                action(stop)


class SetsTest(Methods):
    def test_elements_stay_where_their_hash_puts_them(self):
        rest = self.numbers.subtract(self.sc.parallelize(range(3, 97), 2)).glom().collect()
        self.assertEqual(rest, [[0], [1, 97], [2, 98], [99], [], []])
        here, there = self.sc.parallelize([1, 10, 2, 3, 4, 5, 10], 2), self.sc.parallelize([1, 6, 2, 10, 3, 7, 8], 2)
        self.assertEqual(here.intersection(there).glom().collect(), [[], [1], [10, 2], [3]])
        self.assertEqual(sorted(self.sc.parallelize([1, 1, 2]).distinct().collect()), [1, 2])


class StatisticsTest(Methods):
    def test_histograms(self):
        uneven = self.sc.parallelize([1.5, 2, None, float("nan"), 9, 4, 4])
        self.assertEqual(uneven.histogram(3), ([1.5, 4.0, 6.5, 9], [2, 2, 1]))
        self.assertEqual(self.sc.parallelize([1, 2, 3, 50], 2).histogram([0, 2, 3, 100]), ([0, 2, 3, 100], [1, 1, 2]))
        self.assertEqual(self.sc.parallelize("ab ac b bd ef".split(), 2).histogram(["a", "b", "c"])[1], [2, 2])
        for buckets, told in [([2, 1], "buckets should be sorted"), (0, "number of buckets must be >= 1")]:
            with self.assertRaisesRegex(ValueError, told):
                uneven.histogram(buckets)

    def test_sums_and_moments(self):
        stats = self.sc.parallelize([1.0, 2.5, 4, 8], 3).stats()
        self.assertEqual((stats.count(), stats.mean(), stats.variance(), stats.max()), (4, 3.875, 6.796875, 8))
        total = self.sc.parallelize([1, 2, 3.5], 2).sumApprox(1000)
        self.assertEqual((total, total.low, total.high, total.confidence), (6.5, 6.5, 6.5, 1.0))
        self.assertEqual(self.sc.emptyRDD().sumApprox(1), 0.0)
        self.assertEqual((self.numbers.countApprox(1), self.numbers.sum()), (100, 4950))
        self.assertEqual(self.sc.parallelize(range(1, 41), 10).treeReduce(operator.add, 3), 820)
        self.assertEqual(self.sc.parallelize("aab", 2).countByValue(), {"a": 2, "b": 1})


    def test_small_and_large_numbers_of_different_elements_are_what_spark_says(self):
        def counted(values, deviation=0.05):
            return self.sc.parallelize(values, 3).countApproxDistinct(deviation)

        self.assertEqual([counted(range(n)) for n in (0, 1, 20, 100, 300, 5000)], [0, 1, 19, 99, 300, 5082])
        self.assertEqual([counted(range(n), 0.01) for n in (20, 1000, 10000)], [20, 1001, 9945])
        # Between them Spark says 1006 and 2111, by tables of what it measured.
        self.assertLess(abs(counted(range(1000)) - 1006), 10)
        self.assertLess(abs(counted(range(2000)) - 2111), 10)
        with self.assertRaisesRegex(ValueError, "relativeSD should be greater than 0.000017"):
            counted([], 0.00001)


class PipeTest(Methods):
    def test_lines_go_through_a_program(self):
        self.assertEqual(self.numbers.pipe("grep 9$", checkCode=True).count(), 10)
        self.assertEqual(self.sc.parallelize(["x"], 1).pipe("grep 4").collect(), [])
        with self.assertRaisesRegex(RuntimeError, "Pipe function `grep 4` exited with error code 1"):
            self.sc.parallelize(["x"], 1).pipe("grep 4", checkCode=True)


if __name__ == "__main__":
    unittest.main()
