"""Claims on paths between networks: how high the loss rises on them, and what the order of units has to do with it."""

READING_ORDER = ("learnt_paths", "permutation", "width")
