"""Measurements that print what things take, side by side; run one as a script."""
