"""The points at which a network fits its data: when there are any, how many dimensions they fill, and other minima."""

from theory.global_minima.certified_zero import ZeroCertificate as ZeroCertificate
from theory.global_minima.certified_zero import certify_zero as certify_zero
from theory.global_minima.dependent_features import gradient_without_rank as gradient_without_rank
from theory.global_minima.dependent_features import square_units_at_rest as square_units_at_rest
from theory.global_minima.exceptional_data import dead_unit_sheets as dead_unit_sheets
from theory.global_minima.exceptional_data import linear_units_fit as linear_units_fit
from theory.global_minima.exceptional_data import repeated_inputs as repeated_inputs
from theory.global_minima.interpolating_layer import interpolating_layer as interpolating_layer
from theory.global_minima.wide_layer import wide_layer_gradient as wide_layer_gradient
from theory.global_minima.zero_loss_set import kernel_at_a_fit as kernel_at_a_fit
from theory.global_minima.zero_loss_set import zero_loss_dimension as zero_loss_dimension
