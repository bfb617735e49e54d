"""Lazy training: why wide two-layer networks converge before their parameters have gone anywhere."""

READING_ORDER = (
    "gradient",
    "kernels",
    "invertibility",
    "least_eigenvalue",
    "second_derivatives",
    "descent",
    "training",
    "noise",
)
