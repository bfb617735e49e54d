"""Sublevel sets of the loss: how many components they have, and paths within them."""

from theory.level_sets.sublevel_tree import MergeTree as MergeTree
from theory.level_sets.sublevel_tree import merge_tree as merge_tree
