"""The spherical p-spin: how its critical points lie in energy and index."""

from theory.spin_glass.any_index import complexity_of_all_indices
from theory.spin_glass.arguments import threshold_limit
from theory.spin_glass.complexity_functions import complexity, index_rate
from theory.spin_glass.fixed_index import complexity_by_index
from theory.spin_glass.hessian_law import hessian_given_energy, spin_glass_hessian
from theory.spin_glass.index_and_energy import index_against_energy, index_fraction, index_near_threshold
from theory.spin_glass.layers import threshold_spacing
from theory.spin_glass.mean_number import mean_critical_points, mean_number_by_index
from theory.spin_glass.quadratures import index_rate_integral
from theory.spin_glass.thresholds import indices_at_energy, minima_band, threshold_energy

__all__ = [
    "complexity",
    "complexity_by_index",
    "complexity_of_all_indices",
    "hessian_given_energy",
    "index_against_energy",
    "index_fraction",
    "index_near_threshold",
    "index_rate",
    "index_rate_integral",
    "indices_at_energy",
    "mean_critical_points",
    "mean_number_by_index",
    "minima_band",
    "spin_glass_hessian",
    "threshold_energy",
    "threshold_limit",
    "threshold_spacing",
]
