"""Index against energy: where negative eigenvalues appear, how many there are, and the energy of minima."""
