"""Local and global minima: how many there are, what set they form, and which are proved not to be global."""

READING_ORDER = ("logistic_neuron", "relu_teacher", "random_teacher", "dimension", "fit_conditions", "wide_layer")
