"""Paths between two networks: straight, matched, learnt, elastic and dynamic, and the barrier on each."""
