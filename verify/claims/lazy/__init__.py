"""Lazy training: why wide two-layer networks converge before their parameters have gone anywhere."""

READING_ORDER = ("gradient", "second_derivatives", "descent")
