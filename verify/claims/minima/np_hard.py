"""How hard it is to fit three threshold units: as hard as splitting sets."""

from collections.abc import Iterator

import theory
from verify import Comparison, Enclosure, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BLUM_RIVEST_1992
from verify.lectures.local_minima import FUNCTION_SET


@claim(
    "minima.np-hard",
    title="Three threshold units fit certain examples if and only if a family of sets can be split",
    source=Source(BLUM_RIVEST_1992, "the reduction from set splitting", FUNCTION_SET),
    assumptions=(
        "the network has two threshold units on the inputs and a third one on their outputs; what is to be decided is "
        "whether weights exist that fit all examples",
        "that splitting sets is NP-complete is taken from the literature; the equivalence is decided for families on "
        "up to four elements (three in a quick run) in which no set contains another one",
    ),
    expects={Verdict.CERTIFIED},
)
def np_hard(bench: Workbench) -> Iterator[Comparison]:
    r"""A family of subsets of $n$ elements is split by a colouring of the elements in two colours if no set has one
    colour only. Make examples with $n + 3$ bits of it: positive are 0, the sets, and 101 and 011 in the last three
    bits; negative are the single elements, and 100, 010, 001 and 111 in the last three bits. Three threshold units can
    fit these examples if and only if the family can be split. So a program that told in polynomial time whether the
    global minimum of the number of errors is zero could split sets in polynomial time too.

    Whether a half-space divides two sets of points is a linear programme, solved here in rational numbers for every way
    to divide the examples between the two units.
    """
    sizes = range(1, bench.size(quick=3, standard=4, full=4) + 1)
    families = {n: list(theory.set_families(n)) for n in sizes}
    networks = {n: [theory.three_node_network(n, family) for family in families[n]] for n in sizes}
    split = {n: [theory.splitting_colour(n, family) is not None for family in families[n]] for n in sizes}
    words = f"1 to {max(sizes)} elements"
    yield Enclosure(
        f"families that can be split and whose examples cannot be fitted, or the other way round, on {words}",
        values=[
            sum((network is not None) != known for network, known in zip(networks[n], split[n], strict=True))
            for n in sizes
        ],
        predicted=0,
        digits=1,
        rival=Rival("those that cannot be split, if three units fit them all", [split[n].count(False) for n in sizes]),
    )
    yield Enclosure(
        f"families whose examples can be fitted by a union of half-spaces, on {words}",
        values=[sum(network is not None and network.output == "or" for network in networks[n]) for n in sizes],
        predicted=0,
        digits=1,
        rival=Rival("all that can be fitted: the last three bits do nothing", [split[n].count(True) for n in sizes]),
    )
