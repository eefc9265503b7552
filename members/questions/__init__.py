"""What members ask: answered within a service target, escalated in time, and kept as knowledge."""
