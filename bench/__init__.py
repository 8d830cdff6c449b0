"""Side-by-side benchmarks: one module a claim, each beside its floor measured in the same run."""
