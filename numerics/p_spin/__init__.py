"""Spherical p-spin Hamiltonians, the spin glasses that networks are compared with, and their critical points."""
