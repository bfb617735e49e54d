"""Sublevel sets of the loss: whether they are connected, and where their walls and valleys are."""

READING_ORDER = ("principle", "linear", "quadratic", "relu", "two_sided", "grid", "merging", "gaps")
