"""What the Edinburgh lecture says of networks with more parameters than data points, and what tries it.

Text is Markdown with LaTeX between dollars, in this project's words.
"""

from typing import Final

from verify.sources import EDINBURGH_MLT, Slide, Statement

OVERPARAMETERISED: Final = Slide(EDINBURGH_MLT, "Overparameterised neural networks")
DOUBLE_DESCENT: Final = Slide(EDINBURGH_MLT, "Double descent")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        OVERPARAMETERISED,
        r"By classical statistics the need for data grows with the number of parameters: many more parameters than "
        r"data points should overfit and do badly on new data.",
        ("generalisation.double-descent",),
    ),
    Statement(
        DOUBLE_DESCENT,
        r"With far more parameters than data points the test error is small again.",
        ("generalisation.double-descent",),
    ),
    Statement(
        DOUBLE_DESCENT,
        r"Of the many models with a small training loss, SGD finds ones with a small test loss.",
        ("generalisation.implicit-bias",),
    ),
)
