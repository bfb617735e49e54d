"""Linear networks with one hidden layer, solved: all critical points, least energies, when they interpolate."""

from theory.linear_network.barrier import minimiser_barrier as minimiser_barrier
from theory.linear_network.classification import linear_critical_sets as linear_critical_sets
from theory.linear_network.critical_sets import CriticalSet as CriticalSet
from theory.linear_network.critical_sets import critical_points as critical_points
from theory.linear_network.critical_table import CriticalTable as CriticalTable
from theory.linear_network.critical_table import critical_table as critical_table
from theory.linear_network.greedy_sets import greedy_index_law as greedy_index_law
from theory.linear_network.index_curve import linear_index_curve as linear_index_curve
from theory.linear_network.interpolation import interpolation_threshold as interpolation_threshold
from theory.linear_network.least_energy import LeastEnergyLaw as LeastEnergyLaw
from theory.linear_network.least_energy import least_energy_density as least_energy_density
from theory.linear_network.least_energy import least_energy_law as least_energy_law
from theory.linear_network.minimum_energy import linear_minimum_energy as linear_minimum_energy
from theory.linear_network.second_variation import critical_set_index as critical_set_index
from theory.linear_network.typical_sets import typical_index_law as typical_index_law
from theory.linear_network.uniform_sets import uniform_index_law as uniform_index_law
