package org.example;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/** Counts the numbers up to the first argument by their remainders: a broadcast, a map and a shuffle. */
public final class Count {
  private Count() {}

  public static void main(String[] args) {
    List<Integer> numbers = new ArrayList<>();
    for (int number = 1; number <= Integer.parseInt(args[0]); number++) {
      numbers.add(number);
    }
    try (JavaSparkContext context = new JavaSparkContext(new SparkConf())) {
      Broadcast<Integer> modulus = context.broadcast(7);
      var counts = context.parallelize(numbers, 8)
          .mapToPair(number -> new Tuple2<>(number % modulus.value(), 1))
          .reduceByKey(Integer::sum)
          .collectAsMap();
      new TreeMap<>(counts).forEach((rest, count) -> System.out.println("remainder " + rest + ": " + count));
    }
  }
}
