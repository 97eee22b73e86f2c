"""Measures product and floor in one run; every figure is a ratio of two measurements."""
