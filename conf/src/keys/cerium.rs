//! Cerium's own keys.

keys! {
    "Cerium";

    /// What runs the program: `native`, Cerium's own engine, is the only one so far.
    CERIUM_ENGINE: String = NAME, "spark.cerium.engine", "native", "0.1.0", Submission;
}
