//! Cerium's own keys.

keys! {
    "Cerium";

    /// What runs the program: `native`, Cerium's own engine, or `spark`, the Apache Spark inside the image of the
    /// application. Default: `spark` for programs of type Java, Scala and R, which need a JVM; `native` for SQL;
    /// for Python what the operator is set to, `native` unless it says otherwise.
    CERIUM_ENGINE: String = NAME, "spark.cerium.engine", "native", "0.1.0", Submission;
}
