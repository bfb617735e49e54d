"""The Hessian of trained networks: its axes, its bulk and outliers, its negative eigenvalues, and its rank."""
