"""One logistic neuron: exponentially many local minima under square loss, none under the entropic loss."""

from theory.logistic_neuron.axis_loss import AxisMinima
from theory.logistic_neuron.entropic_loss import entropic_convexity
from theory.logistic_neuron.exponentially_many import LogisticMinima, axis_examples, logistic_minima

__all__ = ["AxisMinima", "LogisticMinima", "axis_examples", "entropic_convexity", "logistic_minima"]
