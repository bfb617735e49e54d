"""Claims on the sets of parameters below a level: whether they are connected, and where walls and valleys are."""

READING_ORDER = ("principle", "linear", "quadratic", "relu")
