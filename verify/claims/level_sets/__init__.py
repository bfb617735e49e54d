"""Sublevel sets of the loss: whether they are connected, and where their walls and valleys are."""

READING_ORDER = (
    "principle",
    "linear",
    "quadratic",
    "quadratic_width",
    "quadratic_layers",
    "quadratic_stalls",
    "quadratic_signs",
    "relu",
    "two_sided",
    "grid",
    "merging",
    "gaps",
)
