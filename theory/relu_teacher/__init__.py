"""ReLU units that learn from ReLU units: the population loss in closed form, and proofs of its spurious minima."""

from theory.relu_teacher.continuation import ContinuedMinimum, continue_spurious_minimum
from theory.relu_teacher.gaussian_integrals import arc_cosine_kernel
from theory.relu_teacher.local_minimum import TeacherMinimum, certify_teacher_minimum
from theory.relu_teacher.population_loss import relu_teacher_gradient, relu_teacher_hessian, relu_teacher_loss
from theory.relu_teacher.spurious_minimum import SpuriousMinimum, certify_spurious_minimum

__all__ = [
    "ContinuedMinimum",
    "SpuriousMinimum",
    "TeacherMinimum",
    "arc_cosine_kernel",
    "certify_spurious_minimum",
    "certify_teacher_minimum",
    "continue_spurious_minimum",
    "relu_teacher_gradient",
    "relu_teacher_hessian",
    "relu_teacher_loss",
]
