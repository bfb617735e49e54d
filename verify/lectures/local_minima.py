r"""What the lectures say of local and global minima, saddles, convexity and the set of network functions.

Counts of local minima, points where descent is slow or stops, the manifold of global minimisers, and the set of
functions that a network computes: statements of the talk in Spanish, of the Oxford lecture and of the talk on Dinh et
al., with what tries them. Text is Markdown with LaTeX between dollars. A slide without a title goes by its opening
words.
"""

from typing import Final

from verify.sources import OPTIMALITY_TALK, Slide, Statement

ONE_NEURON: Final = Slide(OPTIMALITY_TALK, "Resultados: We show that for a single neuron")
RELU_TEACHER: Final = Slide(OPTIMALITY_TALK, "Resultados: We consider the optimization problem")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        ONE_NEURON,
        r"For a single logistic neuron under the square loss the number of local minima can grow exponentially in the "
        r"dimension.",
        ("minima.logistic-count",),
    ),
    Statement(
        RELU_TEACHER,
        r"ReLU networks of $6 \le k \le 20$ units that learn from one of their own size with orthonormal weights have "
        r"spurious local minima, in any dimension.",
        ("minima.relu-teacher",),
    ),
    Statement(
        RELU_TEACHER,
        r"Such minima are hit with a high probability, which grows with the size; a few more units make them rare.",
        ("minima.relu-teacher-hits",),
    ),
)
"""The statements, lecture by lecture, in the order of the slides."""
