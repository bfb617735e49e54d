"""The plane of a path: its grid holds the ends, the bend and the curve itself, where the coordinates say."""

import pytest
import torch
from torch import Tensor

from numerics import BezierCurve, Mlp, Path, PolygonalChain, SquaredError, connect, path_plane


def _curve(method: BezierCurve | str) -> tuple[Path, Tensor, Tensor]:
    network = Mlp((2, 3, 1), "tanh", bias=True)
    theta = network.init(range(4))
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seeds = None if isinstance(method, str) else range(2)
    path = connect(network, theta[:2], theta[2:], x, x[:, :1] ** 2, SquaredError(), method=method, seeds=seeds)
    return path, theta[:2], theta[2:]


@pytest.mark.parametrize("method", [BezierCurve(steps=20), PolygonalChain(bends=1, steps=20)], ids=["curve", "chain"])
def test_corners_without_a_margin_are_the_ends_and_losses_lie_where_coordinates_say(method: BezierCurve) -> None:
    path, one, other = _curve(method)
    plane = path_plane(path, points=3, margin=0.0)
    for pair in range(2):
        u, v = plane.bend[pair]
        chord = other[pair] - one[pair]
        upward = (path.points[pair, 1] - one[pair] - u * chord) / v
        torch.testing.assert_close(upward @ chord, torch.zeros((), dtype=torch.float64), rtol=0, atol=1e-10)
        torch.testing.assert_close(upward.norm(), chord.norm())
        for row in range(3):
            for column in range(3):
                place = one[pair] + plane.along[pair, column] * chord + plane.across[pair, row] * upward
                loss = path.problem.values(place[None], torch.tensor([pair]))[0]
                torch.testing.assert_close(plane.losses[pair, row, column], loss)
    assert bool((plane.across[:, -1] == plane.bend[:, 1]).all())
    inside = ((plane.bend[:, 0] >= 0) & (plane.bend[:, 0] <= 1)).nonzero()[:, 0]
    for pair in inside.tolist():
        torch.testing.assert_close(plane.losses[pair, 0, [0, 2]], path.ends[pair])


def test_what_spans_no_plane_is_refused(unchecked: None) -> None:
    line, _, _ = _curve("line")
    with pytest.raises(TypeError, match="path must be a Path, got int"):
        path_plane(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"path must have one inner point, got \[0, 0\] of them"):
        path_plane(line)
    path, _, _ = _curve(BezierCurve(steps=1))
    with pytest.raises(ValueError, match="points must be at least 2, got 1"):
        path_plane(path, points=1)
    with pytest.raises(ValueError, match="margin must be a finite number >= 0, got -1"):
        path_plane(path, margin=-1.0)
    straight = Path(
        path.problem,
        torch.lerp(
            path.points[:, :1], path.points[:, -1:], torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)[:, None]
        ),
        None,
        "bezier",
    )
    with pytest.raises(ValueError, match="path must bend away from the line through its ends"):
        path_plane(straight)
