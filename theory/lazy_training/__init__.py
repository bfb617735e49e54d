"""Lazy training: why wide two-layer networks converge before their parameters have gone anywhere."""

from theory.lazy_training.convergence import lazy_convergence
from theory.lazy_training.descent import lazy_descent_steps, lazy_flow
from theory.lazy_training.gradient_bound import lazy_gradient, shifted_gradient_bound
from theory.lazy_training.kernel_rank import invertible_kernel, relu_kernel_failure
from theory.lazy_training.mean_kernels import lazy_mean_kernels
from theory.lazy_training.minibatch_convergence import minibatch_convergence
from theory.lazy_training.minibatch_floor import minibatch_floor
from theory.lazy_training.minibatch_gradient import unbiased_minibatch_gradient
from theory.lazy_training.positive_kernels import arc_cosine_series, opposite_inputs
from theory.lazy_training.second_derivatives import lazy_second_derivatives
from theory.lazy_training.start_variance import linearised_features, relu_kernel_at_variance

__all__ = [
    "arc_cosine_series",
    "invertible_kernel",
    "lazy_convergence",
    "lazy_descent_steps",
    "lazy_flow",
    "lazy_gradient",
    "lazy_mean_kernels",
    "lazy_second_derivatives",
    "linearised_features",
    "minibatch_convergence",
    "minibatch_floor",
    "opposite_inputs",
    "relu_kernel_at_variance",
    "relu_kernel_failure",
    "shifted_gradient_bound",
    "unbiased_minibatch_gradient",
]
