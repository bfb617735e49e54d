r"""What the talks say about spin glasses, in this project's words, and what tries it.

The Spanish talk sketches how the Hamiltonian of a spin glass ties the index of a critical point to its energy, and says
that the loss of a network can be taken for one; the talk on Dinh et al. names the paper among those it does not cover.
Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.sources import DINH_TALK, OPTIMALITY_TALK, Slide, Slip, Statement, Untried

SPIN_GLASS: Final = Slide(OPTIMALITY_TALK, "Interpretación del vidrio de espín")
SKETCH: Final = Slide(OPTIMALITY_TALK, "Figure 5.1: Sketch of the distribution of critical points")
NETWORKS: Final = Slide(OPTIMALITY_TALK, "¿Cómo se relaciona lo anterior con la función de pérdida?")
NOT_COVERED: Final = Slide(DINH_TALK, "Not covered in this presentation")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        SPIN_GLASS,
        r"The Hamiltonian of a system is its total energy, potential plus kinetic.",
        Slip(
            "the Hamiltonian is introduced as potential plus kinetic energy",
            "nothing moves in the model that is meant: its Hamiltonian is an energy of the configuration alone, a "
            "homogeneous polynomial of the spins on a sphere",
        ),
    ),
    Statement(
        SPIN_GLASS,
        r"A spin glass is a magnetic system with random spins.",
        Slip(
            "the randomness is put into the spins",
            "the couplings between the spins are drawn at random and then stay as they are; the spins are the "
            "variables, in which critical points are looked for",
        ),
    ),
    Statement(
        SPIN_GLASS,
        r"A figure contrasts the random spins of a spin glass with the ordered ones of a ferromagnet.",
        Untried("a schematic picture of magnets, no statement on landscapes"),
    ),
    Statement(
        SPIN_GLASS,
        r"The Hessian of the Hamiltonian at a critical point has a property that relates the instability of the point "
        r"to how far its energy lies above that of the global minimum.",
        ("spin-glass.index-energy", "spin-glass.thresholds"),
    ),
    Statement(
        SPIN_GLASS,
        r"A local minimum that a descent meets is likely to be close to the global minimum in value.",
        ("spin-glass.descent-reaches-the-threshold", "spin-glass.minima-band"),
        found="The mean energy of minima found by descent comes nearer to the band of minima as the size grows, and "
        "still lies above it at the largest size tried.",
    ),
    Statement(
        SKETCH,
        r"A sketch: stable critical points lie low, unstable ones high.",
        ("spin-glass.complexity", "spin-glass.mean-number", "spin-glass.index-energy"),
    ),
    Statement(
        NETWORKS,
        r"Under some simplifications the loss of a network with random inputs (random parameters) was proved to be the "
        r"Hamiltonian of a spin glass; some of these assumptions do not always hold in practice.",
        (
            "spin-glass.paths-are-independent",
            "spin-glass.paths-are-independent-of-inputs",
            "spin-glass.weights-are-redundant",
            "spin-glass.weights-are-uniform",
            "spin-glass.weights-on-a-sphere",
        ),
    ),
    Statement(
        NETWORKS,
        r"The properties of the critical points are nevertheless usually found in practice.",
        ("index.grows-with-energy", "index.model-is-qualitative", "index.three-halves-on-networks"),
        found="That higher critical points have more negative eigenvalues is found; the numbers of the model are "
        "not, and its power 3/2 cannot be told in the window at hand.",
    ),
    Statement(
        NETWORKS,
        r"The inputs of the network are random, that is, its parameters are.",
        Slip(
            "random inputs are glossed as random parameters",
            "the random couplings of the Hamiltonian stand for the inputs; the parameters are the spins, its variables",
        ),
    ),
    Statement(
        NOT_COVERED,
        r"Choromanska and others on the loss surface of multilayer networks is among the papers not covered.",
        (
            "spin-glass.paths-are-independent",
            "spin-glass.weights-are-redundant",
            "spin-glass.weights-on-a-sphere",
        ),
    ),
)
"""The statements of the talk in Spanish, in the order of the slides, and the one of the talk on Dinh et al."""
