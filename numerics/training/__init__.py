"""Training ensembles: Levenberg-Marquardt to a true critical point, gradient descent and Adam along a trajectory."""
