"""A law of your own, three jumps and a semicircle, against a matrix sampled from its recipe.

Each jump (rate, size) is the limit of ``size * X X'`` with rate x N independent Gaussian columns of unit expected
length, the semicircle that of a Wigner matrix. Independent pieces of this kind are asymptotically free, so their laws
add. Run

    .venv/bin/python examples/your_own_law.py [--size 800] [--seed 0] [--plot law.png]
"""

import argparse

import numpy as np

from theory import SpectralLaw, compound_poisson, semicircle

JUMPS = ((2, 1), ("1/2", -1), ("1/4", 3))
VARIANCE = "1/10"


def own_law() -> SpectralLaw:
    """Return the free sum of three jumps and a semicircle."""
    return compound_poisson(JUMPS) + semicircle(VARIANCE)


def sample_eigenvalues(size: int, generator: np.random.Generator) -> np.ndarray:
    """Sample one matrix of the recipe and return its eigenvalues in order."""
    law = own_law()
    noise = generator.normal(size=(size, size))
    matrix = (noise + noise.T) * np.sqrt(float(law.variance) / (2 * size))
    for rate, place in law.jumps:
        columns = generator.normal(size=(size, round(float(rate) * size))) / np.sqrt(size)
        matrix += float(place) * columns @ columns.T
    return np.linalg.eigvalsh(matrix)


def wasserstein_distance(law: SpectralLaw, eigenvalues: np.ndarray) -> float:
    """Return the integral of |F_sample - F_law| over the line, the W1 distance, on a fine grid."""
    support = law.support()
    low = min(support[0][0], eigenvalues[0]) - 0.1
    high = max(support[-1][1], eigenvalues[-1]) + 0.1
    x = np.linspace(low, high, 20_001)
    sample = np.searchsorted(eigenvalues, x, side="right") / len(eigenvalues)
    return float(np.abs(sample - law.cdf(x)).mean() * (high - low))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="A law of your own against a sampled matrix.")
    parser.add_argument("--size", type=int, default=800, help="rows of the matrix")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="save a picture")
    options = parser.parse_args()
    law = own_law()
    eigenvalues = sample_eigenvalues(options.size, np.random.default_rng(options.seed))
    print(law)
    print("support   ", "  ".join(f"[{low:.6f}, {high:.6f}]" for low, high in law.support()))
    print("index     ", law.index(digits=30), f"(sampled {np.mean(eigenvalues < 0):.4f})")
    print("moments   ", *(law.moment(order) for order in range(1, 5)))
    print("sampled   ", *(f"{np.mean(eigenvalues**order):.3f}" for order in range(1, 5)))
    print(f"W1 distance {wasserstein_distance(law, eigenvalues):.5f} at N = {options.size}")
    if options.plot:
        import matplotlib

        matplotlib.use("Agg")
        axes = law.plot()
        axes.hist(eigenvalues, bins=60, density=True, alpha=0.3, color="C1")
        axes.figure.savefig(options.plot)


if __name__ == "__main__":
    main()
