"""Rule sets of groups: versions, detectors, and what a broken rule leads to."""
