"""The Hessian of trained networks: its axes, its bulk and outliers, its negative eigenvalues, and its rank."""

READING_ORDER = ("principal_curvatures", "bulk", "clusters", "width", "batch_size", "negative", "interpolation")
"""As in the talk: what eigenvalues are, what those of trained networks look like, and why."""
