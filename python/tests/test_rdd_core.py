"""How RDDs are cut, shuffled and written down; expected values are those of Spark 4.1.1 or of its documentation."""

import collections
import gc
import importlib
import os
import pathlib
import pickle
import sys
import unittest
from unittest import mock

ADD_ON = str(pathlib.Path(__file__).resolve().parent.parent)
if ADD_ON not in sys.path:
    sys.path.insert(0, ADD_ON)
os.environ.setdefault("PYTHONHASHSEED", "0")

import numpy
import pyspark

from cerium_rdd import batches, binary, broadcast, inputs, install, java, plan, sides, slices, worker
from cerium_rdd.partitioner import Partitioner, portable_hash
from cerium_rdd.steps import basic, placing


class Unpicklable:
    def __reduce__(self):
        raise TypeError("cannot pickle this")


class CutTest(unittest.TestCase):
    def lengths(self, count, parts):
        cut = slices.PickledSlices.of(list(range(count)), parts, 1024)
        return [len(list(cut.read(part))) for part in range(parts)]

    def test_lists_are_cut_where_spark_cuts_them(self):
        self.assertEqual(self.lengths(11, 4), [2, 4, 2, 3])
        self.assertEqual(self.lengths(10, 3), [3, 3, 4])
        self.assertEqual(self.lengths(7, 3), [2, 2, 3])

    def test_ranges_are_cut_by_arithmetic(self):
        cut = slices.RangeSlices(range(0, 6, 2), 5)
        self.assertEqual([list(cut.read(part)) for part in range(5)], [[], [0], [], [2], [4]])

    def test_large_data_are_read_from_places_of_a_file(self):
        cut = slices.PickledSlices.of(list(range(100)), 3, 1024)
        with mock.patch("builtins.open", mock.mock_open()) as opened:
            stored = slices.StoredSlices.of(cut, lambda content: mock.Mock(_path="x", content=content))
            content = stored.broadcast.content
            handle = opened.return_value
            handle.seek.side_effect = lambda start: setattr(handle, "start", start)
            handle.read.side_effect = lambda length: content[handle.start : handle.start + length]
            self.assertEqual(list(stored.read(1)), list(cut.read(1)))

    def test_products_and_zips_read_partitions_of_both(self):
        left, right = (slices.PickledSlices.of(list(text), 2, 1024) for text in ("123", "abc"))
        product = slices.Product(left, right, 2)
        expected = [["1a"], ["1b", "1c"], ["2a", "3a"], ["2b", "2c", "3b", "3c"]]
        self.assertEqual([["".join(pair) for pair in product.read(part)] for part in range(4)], expected)
        zipped = slices.Zipped(left, right)
        self.assertEqual(list(zipped.read(1)), [("2", "b"), ("3", "c")])
        with self.assertRaisesRegex(ValueError, "same number of elements in each partition"):
            list(slices.Zipped(left, slices.PickledSlices.of(list("abcdef"), 2, 1024)).read(0))


class ShuffleTest(unittest.TestCase):
    def test_keys_are_hashed_as_pyspark_does(self):
        self.assertEqual(portable_hash(None), 0)
        self.assertEqual(portable_hash((None, 1)) & 0xFFFFFFFF, 219750521)
        with mock.patch.dict(os.environ, clear=True), self.assertRaisesRegex(Exception, "PYTHONHASHSEED"):
            portable_hash("a")

    def test_repartitioning_begins_where_spark_begins(self):
        self.assertEqual([java.start(split, 4) for split in range(3)], [0, 0, 3])
        self.assertEqual([java.start(split, 2) for split in range(4)], [0, 0, 1, 1])
        dealt = list(placing.Evenly(4)(0, range(33)))
        self.assertEqual([place for place, _ in dealt], [1] * 10 + [2] * 10 + [3] * 10 + [0] * 3)

    def keyed(self, pairs, partitions=4, split=0):
        return list(worker.WriteKeyed(partitions)(split, iter(pairs)))

    def test_rows_are_read_in_the_order_of_their_tasks(self):
        first = self.keyed([(0, 1), (0, 2)], split=0)
        second = self.keyed([(0, 3)], split=1)
        with mock.patch.object(worker, "current_partition", return_value=0):
            _, elements = worker.ReadShuffled()(iter(second + first))
            self.assertEqual(list(elements), [1, 2, 3])
            # Beyond the memory they may use, rows are read as they come.
            reader = worker.ReadShuffled()
            reader.MEMORY = 0
            self.assertEqual(list(reader(iter(second + first))[1]), [3, 1, 2])

    def test_partitions_that_are_none_are_refused(self):
        for wrong in (1.5, "a", None, 4, -1):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "an integer from 0 to 3"):
                self.keyed([(wrong, "x")])
        by_key = placing.ByKey(Partitioner(4, lambda key: -7))
        self.assertEqual(list(by_key(0, [("k", "v")])), [(1, ("k", "v"))])
        # Spark packs what numpy gives as it packs Python's own.
        record, = self.keyed([(numpy.int64(3), "x")])
        self.assertEqual(record.column("p").to_pylist(), [3])

    def test_both_sides_come_to_each_partition_of_a_product(self):
        rows = [place for place, _ in sides.Row(3)(1, ["part"])]
        columns = [place for place, _ in sides.Column(2, 3)(1, ["part"])]
        self.assertEqual((rows, columns), ([3, 4, 5], [1, 4]))


