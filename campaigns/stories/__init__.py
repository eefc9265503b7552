"""Benchmarks: members of a group whose story shows the others what is possible."""
