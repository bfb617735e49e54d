"""Claims on rescalings of layers and units: what they leave as it is, and what they change."""

READING_ORDER = ("curvature", "eigenvalues", "function", "minima", "symmetries")