class BatchTest(unittest.TestCase):
    def test_elements_keep_their_order_in_growing_lists(self):
        blobs = list(batches.encode(iter(range(200000))))
        self.assertEqual([n for blob in blobs for n in pickle.loads(blob)], list(range(200000)))
        self.assertLess(len(blobs), 20)

    def test_large_elements_travel_alone(self):
        blobs = list(batches.encode(b"x" * (1 << 20) for _ in range(3)))
        self.assertEqual(len(blobs), 3)

    def test_more_than_spark_sends_is_refused_as_spark_does(self):
        with mock.patch.object(batches, "_LIMIT", 100):
            with self.assertRaisesRegex(ValueError, "can not serialize object larger than 2G"):
                batches.dumps([b"x" * 200])

    def test_classes_of_functions_travel(self):
        class Local:
            value = 1

        loaded = pickle.loads(batches.dumps([Local()]))
        self.assertEqual(loaded[0].value, 1)


class BroadcastTest(unittest.TestCase):
    def test_equal_values_end_one_by_one(self):
        sent = {}
        context = mock.Mock(_temp_dir=None, _let_go=collections.deque())
        context._session.client.cache_artifact = lambda content: sent.setdefault(content, len(sent))
        first, second = (broadcast.Broadcast(context, [1, 2]) for _ in range(2))
        self.assertNotEqual(first._hash, second._hash)
        # What an executor gets can be read all the same.
        self.assertEqual([pickle.loads(content) for content in sent], [[1, 2], [1, 2]])
        for made in (first, second):
            made.destroy()
        self.assertEqual(context._control.call_count, 2)

    def test_one_that_nothing_refers_to_is_let_go_unless_it_is_to_stay(self):
        context = mock.Mock(_temp_dir=None, _let_go=collections.deque())
        context._session.client.cache_artifact = lambda content: content.hex()
        value = broadcast.Broadcast(context, [1])
        with broadcast.collecting() as used:
            pickle.dumps(value)
        content, path = value._hash, value._path
        del value
        gc.collect()
        self.assertEqual(list(context._let_go), [])
        del used
        gc.collect()
        self.assertEqual((list(context._let_go), os.path.exists(path)), ([content], False))
        broadcast.Broadcast(context, [2]).keep()
        gc.collect()
        self.assertEqual(list(context._let_go), [content])


class StepTest(unittest.TestCase):
    def test_a_stop_iteration_of_a_function_is_an_error(self):
        def stop(*_):
            raise StopIteration

        steps = [basic.Each(stop), basic.Flat(stop), basic.Where(stop), basic.ForEach(stop)]
        steps += [basic.Partitions(basic.Reduced(stop)), basic.Partitions(basic.Folded(0, stop))]
        for step in steps:
            with self.subTest(type(step)), self.assertRaisesRegex(RuntimeError, "StopIteration thrown from user's code"):
                list(step(0, iter([1, 2])))

    def test_rows_that_nobody_asks_for_are_read_all_the_same(self):
        records = iter([batches.record(batches.dumps([1, 2])), batches.record(batches.dumps([3]))])
        run = worker.Run(worker.ReadBatches(), (basic.Partitions(basic.Head(1)),), worker.WriteBatches())
        with mock.patch.object(worker, "current_partition", return_value=0):
            written = [pickle.loads(record.column(0)[0].as_py()) for record in run(records)]
        self.assertEqual((written, list(records)), ([[1]], []))


