"""Volumes, sharper equivalents and weight normalisation: what the workers measure against planted answers."""

import numpy as np
import pytest
import torch

import numerics
from verify.claims.flatness import equivalents, volume, weight_normalisation
from verify.claims.rescaling.networks import taught


def test_corners_are_those_of_the_image_of_the_box() -> None:
    theta = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    lower, upper = volume.corners(theta, (2, 1), 0.5, torch.tensor([1.0, 4.0], dtype=torch.float64))
    assert lower.tolist() == [[0.5, -2.5, 2.5], [2.0, -10.0, 0.625]]
    assert upper.tolist() == [[1.5, -1.5, 3.5], [6.0, -6.0, 0.875]]
    assert ((upper - lower).prod(1) / (upper - lower)[0].prod()).tolist() == [1.0, 4.0]


def test_boxes_that_are_not_moved_have_the_shapes_and_the_first_centre() -> None:
    theta = torch.tensor([1.0, 3.0], dtype=torch.float64)
    factors = torch.tensor([1.0, 4.0], dtype=torch.float64)
    lower, upper = volume.corners(theta, (1, 1), 0.5, factors, moved=False)
    assert ((lower + upper) / 2).tolist() == [[1.0, 3.0], [1.0, 3.0]]
    moved = volume.corners(theta, (1, 1), 0.5, factors)
    torch.testing.assert_close(upper - lower, moved[1] - moved[0])


@pytest.mark.parametrize(("factor", "pairs"), [(22 / 9, 0), (1.0, 10), (1.05, 4)])
def test_boxes_meet_as_their_factor_says(factor: float, pairs: int) -> None:
    theta = torch.tensor([1.0, 2.3], dtype=torch.float64)
    powers = torch.arange(5, dtype=torch.float64)
    assert volume.meeting_pairs(*volume.corners(theta, (1, 1), 0.1, factor**powers)) == pairs


def test_where_layer_2_has_more_weights_images_shrink_as_the_factor_grows() -> None:
    found = volume.boxes_with_growing_factors(3, 2, "cpu")
    first, second = volume.block_sizes(volume.FEWER)
    np.testing.assert_allclose(found["volumes"][:, 3], (first - second) * 3 * np.log(2), atol=1e-9)


def test_the_printed_factor_is_one_where_layers_are_rescaled_so_and_the_right_one_parts_all_boxes() -> None:
    found = volume.boxes_as_printed(3, 4, "cpu")
    np.testing.assert_allclose(found["factor"], 1, rtol=1e-12)
    assert found["pairs"].tolist() == [10] * 4
    assert found["right"].tolist() == [0] * 4


def test_images_go_in_the_direction_in_which_volumes_grow() -> None:
    for widths, larger in ((volume.MORE, True), (volume.FEWER, False)):
        found = volume.boxes_around_minima(3, 1, widths, "cpu")
        assert (found["step"] > 1).all() == larger
        assert (np.diff(found["volumes"], axis=1) > 0).all()
        assert found["above"].sum() == 0
        assert found["above unmoved"].sum() > 0


def test_the_zero_network_lies_on_the_sphere_and_its_loss_is_that_of_zero_output() -> None:
    found = equivalents.zero_network_in_the_ball(5, 2, "cpu")
    np.testing.assert_allclose(found["distance"], equivalents.RADIUS, rtol=1e-12)
    np.testing.assert_allclose(found["silent"], found["zero"], rtol=1e-12)
    assert (found["before"] < 0.1 * found["bound"]).all()
    assert (found["after"] > equivalents.FOUND * found["bound"]).all()


def test_normalised_weights_are_scales_times_unit_vectors() -> None:
    row = torch.arange(1.0, 37.0, dtype=torch.float64)
    weights = weight_normalisation.weights_of(row)
    torch.testing.assert_close(weights[:20].reshape(4, 5).norm(dim=1), row[32:])
    torch.testing.assert_close(weights[20:], row[20:32])


def test_eigenvalues_under_weight_normalisation_are_those_of_the_transformed_hessian() -> None:
    found = weight_normalisation.normalised_minima(9, 1, "cpu")
    network, theta, x, y, _ = taught(9, 1, weight_normalisation.WIDTHS, "relu", weight_normalisation.SAMPLES, "cpu")
    scales = theta[0, :20].reshape(4, 5).norm(dim=1)

    def risen(parameters: torch.Tensor) -> torch.Tensor:
        outputs = network.forward(weight_normalisation.weights_of(parameters)[None], x)
        return numerics.SquaredError(prefactor=0.5).value(outputs, y)[0]

    hessian = torch.func.jacrev(torch.func.jacrev(risen))(torch.cat([theta[0], scales]))
    for place, alpha in enumerate(weight_normalisation.ALPHAS):
        d = torch.cat([torch.full((20,), 1 / alpha), torch.ones(16)]).double()
        expected = torch.linalg.eigvalsh(d[:, None] * hessian * d)[-1]
        np.testing.assert_allclose(found["largest"][0, place], float(expected), rtol=1e-9)
    np.testing.assert_allclose(found["rest"][0], float(torch.linalg.eigvalsh(hessian[20:, 20:])[-1]), rtol=1e-9)
    assert np.abs(found["negative"] - found["turned"]).max() < 1e-12
