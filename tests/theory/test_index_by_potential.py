"""The index from one value of the Stieltjes transform, against the laws' own index and against integrals."""

import cmath

import numpy as np
import pytest

from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import linear_hessian, point_mass, relu_hessian, semicircle, wishart_wigner_hessian
from theory.index_by_potential import index_formula

LAWS = {
    "Wishart + Wigner": wishart_wigner_hessian().at(phi="1/2", epsilon="1/10"),
    "linear": linear_hessian().at(phi="1/2", epsilon="1/5"),
    "ReLU": relu_hessian().at(phi="3/2", epsilon="1/3"),
    "semicircle about 1": point_mass(1) + semicircle("1/2"),
}


def _by_formula(law: SpectralLaw) -> float:
    """1 + Im[log G + Phi(G)]/pi at G = G(0 + i0)."""
    place = complex(law.stieltjes(0))
    primitive = float(law.drift) * place + float(law.variance) * place**2 / 2
    primitive -= sum(float(rate) * cmath.log(1 - float(size) * place) for rate, size in law.jumps)
    return float(index_formula().at(I=(cmath.log(place) + primitive).imag))


def test_the_formula_is_proved_exactly() -> None:
    assert index_formula().passed
    assert index_formula().evidence == "exact"


@pytest.mark.parametrize("name", LAWS)
def test_the_formula_gives_the_index_and_the_integral_of_the_density(name: str) -> None:
    law = LAWS[name]
    assert _by_formula(law) == pytest.approx(law.index(), rel=1e-11)
    left = float(law.support()[0][0])
    angles, weights = np.polynomial.legendre.leggauss(400)
    places = left * (1 - ((angles + 1) / 2) ** 2)  # from the left edge to 0, where the density is smooth in the root
    slopes = -left * (angles + 1) / 2
    assert float((weights * slopes * law.density(places)).sum()) == pytest.approx(_by_formula(law), rel=1e-6)
