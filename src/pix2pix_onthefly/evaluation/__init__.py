"""Measures edits: benchmarks, metrics, and an exact judge for the rendered world."""
