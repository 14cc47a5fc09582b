//! Cerium's own keys.

keys! {
    "Cerium";

    /// What runs the program: `native`, Cerium's engine, or `spark`, the Spark in the program's own image.
    /// Default: native for Python and SQL, spark for Java, Scala and R.
    CERIUM_ENGINE: String = NAME, "spark.cerium.engine", none, "0.1.0", Submission;
}