class PlanTest(unittest.TestCase):
    def test_many_relations_are_joined_in_their_order_and_not_deeply(self):
        def depth(joined):
            return 0 if isinstance(joined, str) else 1 + max(map(depth, joined))

        for count, levels in [(1, 0), (2, 1), (5, 3), (600, 10)]:
            joined = plan.balanced(lambda left, right: (left, right), [str(i) for i in range(count)])
            self.assertEqual(depth(joined), levels)
        self.assertEqual(plan.balanced(lambda left, right: left + right, list("abcde")), "abcde")

    def test_rows_go_to_the_partition_that_a_column_names(self):
        relation = plan.Shuffle(plan.Numbers(2), 3).plan(None)
        expression = relation.repartition_by_expression.partition_exprs[0]
        # Field 22 of an expression, with the column in field 1.
        column = b"\x0a\x05\x12\x03\x0a\x01p"
        self.assertEqual(expression.SerializeToString(), b"\xb2\x01" + bytes([len(column)]) + column)

    def test_functions_are_pickled_once(self):
        pickled = []
        relation = plan.Map.to_batches(plan.Numbers(1), "f", _Counted(pickled), _context())
        first, second = relation.plan(None), relation.plan(None)
        self.assertEqual((first, len(pickled)), (second, 1))

    def test_what_cannot_be_pickled_is_told_as_pyspark_does(self):
        relation = plan.Map.to_batches(plan.Numbers(1), "f", Unpicklable(), _context())
        with self.assertRaisesRegex(pickle.PicklingError, "Could not serialize object: TypeError"):
            relation.plan(None)


    def test_properties_are_those_of_the_moment_a_function_runs(self):
        context = _context()
        relation = plan.Map.to_batches(plan.Numbers(1), "f", str, context)
        for properties in ({"c": "red"}, {}):
            context._task_properties = lambda: properties
            command = relation.plan(None).map_partitions.func.python_udf.command
            self.assertEqual(pickle.loads(command)[0].properties, properties)

    def test_what_is_let_go_before_it_was_kept_is_not_kept(self):
        kept = plan.Kept(plan.Numbers(2), None, None)
        kept.release(None, False)
        self.assertEqual(kept.plan(None).WhichOneof("rel_type"), "range")


def _context():
    return mock.Mock(_task_properties=dict)


class _Counted:
    def __init__(self, pickled):
        self.pickled = pickled

    def __reduce__(self):
        self.pickled.append(self)
        return str, ()


class PathTest(unittest.TestCase):
    def test_a_comma_within_braces_divides_no_paths(self):
        self.assertEqual(inputs._paths("/d/{a,b}.txt, /e,"), ["/d/{a,b}.txt", "/e"])

    def test_braces_stand_for_each_of_their_parts(self):
        self.assertEqual(binary.alternatives("/{a,b{c,d}}.x"), ["/a.x", "/bc.x", "/bd.x"])
        self.assertEqual(binary.alternatives("/d/a?.x"), ["/d/a?.x"])

    def test_marks_of_urls_are_part_of_paths(self):
        for path, within in [
            ("/d/part-?.bin", "/d/part-?.bin"),
            ("d/a#1", "d/a#1"),
            ("file:/d/a#1", "/d/a#1"),
            ("file:///d/a?", "/d/a?"),
        ]:
            system, found = binary.system_of(path, None)
            self.assertEqual((type(system), found), (binary.Local, within))
        system, found = binary.system_of("s3a://bucket/a#1", lambda key: None)
        self.assertEqual((system.scheme, found), ("s3a", "bucket/a#1"))


class InstallTest(unittest.TestCase):
    def test_every_name_is_there(self):
        install.into(pyspark)
        for name in install._MODULES:
            module = importlib.import_module(name)
            for member in [*install._MODULES[name], *install._OWN.get(name, ())]:
                self.assertTrue(hasattr(module, member), f"{name}.{member}")
        from pyspark import RDD, SparkContext

        self.assertEqual((RDD.__module__, SparkContext.__module__), ("pyspark.rdd", "pyspark.context"))


if __name__ == "__main__":
    unittest.main()
