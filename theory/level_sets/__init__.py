"""Sublevel sets of the loss: how many components they have, and paths within them."""

from theory.level_sets.equal_networks import equal_networks_midpoint as equal_networks_midpoint
from theory.level_sets.equal_networks import zero_loss_polyline as zero_loss_polyline
from theory.level_sets.linear_equality import linear_equality_case as linear_equality_case
from theory.level_sets.linear_paths import linear_path as linear_path
from theory.level_sets.merging_paths import merging_path as merging_path
from theory.level_sets.parameter_path import ParameterPath as ParameterPath
from theory.level_sets.plateau import plateau_counterexample as plateau_counterexample
from theory.level_sets.quadratic_paths import output_matrix as output_matrix
from theory.level_sets.quadratic_paths import quadratic_descent as quadratic_descent
from theory.level_sets.quadratic_paths import quadratic_path as quadratic_path
from theory.level_sets.quadratic_starts import QUADRATIC_KINDS as QUADRATIC_KINDS
from theory.level_sets.quadratic_starts import degenerate_start as degenerate_start
from theory.level_sets.quadratic_valleys import one_quadratic_unit as one_quadratic_unit
from theory.level_sets.quadratic_valleys import quadratic_minima_at_equal_width as quadratic_minima_at_equal_width
from theory.level_sets.quadratic_valleys import quadratic_valley as quadratic_valley
from theory.level_sets.relu_valleys import simplex_valleys as simplex_valleys
from theory.level_sets.relu_valleys import smallest_relu_valley as smallest_relu_valley
from theory.level_sets.ridge import ridge_with_three_layers as ridge_with_three_layers
from theory.level_sets.sublevel_tree import MergeTree as MergeTree
from theory.level_sets.sublevel_tree import merge_tree as merge_tree
from theory.level_sets.two_sided_valley import two_sided_valley as two_sided_valley
from theory.level_sets.wide_paths import wide_path as wide_path
