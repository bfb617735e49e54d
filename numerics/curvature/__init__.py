"""Curvature of the loss: dense assembly and inertia."""
