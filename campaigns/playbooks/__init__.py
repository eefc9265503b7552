"""Playbooks: what the first days of a member or a group hold, written down once and carried out by itself."""
