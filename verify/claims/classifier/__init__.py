"""Classifiers: softmax and cross-entropy, units with and without slopes, and what half-spaces can tell apart."""

READING_ORDER = (
    "outputs",
    "slopes",
    "kinks",
    "half_spaces",
    "regions",
    "sample_risk",
)
