"""The rules: how data become a comparison.

Each rule is a kind of :class:`verify.comparison.Comparison`. It refuses (ValueError, TypeError) only what was fixed
before the run: margins, rivals, windows, shapes. What is wrong with the data blocks the comparison instead, a
sentence that makes its finding UNDECIDED.
"""

from verify.rules.counts import Ordering, Proportion
from verify.rules.exact import Enclosure, Identity
from verify.rules.instances import Agrees, Bounds
from verify.rules.means import Equals
from verify.rules.medians import AtLeast, AtMost
from verify.rules.same_law import SameLaw
from verify.rules.scaling import Control, Exponent, Limit

__all__ = [
    "Agrees",
    "AtLeast",
    "AtMost",
    "Bounds",
    "Control",
    "Enclosure",
    "Equals",
    "Exponent",
    "Identity",
    "Limit",
    "Ordering",
    "Proportion",
    "SameLaw",
]
