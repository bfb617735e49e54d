"""Kernels of Hessians at minima: what is found, and what a wrong sign does."""

import numpy as np

import numerics
from verify import Agrees, Rival, Verdict
from verify.claims.rescaling import minima, networks


def test_each_hidden_unit_has_a_zero_eigenvalue_and_each_orbit_a_direction_that_the_hessian_kills() -> None:
    found = minima.kernels(3, 3, "5 4 3", "relu", 80, "cpu")
    assert found["clear"].all()
    assert found["zeros"].tolist() == [4.0] * 3
    assert found["along"].max() < 1e-10
    assert found["across"].min() > 1e-3


def test_three_layers_have_two_orbits() -> None:
    found = minima.kernels(3, 2, "4 3 3 2", "leaky_relu", 80, "cpu")
    assert found["along"].shape == (2, 2)
    assert found["along"].max() < 1e-6


def test_directions_without_the_minus_are_told_apart() -> None:
    found = minima.kernels(3, 3, "5 4 3", "relu", 80, "cpu")
    finding = Agrees(
        "kernel",
        measured=found["across"],
        predicted=0,
        tolerance=1e-6,
        reason="training",
        rival=Rival("other", found["across"] + 1),
    ).decide()
    assert finding.verdict is Verdict.REFUTED


def test_spectra_along_the_orbit_have_the_zeros_that_they_had() -> None:
    found = networks.along_the_orbit(3, 2, "5 4 3", "relu", 80, "-0.5 0 0.5", "cpu")
    zeros = (np.abs(found["spectra"]) < 1e-9 * found["spectra"][:, :, -1:]).sum(axis=2)
    assert (zeros == 4).all()
    np.testing.assert_allclose(found["trace"], found["spectra"].sum(axis=2), rtol=1e-10)
    assert numerics.Mlp((5, 4, 3)).parameters == found["spectra"].shape[2]
