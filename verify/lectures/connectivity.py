r"""What the Oxford lecture and the talk in Spanish say of paths between networks, of width and of slices of the loss.

Text is Markdown with LaTeX between dollars, in this project's words.
"""

from typing import Final

from verify.lectures.level_sets import PATHS
from verify.sources import OPTIMALITY_TALK, OXFORD_C65, Slide, Statement

SUMMARY: Final = Slide(OXFORD_C65, "Structure of the loss landscape dimensionality dependence")
FIGURE: Final = Slide(OPTIMALITY_TALK, "Figure 1.5: Two-dimensional projection of the loss landscape")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        SUMMARY,
        r"In some settings a level set has a single component, which greatly aids optimisation.",
        ("level-sets.linear-connected", "level-sets.quadratic", "connectivity.learnt-paths", "level-sets.strings"),
    ),
    Statement(
        FIGURE,
        r"Two-dimensional projections of the loss of a ReLU network with four layers zoom into its global minimum, and "
        r"show more than one minimum.",
        ("level-sets.slice-minima",),
        found="In most slices that show several minima none but the one chosen is a minimum of the loss.",
    ),
    Statement(
        PATHS,
        r"Networks of several layers have minima in different places at the same level of the energy.",
        ("connectivity.permutation-recovery",),
    ),
)
