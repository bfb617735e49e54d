"""How flat a minimum is: what measures it, what it does for a network, and what looks for it."""

READING_ORDER = (
    "quadratic_sharpness",
    "random_subspaces",
    "volume",
    "equivalents",
    "weight_normalisation",
    "robustness",
    "noise",
    "stability",
    "wells",
    "small_batch",
    "optimisers_on_quadratics",
    "local_entropy",
    "sharpness_aware",
    "confident_errors",
    "generalisation",
)
