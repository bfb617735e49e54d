"""Lazy training: why wide two-layer networks converge before their parameters have gone anywhere."""

from theory.lazy_training.descent import lazy_descent_steps, lazy_flow
from theory.lazy_training.gradient_bound import lazy_gradient, shifted_gradient_bound
from theory.lazy_training.mean_kernels import lazy_mean_kernels
from theory.lazy_training.minibatch_gradient import unbiased_minibatch_gradient
from theory.lazy_training.second_derivatives import lazy_second_derivatives

__all__ = [
    "lazy_descent_steps",
    "lazy_flow",
    "lazy_gradient",
    "lazy_mean_kernels",
    "lazy_second_derivatives",
    "shifted_gradient_bound",
    "unbiased_minibatch_gradient",
]
