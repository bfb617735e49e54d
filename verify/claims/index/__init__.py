"""Index against energy: where negative eigenvalues appear, how many there are, and the energy of minima."""

READING_ORDER = (
    "critical_energy",
    "growth",
    "minima",
    "nonlinear_benefit",
    "linear_oracle",
    "dead_units",
    "tanh_points",
    "networks_and_model",
)
