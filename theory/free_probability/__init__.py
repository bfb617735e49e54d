"""Free probability for laws with a free Levy triple: symbols, floats and balls behind one class."""
