"""Claims on local minima: how many there are, and where some are proved that are not global."""

READING_ORDER = ("logistic_neuron", "relu_teacher")
