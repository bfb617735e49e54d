"""Other ways to the regions of a ReLU network, for ``activation_regions.py``; started by that script.

regioncam keeps the cells of a plane as a mesh in Rust, in float32. relucent goes from region to region through linear
programs, in any dimension. Both take one network at a time.
"""

import importlib.util
import sys
from itertools import pairwise
from typing import Any

import numpy as np
from table import serve

_KNOWN: dict[str, Any] = {}


def installed(name: str) -> bool:
    """Say whether a package can be imported."""
    return importlib.util.find_spec(name) is not None


def networks(layers: list[list[list[Any]]]) -> None:
    """Take networks, untimed: of each, for every layer, its weight and its bias."""
    _KNOWN["layers"] = [[(np.array(weight), np.array(bias)) for weight, bias in one] for one in layers]


def regioncam_polygon(size: float) -> list[int]:
    """The regions in a square around the origin."""
    from regioncam import Regioncam

    counts = []
    for layers in _KNOWN["layers"]:
        mesh = Regioncam(size)
        for weight, bias in layers[:-1]:
            mesh.linear(np.ascontiguousarray(weight.T, dtype=np.float32), bias.astype(np.float32))
            mesh.relu()
        counts.append(mesh.num_faces)
    return counts


def relucent_plane() -> list[int]:
    """The regions of the whole plane."""
    import relucent
    import torch

    counts = []
    for layers in _KNOWN["layers"]:
        widths = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
        steps: list[torch.nn.Module] = []
        for place, (fan_in, fan_out) in enumerate(pairwise(widths)):
            steps += [torch.nn.ReLU()] if place else []
            steps.append(torch.nn.Linear(fan_in, fan_out, dtype=torch.float64))
        net = torch.nn.Sequential(*steps)
        with torch.no_grad():
            for linear, (weight, bias) in zip(net[::2], layers, strict=True):
                linear.weight.copy_(torch.from_numpy(weight))
                linear.bias.copy_(torch.from_numpy(bias))
        complex_ = relucent.Complex(net)
        complex_.bfs(nworkers=1, verify=False, verbose=0)
        counts.append(len(complex_))
    return counts


if __name__ == "__main__" and "--serve" in sys.argv:
    serve({one.__name__: one for one in (installed, networks, regioncam_polygon, relucent_plane)})
