"""Classifiers: softmax and cross-entropy, threshold units and their slopes, the cells and labelings of half-spaces."""
