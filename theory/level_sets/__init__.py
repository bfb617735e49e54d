"""Sublevel sets of the loss: how many components they have, and paths within them."""

from theory.level_sets.linear_paths import linear_path as linear_path
from theory.level_sets.merging_paths import merging_path as merging_path
from theory.level_sets.parameter_path import ParameterPath as ParameterPath
from theory.level_sets.quadratic_paths import output_matrix as output_matrix
from theory.level_sets.quadratic_paths import quadratic_descent as quadratic_descent
from theory.level_sets.quadratic_paths import quadratic_path as quadratic_path
from theory.level_sets.sublevel_tree import MergeTree as MergeTree
from theory.level_sets.sublevel_tree import merge_tree as merge_tree
from theory.level_sets.wide_paths import wide_path as wide_path
