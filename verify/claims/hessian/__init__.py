"""The Hessian of trained networks: its bulk and outliers, its negative eigenvalues, its rank, and its principal axes."""
