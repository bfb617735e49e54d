"""Lazy training: why wide two-layer networks converge before their parameters have gone anywhere."""

READING_ORDER = ("gradient", "kernels", "second_derivatives", "descent", "training", "noise")
