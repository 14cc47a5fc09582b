package org.example;

import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/** Ends with the exit code of the first argument, after Spark has started. */
public final class Fail {
  private Fail() {}

  public static void main(String[] args) {
    try (JavaSparkContext context = new JavaSparkContext(new SparkConf())) {
      System.out.println("running on Spark " + context.version());
    }
    System.exit(Integer.parseInt(args[0]));
  }
}
